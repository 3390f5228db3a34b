"""The run folder: what a training run leaves behind, and how it is read again.

    config.json         the resolved configuration, both face sets, their consent, versions
    balance.json        what the material is like, see `data.balance`
    log.jsonl           one line a log interval
    checkpoint.safetensors   weights, moving average, optimiser state, place in the run
    previous.safetensors     the checkpoint before
    model.safetensors   the moving average alone: what conversion loads
    previews/*.png      grids, the newest also as preview.png

Every file is written beside and renamed. Random state is the seed and the step, see `data.batches`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from faceloom import __version__
from faceloom.errors import UserError
from faceloom.files import read_json, write_json, written_beside
from faceloom.models import build_generator
from faceloom.models.base import SIDES, Side, Swapper
from faceloom.train.config import TrainConfig, from_dict, to_dict

FORMAT = 1


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
    """Where a run stands: steps done, training seconds spent."""

    step: int = 0
    elapsed_s: float = 0.0


@dataclass(frozen=True)
class LoadedSwapper:
    """A trained model, ready to convert."""

    swapper: Swapper
    sha256: str
    """Of `model.safetensors`."""
    consents: dict[Side, str]
    identities: dict[Side, Tensor]
    config: TrainConfig


class Run:
    """One run folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_path = path / "config.json"
        self.log_path = path / "log.jsonl"
        self.checkpoint_path = path / "checkpoint.safetensors"
        self.previous_path = path / "previous.safetensors"
        self.model_path = path / "model.safetensors"

    @property
    def exists(self) -> bool:
        return self.config_path.is_file()

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
            config = from_dict(record["config"], str(self.config_path))
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

    def save_checkpoint(self, tensors: dict[str, Tensor], place: Place) -> None:
        """The former checkpoint stays as `previous.safetensors`."""
        metadata = {"format": str(FORMAT), "place": json.dumps(dataclasses.asdict(place))}
        with written_beside(self.checkpoint_path) as beside:
            _save(beside, tensors, metadata)
            if self.checkpoint_path.exists():
                self.checkpoint_path.replace(self.previous_path)

    def load_checkpoint(self) -> tuple[dict[str, Tensor], Place, Path] | None:
        """The newest readable checkpoint, where it stands, and its file; None for a fresh run.

        Raises UserError if there are checkpoints but none can be read.
        """
        found = [path for path in (self.checkpoint_path, self.previous_path) if path.exists()]
        for path in found:
            try:
                tensors, metadata = _load(path)
                return tensors, Place(**json.loads(metadata["place"])), path
            except (UserError, KeyError, TypeError, json.JSONDecodeError):
                continue
        if found:
            raise UserError(
                f"{found[0]}: the checkpoint is damaged; delete it to start this run anew"
            )
        return None

    def save_model(self, tensors: dict[str, Tensor], place: Place) -> None:
        """The converter's weights."""
        metadata = {"format": str(FORMAT), "step": str(place.step), "faceloom": __version__}
        with written_beside(self.model_path) as beside:
            _save(beside, {name: t.detach() for name, t in tensors.items()}, metadata)


def load_swapper(path: Path) -> LoadedSwapper:
    """The trained model of a run folder.

    Raises UserError if there is none yet, or if its weights are damaged, of another shape than
    config.json says, or not finite.
    """
    run = Run(path)
    config, sides = run.read()
    if not run.model_path.is_file():
        raise UserError(f"{path}: holds no trained model yet; run `faceloom train` into it first")
    tensors, _ = _load(run.model_path)
    generator = build_generator(config.model)
    expected = {name: tuple(t.shape) for name, t in generator.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in tensors.items()}
    if expected != found:
        odd = min(set(expected.items()) ^ set(found.items()))[0]
        raise UserError(
            f"{run.model_path}: does not fit config.json (at {odd}); restore the run's own model"
        )
    if not all(bool(torch.isfinite(t).all()) for t in tensors.values()):
        raise UserError(
            f"{run.model_path}: holds values that are not finite; train again with a lower"
            " optimizer.lr"
        )
    generator.load_state_dict({name: t.float() for name, t in tensors.items()})
    generator.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    digest = hashlib.sha256(run.model_path.read_bytes()).hexdigest()
    consents = {side: sides[side].consent for side in SIDES}
    identities = {side: torch.tensor(sides[side].identity) for side in SIDES}
    return LoadedSwapper(generator, digest, consents, identities, config)


def _save(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    try:
        save_file({name: t.contiguous() for name, t in tensors.items()}, path, metadata)
    except SafetensorError as error:
        # The library wraps a full disk in its own error.
        raise OSError(28, f"No space left on device ({error})") from error


def _load(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path}: is damaged or no safetensors file ({error}); restore or delete it"
        ) from error
