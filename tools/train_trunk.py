"""For maintainers: the trunk that pairs start from, `assets/trunk_SIZE.safetensors`.

    python -m tools.train_trunk --size 96 --work runs/trunk

One decoder, told whose face to paint, learns to restore many synthetic people (`synth.crowd`), each
in two places, with blinks, speech, extremes, turns of the head, all lights, and things in front of
the face; and to swap them, as each picture is rendered with another's face, too: the exact answer.
So the codes say what a face does, and not whose it is. Nobody of the benchmark or the demo is among
them. `--portraits DIR` adds photographs of real people, whose licence must allow it
(`docs/trunk.md` says whose the shipped files have seen). Interrupted at any moment, it goes on
where it was when the command is given again.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from faceloom import __version__
from faceloom.bench import PAIRS
from faceloom.data.balance import PairBalance
from faceloom.data.faceset import FaceSet
from faceloom.demo import DEMO_PAIR
from faceloom.extract import ExtractOptions, extract
from faceloom.extract.answers import extract_answers
from faceloom.files import write_bytes, written_beside
from faceloom.models import MaskedGanConfig
from faceloom.provenance import SYNTHETIC
from faceloom.synth.crowd import lenders, write_crowd
from faceloom.train.config import Budget, preset_config
from faceloom.train.fit import fit_pair
from faceloom.train.run import Run, read_tensors
from faceloom.train.status import TrainStatus
from faceloom.train.warm_start import TRUNK, trunk_name

FIRST_PERSON = 1000
"""Seeds from here on; the benchmark's and the demo's people are below."""
_TOLD_EVERY_STEPS = 50
_WARM_SHARE = 0.5
"""Of the rate, where it starts from another run. At .7 nothing was learned until the rate fell."""
_CROWDS = ("400x20", "300x4", "120x20x8", "120x20x8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument(
        "--crowd",
        action="append",
        help="PEOPLExPICTURES of each[xFACES that take turns in the answers to them, 1], again for "
        f"more; {' and '.join(_CROWDS)} if not given",
    )
    parser.add_argument(
        "--first-person", type=int, default=FIRST_PERSON, help="seed; those that follow are next"
    )
    parser.add_argument("--answered", type=float, default=0.5, help="share of exact answers")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--only-references", action="store_true", help="the rest stays as it is")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--portraits", type=Path, help="a folder of folders of photographs")
    parser.add_argument("--consent", default=SYNTHETIC, help="of all who are in the pictures")
    parser.add_argument(
        "--from", dest="start", default="none", help="none, trunk (the shipped one), a run's folder"
    )
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="of what was learned; the rest of every weight stays as the shipped trunk has it",
    )
    parser.add_argument("--work", type=Path, default=Path("runs/trunk"))
    arguments = parser.parse_args()
    assert all(max(spec.into, spec.face) < FIRST_PERSON for spec in (*PAIRS, DEMO_PAIR))
    if arguments.first_person < FIRST_PERSON:
        parser.error(f"--first-person: {FIRST_PERSON} or above, others are the benchmark's")
    if arguments.portraits and arguments.consent == SYNTHETIC:
        parser.error("--portraits shows real people: say with --consent who allowed what")
    if arguments.share < 1 and arguments.start != TRUNK:
        parser.error("--share: needs --from trunk, of which the rest is to be")
    sides = crowd_faces(arguments)
    preset = preset_config("trunk", arguments.size)
    assert isinstance(preset.model, MaskedGanConfig)
    config = replace(
        preset,
        model=replace(
            preset.model,
            answered=arguments.answered,
            only_references=arguments.only_references,
        ),
        optimizer=replace(preset.optimizer, warm_share=_WARM_SHARE),
        budget=Budget(None, arguments.steps),
        threads=arguments.threads,
        start=arguments.start,
    )
    run = arguments.work / f"run-{arguments.size}"
    before = arguments.work / f"before-{arguments.size}.safetensors"
    if arguments.share < 1 and not before.is_file():
        write_bytes(before, shipped(arguments.size).read_bytes())
    fit_pair(*sides, run, config, _tell)
    print(ship(run, shipped(arguments.size), arguments.share, before))


def crowd_faces(arguments: argparse.Namespace) -> tuple[Path, Path]:
    """The crowds' face set, and its answers in the same crops; portraits are their own answers."""
    work, portraits = arguments.work, arguments.portraits
    folders: dict[str, list[Path]] = {"a": [], "b": []}
    lent: dict[str, list[str]] = {}
    first = arguments.first_person
    for number, size in enumerate(arguments.crowd or _CROWDS):
        people, pictures, *turns = (int(part) for part in size.split("x"))
        faces_each = turns[0] if turns else 1
        rendered = {"a": work / f"crowd-{number}", "b": work / f"answers-{number}"}
        seeds = range(first, first + people)
        lent |= lenders(seeds, faces_each)
        write_crowd(
            seeds,
            rendered["a"],
            pictures=pictures,
            answers=rendered["b"],
            faces_each=faces_each,
            report=lambda status: print(status.detail, flush=True),
        )
        for side, folder in rendered.items():
            folders[side] += sorted(folder.glob("person-*"))
        first += people
    photographs = sorted(path for path in portraits.iterdir() if path.is_dir()) if portraits else []
    for side, shown in folders.items():
        links = work / f"all-{side}"
        links.mkdir(exist_ok=True)
        for pictures_of_one in (*shown, *photographs):
            link = links / pictures_of_one.name
            if not link.exists():
                link.symlink_to(pictures_of_one.resolve())
    faces, answers = work / "faces-a", work / "faces-b"
    extract(work / "all-a", faces, ExtractOptions(everyone=True), arguments.consent)
    extract_answers(FaceSet.open(faces), work / "all-b", answers, lent)
    return faces, answers


def shipped(size_px: int) -> Path:
    """Where the package has its trunk of a size."""
    return Path(str(files("faceloom.assets").joinpath(trunk_name(size_px))))


def ship(run: Path, target: Path, share: float = 1.0, before: Path | None = None) -> Path:
    """Write the run's averaged weights as a trunk, in bfloat16; with a share below 1 so far on the
    way to them from the trunk `before` (Wortsman et al. 2022, "Robust fine-tuning of zero-shot
    models", arXiv:2109.01903)."""
    tensors, metadata = read_tensors(Run(run).model_path)
    told = {"format": "1", "faceloom": __version__, "steps": metadata["step"]}
    if share < 1 and before is not None:
        known, _ = read_tensors(before)
        tensors = {n: torch.lerp(known[n].float(), t.float(), share) for n, t in tensors.items()}
        told["share"] = f"{share:g}"
    with written_beside(target) as beside:
        save_file({n: t.to(torch.bfloat16).contiguous() for n, t in tensors.items()}, beside, told)
    return target


def _tell(status: TrainStatus | PairBalance) -> None:
    if isinstance(status, PairBalance):
        return  # Everybody on both sides: there is nothing to balance.
    if status.notice is not None:
        print(status.notice, flush=True)
    elif status.step % _TOLD_EVERY_STEPS == 0:
        terms: dict[str, Any] = {name: round(value, 4) for name, value in status.losses.items()}
        print(f"step {status.step}, {status.faces_per_s:.0f} faces/s, {terms}", flush=True)


if __name__ == "__main__":
    main()
