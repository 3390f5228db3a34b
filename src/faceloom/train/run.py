"""The run folder: what a training run leaves behind, and how it is read again.

    config.json         the resolved configuration, both face sets, their consent, versions
    balance.json        what the material is like, see `data.balance`
    log.jsonl           one line a log interval
    checkpoint.safetensors   weights, moving average, optimiser state, place in the run
    previous.safetensors     the checkpoint before, or the last good one while something looks wrong
    model.safetensors   the moving average alone, as of the last checkpoint
    best.safetensors    the same with the best score on held-out faces so far
    previews/*.png      grids, the newest also as preview.png
    preview.html        all of it as one page
    tensorboard/        the log for TensorBoard, if asked for

Conversion loads model.safetensors, unless its score lies clearly under that of best.safetensors
(`done.CLEARLY_BETTER`). Every file is written beside and renamed; weights carry a checksum. Random
state is the seed and the step, see `data.batches`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from faceloom import __version__
from faceloom.errors import UserError
from faceloom.files import read_json, write_json, written_beside
from faceloom.models import build_generator
from faceloom.models.base import SIDES, Side, Swapper
from faceloom.train.config import TrainConfig, from_dict, to_dict
from faceloom.train.done import CLEARLY_BETTER, Marks
from faceloom.train.health import Watch

FORMAT = 1
_CHECKSUM = "crc32"


@dataclass(frozen=True)
class SideRecord:
    """What a run remembers of a face set."""

    path: str
    faces: int
    consent: str
    identity: list[float]
    """Mean identity, unit length: whom to swap where footage shows several people."""


@dataclass(frozen=True)
class Place:
    """Where a run stands: steps done, training seconds spent, and what the engine has learned of
    it on the way."""

    step: int = 0
    elapsed_s: float = 0.0
    rate: float = 1.0
    """Factor on the learning rate, cut by every fault."""
    rollbacks: int = 0
    accumulate: int | None = None
    """Pieces of a share of a batch, once memory has asked for more than the configuration."""
    marks: Marks = field(default_factory=Marks)
    watch: Watch = field(default_factory=Watch)
    suspect: bool = False
    """Whether a sign of collapse showed when this was saved: no state to go back to."""


_PLACE = TypeAdapter(Place)


@dataclass(frozen=True)
class LoadedSwapper:
    """A trained model, ready to convert."""

    swapper: Swapper
    sha256: str
    """Of the weights' file."""
    consents: dict[Side, str]
    identities: dict[Side, Tensor]
    config: TrainConfig
    path: Path
    """`model.safetensors`, or `best.safetensors` where that is clearly better."""
    step: int


class Run:
    """One run folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_path = path / "config.json"
        self.log_path = path / "log.jsonl"
        self.checkpoint_path = path / "checkpoint.safetensors"
        self.previous_path = path / "previous.safetensors"
        self.model_path = path / "model.safetensors"
        self.best_path = path / "best.safetensors"

    @property
    def exists(self) -> bool:
        return self.config_path.is_file()

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return self.checkpoint_path.exists() or self.previous_path.exists()

    def create(self, config: TrainConfig, sides: Mapping[Side, SideRecord]) -> None:
        """Write the run's record."""
        record = {
            "format": FORMAT,
            "faceloom": __version__,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "machine": platform.machine(),
                "threads": torch.get_num_threads(),
            },
            "config": to_dict(config),
            "sides": {side: dataclasses.asdict(record) for side, record in sides.items()},
        }
        write_json(self.config_path, record)

    def read(self) -> tuple[TrainConfig, dict[Side, SideRecord]]:
        """Raises UserError if this is no run folder or its record is broken."""
        if not self.exists:
            raise UserError(f"{self.path}: is not a run folder (no config.json); train one first")
        record = read_json(self.config_path)
        try:
            # Runs of before faces were held out go on with all of theirs.
            values = {"hold_out": 0.0, **record["config"]}
            config = from_dict(values, str(self.config_path))
            sides = {side: SideRecord(**record["sides"][side]) for side in SIDES}
        except (KeyError, TypeError) as error:
            raise UserError(
                f"{self.config_path}: is not a complete run record ({error}); restore it or train"
                " into a new folder"
            ) from error
        return config, sides

    def log(self, entry: dict[str, Any]) -> None:
        """Append one line."""
        try:
            with self.log_path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise UserError(
                f"{self.log_path}: cannot be written ({error.strerror}); free some space"
            ) from error

    def trim_log(self, step: int) -> None:
        """Drop log lines after a checkpoint's step, as the resumed run will write them again."""
        if not self.log_path.is_file():
            return
        kept = []
        for line in self.log_path.read_text(encoding="utf-8").splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
            except (json.JSONDecodeError, KeyError):
                continue  # A line cut short by a kill.
        with written_beside(self.log_path) as beside:
            beside.write_text("".join(kept), encoding="utf-8")

    def entries(self) -> list[dict[str, Any]]:
        """The log's lines; one cut short by a kill is left out."""
        if not self.log_path.is_file():
            return []
        entries = []
        for line in self.log_path.read_text(encoding="utf-8").splitlines():
            try:
                entries.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return entries

    def save_checkpoint(self, tensors: dict[str, Tensor], place: Place) -> None:
        """The former checkpoint stays as `previous.safetensors`, unless it was suspect."""
        metadata = {"format": str(FORMAT), "place": json.dumps(dataclasses.asdict(place))}
        with written_beside(self.checkpoint_path) as beside:
            _save(beside, tensors, metadata)
            if self.checkpoint_path.exists() and not self._is_suspect(self.checkpoint_path):
                self.checkpoint_path.replace(self.previous_path)

    def load_checkpoint(
        self, tell: Callable[[str], None] | None = None, good: bool = False
    ) -> tuple[dict[str, Tensor], Place, Path] | None:
        """The newest readable checkpoint, where it stands, and its file; None for a fresh run.

        A damaged one is refused and the one before used; `tell` is told so. With `good`, so is one
        that was saved under suspicion or holds values that are not finite. Raises UserError if
        there are checkpoints but none can be used.
        """
        found = [path for path in (self.checkpoint_path, self.previous_path) if path.exists()]
        for path in found:
            try:
                tensors, metadata = read_tensors(path)
                place = _PLACE.validate_json(metadata["place"])
            except (UserError, KeyError, ValueError):
                if tell is not None and path != found[-1]:
                    tell(f"{path}: is damaged and was not used; went on from {found[-1].name}")
                continue
            if not good or (not place.suspect and _all_finite(tensors)):
                return tensors, place, path
        if not found:
            return None
        wrong = "no good state is left in this run" if good else "the checkpoint is damaged"
        raise UserError(f"{found[0]}: {wrong}; delete it to start this run anew")

    def save_model(self, tensors: dict[str, Tensor], place: Place, best: bool = False) -> None:
        """The converter's weights, the last or the best ones."""
        metadata = {"format": str(FORMAT), "step": str(place.step), "faceloom": __version__}
        if place.marks.last is not None:
            metadata["score"] = repr(place.marks.last)
        with written_beside(self.best_path if best else self.model_path) as beside:
            _save(beside, {name: t.detach() for name, t in tensors.items()}, metadata)

    def chosen_model(self) -> Path:
        """The weights that conversion loads: the last, unless the best are clearly better.

        Raises UserError if there are none yet.
        """
        if not self.model_path.is_file():
            raise UserError(
                f"{self.path}: holds no trained model yet; run `faceloom train` into it first"
            )
        if self.best_path.is_file():
            best, last = _score(self.best_path), _score(self.model_path)
            if best is not None and last is not None and best - last > CLEARLY_BETTER:
                return self.best_path
        return self.model_path

    def _is_suspect(self, path: Path) -> bool:
        try:
            return _PLACE.validate_json(_header(path)[1]["place"]).suspect
        except (UserError, KeyError, ValueError):
            return True  # Damaged: no state to keep.


def load_swapper(path: Path) -> LoadedSwapper:
    """The trained model of a run folder (`Run.chosen_model`).

    Raises UserError if there is none yet, or if its weights are damaged, of another shape than
    config.json says, or not finite.
    """
    run = Run(path)
    config, sides = run.read()
    model_path = run.chosen_model()
    tensors, metadata = read_tensors(model_path)
    generator = build_generator(config.model)
    expected = {name: tuple(t.shape) for name, t in generator.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in tensors.items()}
    if expected != found:
        odd = min(set(expected.items()) ^ set(found.items()))[0]
        raise UserError(
            f"{model_path}: does not fit config.json (at {odd}); restore the run's own model"
        )
    if not _all_finite(tensors):
        raise UserError(
            f"{model_path}: holds values that are not finite; train again with a lower optimizer.lr"
        )
    generator.load_state_dict({name: t.float() for name, t in tensors.items()})
    generator.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    digest = hashlib.sha256(model_path.read_bytes()).hexdigest()
    consents = {side: sides[side].consent for side in SIDES}
    identities = {side: torch.tensor(sides[side].identity) for side in SIDES}
    step = int(metadata.get("step", "0"))
    return LoadedSwapper(generator, digest, consents, identities, config, model_path, step)


def _all_finite(tensors: Mapping[str, Tensor]) -> bool:
    return all(bool(torch.isfinite(t).all()) for t in tensors.values())


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """Over names and values; the format itself only notices a file cut short."""
    value = 0
    for name in sorted(tensors):
        value = zlib.crc32(name.encode(), value)
        value = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, value)
    return f"{value:08x}"


def _save(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    tensors = {name: t.contiguous() for name, t in tensors.items()}
    try:
        save_file(tensors, path, {**metadata, _CHECKSUM: _checksum(tensors)})
    except SafetensorError as error:
        # The library wraps a full disk in its own error.
        raise OSError(28, f"No space left on device ({error})") from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """A safetensors file and its metadata. Raises UserError if it is damaged or none."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path}: is damaged or no safetensors file ({error}); restore or delete it"
        ) from error
    # Weights of earlier versions carry no checksum.
    if metadata.get(_CHECKSUM, "") not in ("", _checksum(tensors)):
        raise UserError(f"{path}: is damaged (its checksum differs); restore or delete it")
    return tensors, metadata


def read_names(path: Path) -> set[str]:
    """Of a safetensors file's tensors, which are not read. Raises UserError if it is damaged."""
    return _header(path)[0]


def _header(path: Path) -> tuple[set[str], dict[str, str]]:
    """Tensors' names and the metadata, without reading the tensors."""
    try:
        with safe_open(path, framework="pt") as file:
            return set(file.keys()), file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: is damaged ({error}); restore or delete it") from error


def _score(path: Path) -> float | None:
    text = _header(path)[1].get("score")
    return float(text) if text is not None else None
