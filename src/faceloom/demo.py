"""The demo: two people who do not exist, from rendering to a scored swap, as one page.

    FOLDER/pair/                    footage, material of the face, the exact answer
    FOLDER/result/.../              face sets, run, converted frames; the warp's beside
    FOLDER/clips/*.mp4              what the page plays
    FOLDER/index.html               the page, whole in itself: it asks the network for nothing

Every stage leaves what it made and is not done twice, so a demo that was stopped goes on.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from faceloom import __version__, bench
from faceloom.bench import Made, PairSpec, Report, teller
from faceloom.evaluate.keyed_pair import KeyedPair
from faceloom.evaluate.keyscores import BenchStatus, KeyScores
from faceloom.evaluate.score_lines import SCORE_LINES, best_column
from faceloom.files import read_json, write_bytes, write_json
from faceloom.image import encode_image, read_image
from faceloom.train.curves import Panel, draw_curves
from faceloom.train.run import Run
from faceloom.video import Frame, VideoWriter, probe, read_frames, read_metadata

DEMO_PAIR = PairSpec("pair", into=7, face=35, seed=1, seconds=11.0)
DEMO_MINUTES = 10.0
_CRF = 20
_PREVIEW_QUALITY = 88


@dataclass(frozen=True)
class DemoReport:
    """What the demo left."""

    page: Path
    result: Path
    scores: dict[str, KeyScores]


def run_demo(
    folder: Path,
    minutes: float = DEMO_MINUTES,
    report: Report | None = None,
    spec: PairSpec = DEMO_PAIR,
) -> DemoReport:
    """Render a pair, train the fast preset on it, convert, score, and write the page.

    Raises UserError as the stages do.
    """
    pair = bench.prepare_pair(spec, folder, report)
    methods = {
        "result": bench.trained(bench.Training(minutes=minutes)),
        "warp": bench.warp,
        "untouched": bench.untouched,
        "key": bench.answer,
    }
    made: dict[str, Made] = {}
    scores: dict[str, KeyScores] = {}
    strip = folder / "strip.png"
    for name, method in methods.items():
        made[name] = method(pair, folder / name / pair.name, report)
        scores[name] = bench.score_pair(
            pair, made[name], name, folder, report, strip if name == "result" else None
        )
    clips = {
        name: web_clip(pair, one.frames, folder / "clips" / f"{name}.mp4", teller(report, "clips"))
        for name, one in made.items()
    }
    write_json(folder / "scores.json", {name: asdict(one) for name, one in scores.items()})
    run = folder / "result" / pair.name / "run"
    page = render_page(pair, clips, strip, run, scores)
    write_bytes(folder / "index.html", page.encode())
    return DemoReport(folder / "index.html", clips["result"], scores)


def web_clip(
    pair: KeyedPair, source: Path, output: Path, report: Callable[[Any], None] | None = None
) -> Path:
    """Frames as a clip that every browser plays, at the footage's times; made once."""
    newest = max(file.stat().st_mtime for file in ([source, *source.glob("*")]))
    if output.is_file() and output.stat().st_mtime >= newest:
        return output
    like = replace(probe(pair.footage), pixel_format="yuv420p")
    metadata = read_metadata(source)
    with VideoWriter(output, like, crf=_CRF, metadata=metadata) as writer:
        for frame, shown in zip(read_frames(pair.footage), read_frames(source), strict=True):
            writer.write(Frame.from_rgb(shown.rgb, frame))
            if report is not None:
                report(BenchStatus((frame.index + 1) / pair.frames, output.name))
    return output


# -- the page -------------------------------------------------------------------------------------

_CLIP_WORDS = {
    "untouched": ("footage", "The first person, as rendered: what is given."),
    "result": ("result", "The second person's face, put in by the network just trained."),
    "key": ("exact answer", "The second person's face, put in by the renderer: hidden until now."),
    "warp": ("landmark warp", "The best that needs no training: a fitting picture, bent to fit."),
}
_COLUMN_WORDS = {
    "result": "result",
    "warp": "landmark warp",
    "untouched": "untouched footage",
    "key": "exact answer",
}


def render_page(
    pair: KeyedPair, clips: dict[str, Path], strip: Path, run: Path, scores: dict[str, KeyScores]
) -> str:
    """The page as HTML, with everything it shows inside."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string((files("faceloom.assets") / "demo.html.j2").read_text())
    columns = {name: asdict(scores[name]) for name in _COLUMN_WORDS}
    entries = [entry for entry in Run(run).entries() if "losses" in entry]
    traits = read_json(pair.path / "pair.json")
    return template.render(
        version=__version__,
        people=(traits.get("into"), traits.get("face")),
        seconds=pair.frames / pair.rate,
        frames=pair.frames,
        minutes=entries[-1]["elapsed_s"] / 60 if entries else 0.0,
        steps=entries[-1]["step"] if entries else 0,
        gain=round(scores["result"].gain, 2),
        warp_gain=round(scores["warp"].gain, 2),
        clips=[
            {"title": title, "words": words, "data": _data_uri(clips[name], "video/mp4")}
            for name, (title, words) in _CLIP_WORDS.items()
        ],
        rate=pair.rate,
        strip=_data_uri(strip, "image/png"),
        curve=training_curve(entries),
        preview=_jpeg_uri(run / "preview.png"),
        columns=list(_COLUMN_WORDS.values()),
        rows=_rows(columns),
        judged=scores["key"].identity_margin is not None,
        nearer_tone=scores["result"].nearer_tone,
    )


def _rows(columns: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The table's rows: every figure as text, the best of all but the answer marked."""
    rivals = {name: scores for name, scores in columns.items() if name != "key"}
    rows = []
    for line in SCORE_LINES:
        best = best_column(line, rivals)
        cells = [
            {"text": line.text(scores[line.name]), "best": name == best}
            for name, scores in columns.items()
        ]
        rows.append(
            {"title": line.title, "better": line.better, "cells": cells, "words": line.meaning}
        )
    return rows


def training_curve(entries: list[dict[str, Any]]) -> Markup:
    """Loss and identity over the training's minutes as an SVG element in the page's colours."""
    minutes = [entry["elapsed_s"] / 60 for entry in entries]
    words = (
        "Two curves over the minutes of training: the reconstruction error falls, the likeness of"
        " swapped faces rises."
    )
    panels = [
        Panel("reconstruction error", minutes, {"l1": _series(entries, "l1")}),
        Panel(
            "identity of swapped faces",
            minutes,
            {"identity": [entry["identity"] for entry in entries]},
        ),
    ]
    return draw_curves(panels, "minutes of training", words)


def _series(entries: list[dict[str, Any]], name: str) -> list[float | None]:
    return [entry["losses"].get(name) for entry in entries]


def _data_uri(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _jpeg_uri(png: Path) -> str:
    data = encode_image(read_image(png), ".jpg", _PREVIEW_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
