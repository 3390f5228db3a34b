"""Joining the stages: from two inputs to a swapped clip. The only place that knows them all.

Every stage keeps its own folder and goes on where it stopped, so running the same swap again after
a kill finishes it, and running it once more does nothing twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from faceloom.convert import ConvertOptions, ConvertReport, ConvertStatus, convert
from faceloom.convert.clip import PERSON_COSINE, Work
from faceloom.data.balance import PairBalance
from faceloom.errors import UserError
from faceloom.extract import ExtractOptions, ExtractReport, ExtractStatus, extract
from faceloom.faces.align import align
from faceloom.faces.identity import embed, load_identity
from faceloom.faces.track import TrackedFace
from faceloom.image import RGB
from faceloom.models.base import Side
from faceloom.provenance import clip_metadata
from faceloom.train.config import TrainConfig
from faceloom.train.fit import TrainReport, fit_pair
from faceloom.train.run import LoadedSwapper, Run, load_swapper
from faceloom.train.status import TrainStatus

Status = ExtractStatus | PairBalance | TrainStatus | ConvertStatus
Report = Callable[[str, Status], None]
"""Progress of a stage: its name and status."""


@dataclass(frozen=True)
class SwapOptions:
    """A whole swap."""

    train: TrainConfig
    consent_footage: str
    consent_face: str
    extract_footage: ExtractOptions = field(default_factory=ExtractOptions)
    extract_face: ExtractOptions = field(default_factory=ExtractOptions)
    convert: ConvertOptions = field(default_factory=ConvertOptions)
    work: Path | None = None
    """Where face sets and run go; beside the output by default."""


@dataclass(frozen=True)
class SwapReport:
    """Where everything lies."""

    output: Path
    faces_footage: ExtractReport
    faces_face: ExtractReport
    train: TrainReport
    converted: ConvertReport | None
    """None in all processes but the first of a training in several."""


def swap(
    footage: Path, face: Path, output: Path, options: SwapOptions, report: Report | None = None
) -> SwapReport:
    """Put the face seen in `face` into `footage`. Raises UserError as its stages do.

    Training in several processes starts this anew in each; the first one alone converts.
    """
    if os.environ.get("TORCHELASTIC_RUN_ID"):
        raise UserError(
            "torchrun: starts everything several times, and only training can share its work; run"
            " `faceloom extract` on both sides, then `faceloom train` under torchrun, then"
            " `faceloom convert`; on one machine, `faceloom swap --devices` does all of it"
        )
    work = options.work or output.with_name(f"{output.stem}.faceloom")

    def tell(stage: str) -> Callable[[Status], None]:
        return lambda status: report(stage, status) if report is not None else None

    faces_a = extract(
        footage, work / "faces-footage", options.extract_footage, options.consent_footage,
        tell("footage"),
    )  # fmt: skip
    faces_b = extract(
        face, work / "faces-face", options.extract_face, options.consent_face, tell("face")
    )
    run = work / "run"
    trained = fit_pair(faces_a.path, faces_b.path, run, options.train, tell("train"))
    converted = None
    if trained.writes:
        converted = convert_with_run(footage, run, output, options.convert, tell("convert"))
    return SwapReport(output, faces_a, faces_b, trained, converted)


def convert_with_run(
    footage: Path,
    run: Path,
    output: Path,
    options: ConvertOptions,
    report: Callable[[ConvertStatus], None] | None = None,
) -> ConvertReport:
    """Convert footage with a trained run. Raises UserError as `convert` and `load_swapper` do."""
    loaded = load_swapper(run)
    if options.landmarks and loaded.swapper.landmarks is None:
        raise UserError(
            f"{run}: was trained without landmarks; leave --landmarks out, or train with"
            " --preset landmarks"
        )
    return convert(footage, work_of(loaded, options), output, options, report)


def work_of(loaded: LoadedSwapper, options: ConvertOptions) -> Work:
    """What conversion needs of a loaded run: model, metadata, and whom to swap."""
    shown: Side = options.to
    replaced: Side = "a" if shown == "b" else "b"
    metadata = clip_metadata(loaded.sha256, loaded.consents[replaced], loaded.consents[shown])
    return Work(loaded.swapper, loaded.sha256, metadata, _recogniser(loaded.identities[replaced]))


def already_trained(run: Path) -> bool:
    """Whether a run folder holds a model."""
    return Run(run).model_path.is_file()


def _recogniser(identity_D: torch.Tensor) -> Callable[[RGB, TrackedFace], bool]:
    """Tells the person of this mean identity from others."""
    person = identity_D.numpy().astype(np.float32)
    net = load_identity()

    def is_person(frame: RGB, seen: TrackedFace) -> bool:
        aligned = align(frame, seen.face, 256, 1.25)
        found = embed(net, aligned.crop_HWC[None], aligned.mesh_4683[None])[0]
        return float(found @ person) >= PERSON_COSINE

    return is_person
