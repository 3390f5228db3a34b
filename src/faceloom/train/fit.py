"""From two face sets to a trained run: the stage behind `faceloom train`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from faceloom.data.balance import PairBalance, pair_balance
from faceloom.data.bank import FaceBank
from faceloom.data.description import descriptions, person_description
from faceloom.data.faceset import FaceSet
from faceloom.data.reference import FacePlaces
from faceloom.data.sampling import evenly
from faceloom.errors import UserError
from faceloom.faces.align import recrop_transform, transform_mesh
from faceloom.faces.mask import mesh_mask
from faceloom.files import write_json
from faceloom.image import to_tensor, warp
from faceloom.memory import keep_freed_memory
from faceloom.models import (
    MaskedGanConfig,
    build_learner,
    is_trunk,
    landmark_kind,
)
from faceloom.models.base import SIDES, Learner, ShownFaces, Side
from faceloom.models.pair import Trunk
from faceloom.nets.blocks import seeded_init
from faceloom.train.config import Budget, TrainConfig
from faceloom.train.distributed import Processes, connect
from faceloom.train.health import ProbeFaces
from faceloom.train.hold_out import held_out
from faceloom.train.loop import Trainer
from faceloom.train.material import keep_galleries, lay_as_model, make_batches
from faceloom.train.page import PAGE_FILE, write_page
from faceloom.train.places import keep_places
from faceloom.train.preview import FACES_A_SIDE, write_preview
from faceloom.train.run import Run, SideRecord, load_swapper
from faceloom.train.score import Scorer
from faceloom.train.status import TrainStatus
from faceloom.train.tensorboard import TensorBoardLog
from faceloom.train.trust import hold_to_trunk
from faceloom.train.warm_start import (
    SCRATCH,
    TRUNK,
    WarmStart,
    knows_skips,
    resolved_start,
    tells_looks,
    warm_start,
)

MIN_FACES = 20
"""Fewer than this teach a decoder nothing but those very pictures."""
_CHUNK = 256
_WARM_SHARE, _KNOWN_SHARE = 0.8, 0.4
"""Of the rate, and where a pair starts from a trunk that is told looks (docs/decisions/0029)."""
_KNOWN_RATE = 0.1
"""Of what the shipped trunk knows (docs/decisions/0023)."""
_RETURNED = 0.5
"""Of a pair's inputs, where the shipped trunk knows how to swap (docs/decisions/0040, 0041)."""
_PAGE_EVERY_S = 300.0
"""Of training; the grid alone is written more often."""


@dataclass(frozen=True)
class TrainReport:
    """What a finished (or already finished) training leaves."""

    run: Path
    step: int
    elapsed_s: float
    resumed: bool
    preview: Path
    page: Path
    stopped: str
    """Why training ended."""
    notices: tuple[str, ...]
    """What the engine noticed and did on the way."""
    writes: bool
    """False in the processes that only help the first one."""
    start: WarmStart | None = None
    """What a run that began now began with; None for fresh weights."""


def fit_pair(
    faces_a: Path,
    faces_b: Path,
    run_path: Path,
    config: TrainConfig,
    report: Callable[[TrainStatus | PairBalance], None] | None = None,
) -> TrainReport:
    """Train a pair model, or continue the run that the folder holds.

    Before a fresh run the report gets the balance of the pair's material, once. A run that exists
    continues with its own configuration; only the budget and the number of devices and machines are
    taken from `config`. With several, every process calls this.
    Raises UserError for unusable face sets, a damaged checkpoint, a training that collapses.
    """
    keep_freed_memory()
    run = Run(run_path)
    face_sets: dict[Side, FaceSet] = {"a": _open(faces_a), "b": _open(faces_b)}
    if run.exists:
        config = _continued(run, config, face_sets)
    _check_split(config)
    processes = connect(config)
    if not run.exists:
        config = begun(config)
    processes.wait()
    if processes.is_first and not run.exists:
        run.create(config, {side: _record(faces) for side, faces in face_sets.items()})
    processes.wait()
    trainer, start = _trainer(run, config, face_sets, processes)
    trainer.teller.report = report
    resumed = trainer.resume()
    lay_as_model(trainer.learner, trainer.batches)
    if not resumed and processes.is_first:
        _tell_balance(run, trainer.batches.banks, report)
    preview = _Previews(run, trainer)
    board = None
    if config.tensorboard and processes.is_first:
        trainer.teller.board = board = TensorBoardLog(run.path, trainer.place.step)
    try:
        trainer.fit(report, preview)
    finally:
        with contextlib.suppress(UserError):  # Whatever ended training says more.
            preview.page()
        if board is not None:
            board.close()
    return TrainReport(
        run.path,
        trainer.place.step,
        trainer.place.elapsed_s,
        resumed,
        run.path / "preview.png",
        run.path / PAGE_FILE,
        trainer.stopped,
        tuple(trainer.teller.notices),
        processes.is_first,
        start,
    )


def _trainer(
    run: Run, config: TrainConfig, face_sets: dict[Side, FaceSet], processes: Processes
) -> tuple[Trainer, WarmStart | None]:
    """Banks of what is trained on, a scorer of what is held out, the learner and its start."""
    # One intra-op pool for the whole process; 0 keeps torch's own choice of one thread a core.
    if config.threads:
        torch.set_num_threads(config.threads)
    size_px = config.model.shape.size_px
    split = {side: held_out(faces, config.hold_out) for side, faces in face_sets.items()}
    people: dict[Side, Tensor | None] = dict.fromkeys(SIDES)
    if is_trunk(config.model):
        people = {s: descriptions(face_sets[s], face_sets["a"], config.seed) for s in SIDES}
    rows = {s: split[s][0][evenly(len(split[s][0]), config.max_faces)] for s in SIDES}
    banks = {side: _bank(face_sets[side], rows[side], config, people[side]) for side in SIDES}
    held = {side: split[side][1] for side in SIDES}
    scorer = Scorer(face_sets, held, size_px) if all(map(len, held.values())) else None
    probe = ProbeFaces(
        {side: _preview_faces(face_sets[side], size_px) for side in SIDES},
        {side: _hulls(face_sets[side], size_px) for side in SIDES},
        {side: _preview_places(face_sets[side], side) for side in SIDES},
    )
    seeded_init(config.seed)
    identities = torch.stack([torch.from_numpy(face_sets[s].mean_identity) for s in SIDES])
    identities = F.normalize(identities.float(), dim=1)
    learner = build_learner(config.model, identities)
    shown = None
    if config.start != SCRATCH:
        shown = torch.stack([person_description(face_sets[side]) for side in SIDES])
    start = None if run.begun else _started(learner, config, shown, people["a"])
    processes.wait()  # Before the first checkpoint, all have seen that there is none.
    batches = make_batches(config, banks["a"], banks["b"])
    keep_galleries(learner, batches, lambda s, of: face_sets[s].crops(rows[s][of]))
    if config.start == TRUNK and shown is not None:
        trust = hold_to_trunk(learner, config, banks, shown, processes.autocast)
        if start is not None:
            keep_places(learner, face_sets, rows, processes.autocast, trust)
            start = replace(start, trust=trust)
    return Trainer(learner, batches, run, config, processes, scorer, probe), start


def _started(
    learner: Learner, config: TrainConfig, shown_2E: Tensor | None, people_NE: Tensor | None
) -> WarmStart | None:
    """Give a fresh learner what it starts from; `shown` describes both sides' people, `people` the
    first side's faces if it is a crowd's."""
    generator = learner.generator_modules
    start = warm_start(generator, config.start, config.model.shape.size_px, shown_2E)
    if isinstance(generator, Trunk) and people_NE is not None:
        generator.meet(people_NE)
    return start


class _Previews:
    """Writes the grid, and now and then the page; in the first process alone."""

    def __init__(self, run: Run, trainer: Trainer) -> None:
        assert trainer.probe is not None
        self._run = run
        self._probe = trainer.probe
        self._writes = trainer.processes.is_first
        self._page_at_s = 0.0

    def __call__(self, trainer: Trainer) -> None:
        """The current grid."""
        if not self._writes:
            return
        with trainer.averaged():
            swapper = trainer.learner.swapper
            faces, shown = self._probe.faces, self._probe.shown
            picture = write_preview(self._run.path, swapper, faces, shown, trainer.place.step)
        if trainer.teller.board is not None:
            trainer.teller.board.show_picture(picture, trainer.place.step)
        if trainer.place.elapsed_s - self._page_at_s >= _PAGE_EVERY_S:
            self.page()
            self._page_at_s = trainer.place.elapsed_s

    def page(self) -> None:
        """The page of the whole run so far."""
        if self._writes:
            write_page(self._run)


def _tell_balance(
    run: Run, banks: tuple[FaceBank, FaceBank], report: Callable[[PairBalance], None] | None
) -> None:
    """What the material is like, into the run folder and to whoever wants to know."""
    a, b = (bank.table for bank in banks)
    balance = pair_balance(a.traits, a.sources, b.traits, b.sources)
    write_json(run.path / "balance.json", asdict(balance))
    if report is not None:
        report(balance)


def preview_run(run_path: Path) -> Path:
    """Write the current grid of a run from its saved model, and its page; gives the grid's path."""
    run = Run(run_path)
    _, sides = run.read()
    loaded = load_swapper(run_path)
    size_px = loaded.swapper.size_px
    face_sets: dict[Side, FaceSet] = {s: FaceSet.open(Path(sides[s].path)) for s in SIDES}
    faces: dict[Side, Tensor] = {s: _preview_faces(f, size_px) for s, f in face_sets.items()}
    shown = {side: _preview_places(faces, side) for side, faces in face_sets.items()}
    picture = write_preview(run_path, loaded.swapper, faces, shown, loaded.step)
    write_page(run)
    return picture


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
    return replace(
        own,
        budget=Budget(config.budget.minutes, config.budget.steps),
        devices=config.devices,
        nodes=config.nodes,
        tensorboard=own.tensorboard or config.tensorboard,
    )


def begun(config: TrainConfig) -> TrainConfig:
    """With what its weights start from, and the rate that goes with it, said in full."""
    start, optimizer = resolved_start(config.start, config.model), config.optimizer
    model, augment = config.model, config.augment
    known = start == TRUNK and not is_trunk(model)
    if start != SCRATCH:
        share = optimizer.warm_share
        if share is None:
            share = _KNOWN_SHARE if known and tells_looks(model.shape.size_px) else _WARM_SHARE
        optimizer = replace(optimizer, lr=optimizer.lr * share, warm_share=share)
    if isinstance(model, MaskedGanConfig):
        model = _with_knowledge(model, start, known)
        if augment.shape_match is None and known and model.returned:
            augment = replace(augment, shape_match=0.0)
    augment = replace(augment, shape_match=augment.shape_share)
    return replace(config, start=start, optimizer=optimizer, model=model, augment=augment)


def _with_knowledge(model: MaskedGanConfig, start: str, known: bool) -> MaskedGanConfig:
    """What a pair can make of what it starts from; `known` if that is the shipped trunk."""
    if model.known_rate is None:
        model = replace(model, known_rate=_KNOWN_RATE if known else 1.0)
    if model.skipped and not is_trunk(model):
        # No answer teaches a pair what to take from the footage (docs/decisions/0039).
        model = replace(model, skipped=knows_skips(start, model.shape.size_px))
    if model.returned is None:
        model = replace(model, returned=_RETURNED if known and model.skipped else 0.0)
    if model.carried is None:
        model = replace(model, carried=known and bool(model.returned))
    return model


def _check_split(config: TrainConfig) -> None:
    """Raises UserError if a batch cannot be divided as asked for."""
    for name in ("per_side", "accumulate", "devices", "nodes"):
        if getattr(config, name) < 1:
            raise UserError(f"{name} {getattr(config, name)}: must be at least 1")
    pieces = config.devices * config.nodes * config.accumulate
    if config.per_side < pieces:
        raise UserError(
            f"per_side {config.per_side}: is fewer faces than {pieces} pieces (devices x nodes x"
            " accumulate); raise it with --set per_side="
        )


def _bank(
    faces: FaceSet, rows: NDArray[np.int64], config: TrainConfig, people_NE: Tensor | None
) -> FaceBank:
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
        people_NE[rows] if people_NE is not None else None,
        [faces.records[row].shows or faces.records[row].source for row in rows],
    )


def _preview_faces(faces: FaceSet, size_px: int) -> Tensor:
    rows = evenly(len(faces), FACES_A_SIDE)
    tighten = recrop_transform(faces.size_px, faces.coverage, size_px, 1.0)
    crops = [warp(crop, tighten, (size_px, size_px), "area") for crop in faces.crops(rows)]
    return to_tensor(np.stack(crops))


def _preview_places(faces: FaceSet, side: Side) -> ShownFaces:
    meshes = faces.meshes_N4683[evenly(len(faces), FACES_A_SIDE)]
    return ShownFaces(FacePlaces.of(meshes, faces.size_px).widened(1 / faces.coverage), side)


def _hulls(faces: FaceSet, size_px: int) -> Tensor:
    """The hulls of the preview's faces, (N, 1, S, S)."""
    tighten = recrop_transform(faces.size_px, faces.coverage, size_px, 1.0)
    meshes = faces.meshes_N4683[evenly(len(faces), FACES_A_SIDE)]
    side = (size_px, size_px)
    hulls = [mesh_mask(transform_mesh(mesh, tighten), "hull", side) for mesh in meshes]
    return torch.from_numpy(np.stack(hulls)).unsqueeze(1)
