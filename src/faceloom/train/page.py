"""The page of a run: `preview.html`, one file with its grids over time, curves and scores.

It opens offline and asks the network for nothing (`faceloom.page`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceloom import __version__
from faceloom.data.sampling import evenly
from faceloom.files import write_bytes
from faceloom.image import encode_image, read_image
from faceloom.page import data_uri, render_page
from faceloom.train.curves import Panel, draw_curves
from faceloom.train.run import Run

PAGE_FILE = "preview.html"
MOST_GRIDS = 24
"""Grids of the timelapse, spread evenly over those there are."""
_MOST_POINTS = 600
"""Of a curve; more is finer than a screen."""
_QUALITY = 82
_FIGURES = {
    "total": ("score", "the identity gain times how well the rest is kept, 0 to 1", 3),
    "identity_gain": (
        "identity gain",
        "0: like the footage, 1: like the wanted person's own faces; by training's own network",
        3,
    ),
    "mouth": ("mouth follows", "correlation of its opening in swap and footage", 3),
    "eyes": ("eyes follow", "correlation of their opening in swap and footage", 3),
    "pose_deg": ("pose differs", "mean difference of yaw and pitch, degrees", 1),
    "sharpness": ("sharpness", "of the swap over the wanted person's own faces", 2),
    "leak": ("mask leak", "share of the mask that lies outside the face", 3),
    "unseen": ("not seen", "share of swaps in which no face was found", 2),
}


@dataclass(frozen=True)
class Grid:
    """One picture of the timelapse."""

    step: int
    data: str
    """JPEG as a data URI."""


@dataclass(frozen=True)
class FigureRow:
    """One figure of the score: the newest, and that of the best model."""

    title: str
    words: str
    last: str
    best: str


def write_page(run: Run) -> Path:
    """Write `preview.html` into the run folder from what lies there; gives its path."""
    write_bytes(run.path / PAGE_FILE, render_run(run).encode())
    return run.path / PAGE_FILE


def render_run(run: Run) -> str:
    """The page as HTML."""
    entries = run.entries()
    figures = [entry for entry in entries if "losses" in entry]
    scores = [entry["score"] for entry in figures if "score" in entry]
    best = max(scores, key=lambda score: score["total"], default=None)
    last = figures[-1] if figures else {"step": 0, "elapsed_s": 0.0, "progress": 0.0}
    return render_page(
        "run.html.j2",
        "run.js",
        name=run.path.resolve().name,
        step=last["step"],
        minutes=last["elapsed_s"] / 60,
        progress=last["progress"],
        notices=[(entry["step"], entry["notice"]) for entry in entries if "notice" in entry],
        grids=_grids(run.path / "previews"),
        curves=_curves(figures),
        rows=_rows(scores[-1], best) if scores and best is not None else [],
        last_step=scores[-1]["step"] if scores else 0,
        best_step=best["step"] if best is not None else 0,
        chosen=run.chosen_model().name if run.model_path.is_file() else "",
        version=__version__,
    )


def _grids(folder: Path) -> list[Grid]:
    files = sorted(folder.glob("*.png"))
    picked = evenly(len(files), MOST_GRIDS)
    return [
        Grid(
            int(files[i].stem),
            data_uri(encode_image(read_image(files[i]), ".jpg", _QUALITY), "image/jpeg"),
        )
        for i in picked
    ]


def _curves(entries: Sequence[dict[str, Any]]) -> Any:
    """Losses, identity, score and its parts over the minutes; nothing without entries."""
    if not entries:
        return ""
    every = max(1, -(-len(entries) // _MOST_POINTS))
    # A line with a score is rare and never left out.
    kept = [e for i, e in enumerate(entries) if i % every == 0 or "score" in e]
    minutes = [entry["elapsed_s"] / 60 for entry in kept]
    names = sorted({name for entry in kept for name in entry["losses"]})
    parts = ("identity_gain", "mouth", "eyes", "sharpness", "leak")

    def of(group: str, name: str) -> list[float | None]:
        return [entry.get(group, {}).get(name) for entry in kept]

    restoring = [name for name in ("l1", "dssim", "edge", "cycle") if name in names]
    others = [name for name in names if name not in restoring]
    scored = [entry for entry in kept if "score" in entry]
    panels = [
        Panel("restoring losses", minutes, {name: of("losses", name) for name in restoring}),
        Panel("other losses", minutes, {name: of("losses", name) for name in others}),
        Panel("score on held-out faces", minutes, {"score": of("score", "total")}),
        Panel("its parts", minutes, {name.replace("_", " "): of("score", name) for name in parts}),
    ]
    shown = [
        panel for panel in panels if any(v is not None for y in panel.lines.values() for v in y)
    ]
    words = f"Curves over {minutes[-1]:.1f} minutes: losses"
    if scored:
        first, newest = scored[0]["score"]["total"], scored[-1]["score"]["total"]
        words += f"; the score on held-out faces from {first:.2f} to {newest:.2f}"
    return draw_curves(shown, "minutes of training", words + ".")


def _rows(last: dict[str, float], best: dict[str, float]) -> list[FigureRow]:
    return [
        FigureRow(title, words, f"{last[name]:.{digits}f}", f"{best[name]:.{digits}f}")
        for name, (title, words, digits) in _FIGURES.items()
    ]
