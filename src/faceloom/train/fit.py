"""From two face sets to a trained run: the stage behind `faceloom train`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from faceloom.data.balance import PairBalance, pair_balance
from faceloom.data.batches import FaceBank, PairBatches
from faceloom.data.faceset import FaceSet
from faceloom.errors import UserError
from faceloom.faces.align import recrop_transform
from faceloom.files import write_json
from faceloom.image import to_tensor, warp
from faceloom.models import build_learner, landmark_kind
from faceloom.models.base import SIDES, Side
from faceloom.nets.blocks import seeded_init
from faceloom.train.config import Budget, TrainConfig
from faceloom.train.loop import Trainer, TrainStatus
from faceloom.train.preview import FACES_A_SIDE, using, write_preview
from faceloom.train.run import Run, SideRecord, load_swapper

MIN_FACES = 20
"""Fewer than this teach a decoder nothing but those very pictures."""
_CHUNK = 256


@dataclass(frozen=True)
class TrainReport:
    """What a finished (or already finished) training leaves."""

    run: Path
    step: int
    elapsed_s: float
    resumed: bool
    preview: Path


def fit_pair(
    faces_a: Path,
    faces_b: Path,
    run_path: Path,
    config: TrainConfig,
    report: Callable[[TrainStatus | PairBalance], None] | None = None,
) -> TrainReport:
    """Train a pair model, or continue the run that the folder holds.

    Before a fresh run the report gets the balance of the pair's material, once. A run that exists
    continues with its own configuration; only the budget is taken from `config`.
    Raises UserError for unusable face sets, a damaged checkpoint, a loss that is not finite.
    """
    run = Run(run_path)
    face_sets: dict[Side, FaceSet] = {"a": _open(faces_a), "b": _open(faces_b)}
    if run.exists:
        config = _continued(run, config, face_sets)
    else:
        run.create(config, {side: _record(faces) for side, faces in face_sets.items()})
    # One intra-op pool for the whole process; 0 keeps torch's own choice of one thread a core.
    if config.threads:
        torch.set_num_threads(config.threads)
    size_px = config.model.shape.size_px
    banks = {side: _bank(faces, config) for side, faces in face_sets.items()}
    seeded_init(config.seed)
    identities = torch.stack([torch.from_numpy(face_sets[s].mean_identity) for s in SIDES])
    learner = build_learner(config.model, F.normalize(identities.float(), dim=1))
    batches = PairBatches(
        banks["a"], banks["b"], size_px, config.per_side, config.seed, config.augment
    )
    trainer = Trainer(learner, batches, run, config)
    resumed = trainer.resume()
    if not resumed:
        _tell_balance(run, banks, report)
    faces = {side: _preview_faces(face_sets[side], size_px) for side in SIDES}
    faces = {side: tensor.to(trainer.device) for side, tensor in faces.items()}

    def preview(state: Trainer) -> None:
        with using(state.learner.generator_modules, state.average):
            write_preview(run.path, state.learner.swapper, faces, state.place.step)

    trainer.fit(report, preview)
    return TrainReport(
        run.path,
        trainer.place.step,
        trainer.place.elapsed_s,
        resumed,
        run.path / "preview.png",
    )


def _tell_balance(
    run: Run, banks: dict[Side, FaceBank], report: Callable[[PairBalance], None] | None
) -> None:
    """What the material is like, into the run folder and to whoever wants to know."""
    a, b = banks["a"].table, banks["b"].table
    balance = pair_balance(a.traits, a.sources, b.traits, b.sources)
    write_json(run.path / "balance.json", asdict(balance))
    if report is not None:
        report(balance)


def preview_run(run_path: Path) -> Path:
    """Write the current grid of a run from its saved model; gives the picture's path."""
    run = Run(run_path)
    _, sides = run.read()
    loaded = load_swapper(run_path)
    size_px = loaded.swapper.size_px
    faces = {s: _preview_faces(FaceSet.open(Path(sides[s].path)), size_px) for s in SIDES}
    checkpoint = run.load_checkpoint()
    step = checkpoint[1].step if checkpoint else 0
    return write_preview(run_path, loaded.swapper, faces, step)


def _open(path: Path) -> FaceSet:
    faces = FaceSet.open(path)
    if len(faces) < MIN_FACES:
        raise UserError(
            f"{path}: has {len(faces)} faces, too few to learn from (at least {MIN_FACES});"
            " extract from longer or sharper footage"
        )
    return faces


def _record(faces: FaceSet) -> SideRecord:
    identity = [float(value) for value in faces.mean_identity]
    return SideRecord(str(faces.path.resolve()), len(faces), faces.consent, identity)


def _continued(run: Run, config: TrainConfig, face_sets: dict[Side, FaceSet]) -> TrainConfig:
    """The run's own configuration with the new budget."""
    own, sides = run.read()
    if own.model.shape.size_px != config.model.shape.size_px:
        raise UserError(
            f"{run.path}: was begun at {own.model.shape.size_px} px and cannot go on at"
            f" {config.model.shape.size_px} px; train into a new folder"
        )
    for side, faces in face_sets.items():
        if len(faces) != sides[side].faces:
            raise UserError(
                f"{run.path}: was begun with {sides[side].faces} faces on side {side}, and"
                f" {faces.path} has {len(faces)}; train into a new folder"
            )
    return replace(own, budget=Budget(config.budget.minutes, config.budget.steps))


def _rows(faces: FaceSet, count: int) -> NDArray[np.int64]:
    """At most `count` rows, evenly over the set."""
    return np.unique(np.linspace(0, len(faces) - 1, min(count, len(faces))).astype(np.int64))


def _bank(faces: FaceSet, config: TrainConfig) -> FaceBank:
    rows = _rows(faces, config.max_faces)

    def chunks() -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        for start in range(0, len(rows), _CHUNK):
            some = rows[start : start + _CHUNK]
            yield faces.crops(some), faces.meshes_N4683[some]

    sources = [faces.records[row].source for row in rows]
    return FaceBank.from_chunks(
        chunks(),
        config.model.shape.size_px,
        faces.coverage,
        config.sampling,
        sources,
        landmark_kind(config.model),
    )


def _preview_faces(faces: FaceSet, size_px: int) -> Tensor:
    rows = _rows(faces, FACES_A_SIDE)
    tighten = recrop_transform(faces.size_px, faces.coverage, size_px, 1.0)
    crops = [warp(crop, tighten, (size_px, size_px), "area") for crop in faces.crops(rows)]
    return to_tensor(np.stack(crops))
