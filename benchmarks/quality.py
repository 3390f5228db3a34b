"""Quality on real pairs: train from scratch, convert clips that training did not see, score them.

    python -m benchmarks.quality                    # s1 with s2 and s1 with s5, both directions
    python -m benchmarks.quality --pair s1,s2 --minutes 20
    python -m benchmarks.quality --pair s1,s2 --from trunk --minutes 5
    python -m benchmarks.quality --pair s1,s2 --work DIR    # score the runs that DIR holds

Prints a table, writes `quality.json` and contact sheets (footage above swap) into the work folder.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from faceloom.convert import ConvertOptions
from faceloom.data.balance import PairBalance
from faceloom.evaluate.clip_faces import read_clip_faces
from faceloom.evaluate.judge import DlibJudge
from faceloom.evaluate.swap import SwapScores, judge_pictures, score_swap
from faceloom.experiment import convert_with_run
from faceloom.extract import ExtractOptions, extract
from faceloom.faces.expression import mouth_opening
from faceloom.files import write_bytes, write_json
from faceloom.image import RGB, draw_grid, encode_image
from faceloom.models.base import Side
from faceloom.train.config import Budget, TrainConfig, preset_config, with_settings
from faceloom.train.fit import fit_pair
from faceloom.train.status import TrainStatus
from faceloom.video import VideoWriter, find_clips, probe, read_frames

MEDIA = Path(__file__).parents[2] / "shared" / "media" / "grid"
CONSENT = "GRID corpus speakers, CC BY 4.0, benchmark only, not published"


@dataclass(frozen=True)
class Person:
    """A person's clips; the last `held_out` are never trained on."""

    folder: str
    held_out: int


PEOPLE = {
    "s1": Person("s1/session-a", 4),
    "s2": Person("s2", 1),
    "s4": Person("s4", 2),
    "s5": Person("s5", 2),
}
TARGETS = {
    "identity_gain": (0.75, "at least"),
    "mouth_correlation": (0.9, "at least"),
    "eye_correlation": (0.75, "at least"),
    "jitter_ratio": (1.1, "at most"),
}
console = Console(width=120)


def split(name: str, work: Path) -> tuple[Path, list[Path]]:
    """A folder with the person's training clips, and the held-out clips."""
    person = PEOPLE[name]
    clips = find_clips(MEDIA / person.folder)
    training, held_out = clips[: -person.held_out], clips[-person.held_out :]
    folder = work / f"clips-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    for clip in training:
        link = folder / clip.name
        if not link.exists():
            link.symlink_to(clip)
    return folder, held_out


def report_training(status: TrainStatus | PairBalance) -> None:
    if isinstance(status, PairBalance):
        print(*status.lines(), sep="\n", flush=True)
    elif status.notice is not None:
        print(f"  {status.notice}", flush=True)
    elif status.step % 20 == 0:
        identity = f"{status.identity:.2f}" if status.identity is not None else "-"
        print(
            f"  {100 * status.progress:.0f}% step {status.step}, {status.faces_per_s:.0f} faces/s,"
            f" identity {identity}, l1 {status.losses['l1']:.4f}",
            flush=True,
        )


def score_direction(
    names: tuple[str, str], to: Side, run: Path, held_out: dict[str, list[Path]], work: Path
) -> SwapScores:
    """Convert the held-out clips of one person with the other's face, and score them."""
    target, source = (names[0], names[1]) if to == "b" else (names[1], names[0])
    footage = held_out[target]
    swapped, recoded = [], []
    for clip in footage:
        # Pictures of different sizes stay pictures.
        out = work / f"{target}-as-{source}" / (clip.name if clip.is_dir() else f"{clip.stem}.mp4")
        convert_with_run(clip, run, out, ConvertOptions(to=to))
        swapped.append(out)
        recoded.append(recode(clip, work / "recoded" / f"{target}-{out.name}"))
    judge = DlibJudge()
    training = find_clips(work / f"clips-{source}")
    face = [v for clip in training[:12] for v in judge_pictures(judge, read_clip_faces(clip), 4)]
    again = [v for clip in held_out[source] for v in judge_pictures(judge, read_clip_faces(clip))]
    write_contact_sheet(work / f"{target}-as-{source}.png", footage, swapped)
    return score_swap(footage, swapped, face, again, recoded)


def recode(clip: Path, out: Path) -> Path:
    """The untouched footage, encoded with the same settings."""
    if not out.exists():
        with VideoWriter(out, probe(clip)) as writer:
            for frame in read_frames(clip):
                writer.write(frame)
    return out


def write_contact_sheet(path: Path, footage: list[Path], swapped: list[Path]) -> None:
    """Frames with the mouth and eyes widest and most shut, and some between; footage above swap."""
    above: list[RGB] = []
    below: list[RGB] = []
    for before, after in list(zip(footage, swapped, strict=True))[:2]:
        clip = read_clip_faces(before)
        seen = [i for i, mesh in enumerate(clip.meshes) if mesh is not None]
        meshes = np.stack([mesh for mesh in clip.meshes if mesh is not None])
        mouth, eyes = mouth_opening(meshes), clip.eyes[seen]
        picked = {int(np.argmax(mouth)), int(np.argmin(mouth)), int(np.argmin(eyes))}
        picked |= {len(seen) // 4, len(seen) // 2}
        results = [frame.rgb for frame in read_frames(after)]
        for i in sorted(picked):
            above.append(clip.frames[seen[i]])
            below.append(results[seen[i]])
    height = min(image.shape[0] for image in above)
    width = min(image.shape[1] for image in above)
    rows = [[image[:height, :width] for image in row] for row in (above, below)]
    rows = [rows[0][:5], rows[1][:5], rows[0][5:10], rows[1][5:10]]
    write_bytes(path, encode_image(draw_grid([row for row in rows if row]), ".png"))


def run_pair(names: tuple[str, str], work: Path, config: TrainConfig) -> dict[str, SwapScores]:
    """Both directions of one pair."""
    work = work / "-".join(names)
    folders, held_out, face_sets = {}, {}, {}
    for name in names:
        folders[name], held_out[name] = split(name, work)
        report = extract(folders[name], work / f"faces-{name}", ExtractOptions(), CONSENT)
        face_sets[name] = report.path
        print(f"{name}: {report.faces} faces of {report.frames} frames", flush=True)
    run = work / "run"
    trained = fit_pair(face_sets[names[0]], face_sets[names[1]], run, config, report_training)
    print(f"trained {trained.step} steps in {trained.elapsed_s / 60:.1f} min", flush=True)
    return {
        f"{names[0]} as {names[1]}": score_direction(names, "b", run, held_out, work),
        f"{names[1]} as {names[0]}": score_direction(names, "a", run, held_out, work),
    }


def print_table(results: dict[str, SwapScores]) -> None:
    table = Table("figure", *results, "target")
    for field in dataclasses.fields(SwapScores):
        limit, sense = TARGETS.get(field.name, (None, ""))
        cells = []
        for scores in results.values():
            value = getattr(scores, field.name)
            text = f"{value:.3f}" if isinstance(value, float) else str(value)
            if limit is not None:
                good = value >= limit if sense == "at least" else value <= limit
                text = f"[{'green' if good else 'red'}]{text}[/]"
            cells.append(text)
        target = f"{sense} {limit}" if limit is not None else ""
        table.add_row(field.name.replace("_", " "), *cells, target)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pair", action="append", help="two of s1, s2, s4, s5, with a comma")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--steps", type=int, help="instead of minutes: the same on any machine")
    parser.add_argument("--from", dest="start", default="none", help="none, trunk or a run")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--work", type=Path, default=Path("runs/quality"))
    arguments = parser.parse_args()
    if not MEDIA.is_dir():
        raise SystemExit(f"{MEDIA}: the test media are not here")
    config = replace(
        preset_config(arguments.preset, arguments.size),
        budget=Budget(None if arguments.steps else arguments.minutes, arguments.steps),
        start=arguments.start,
        threads=arguments.threads,
    )
    config = with_settings(config, arguments.settings)
    results: dict[str, SwapScores] = {}
    for pair in arguments.pair or ["s1,s2", "s1,s5"]:
        first, second = pair.split(",")
        results |= run_pair((first, second), arguments.work, config)
    print_table(results)
    record = {name: dataclasses.asdict(scores) for name, scores in results.items()}
    write_json(arguments.work / "quality.json", json.loads(json.dumps(record)))


if __name__ == "__main__":
    main()
