"""Everything that fixes a training run, as plain values; presets; `path=value` overrides.

A run writes its resolved configuration to `config.json`, and the same configuration, face sets and
seed give the same run.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from faceloom.data.augment import AugmentConfig
from faceloom.errors import UserError
from faceloom.models.masked_gan import MaskedGanConfig
from faceloom.nets.generators import GeneratorShape

PresetName = Literal["fast", "quality"]
SIZES_PX = (64, 96, 128, 256)


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW (Loshchilov & Hutter 2019), linear warm-up, a plateau, then a cosine to the end."""

    lr: float = 1.2e-3
    weight_decay: float = 0.01
    warmup_steps: int = 100
    plateau: float = 0.3
    """Share of the run after which the rate falls."""
    final_share: float = 0.03
    clip_norm: float = 1.0
    ema_decay: float = 0.999


@dataclass(frozen=True)
class Budget:
    """How long to train: steps, or minutes of training time (both sides of a kill counted once)."""

    minutes: float | None = 15.0
    steps: int | None = None


@dataclass(frozen=True)
class TrainConfig:
    """One run."""

    model: MaskedGanConfig
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    budget: Budget = field(default_factory=Budget)
    per_side: int = 16
    """Faces of each side in a batch."""
    max_faces: int = 4000
    """Faces of each side held in memory, taken evenly where a face set has more."""
    seed: int = 1
    threads: int = 0
    """Compute threads; 0 for one a core."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 ..."""
    prefetch: int = 0
    """Batches made ahead on a thread of their own; 0 makes them between steps, which is faster
    where all cores compute (see docs/benchmarks.md)."""
    checkpoint_s: float = 45.0
    preview_s: float = 60.0


def _shape(preset: PresetName, size_px: int) -> GeneratorShape:
    fast = {
        64: GeneratorShape(64, 4, (48, 80, 160), 256, (160, 96, 48, 24), (1, 1, 0)),
        96: GeneratorShape(96, 4, (48, 96, 192), 256, (192, 112, 56, 24), (1, 1, 0)),
        128: GeneratorShape(128, 8, (96, 192, 224), 256, (224, 144, 80, 40, 24), (1, 1, 0, 0)),
        256: GeneratorShape(
            256, 4, (32, 64, 112, 176, 224), 256, (224, 176, 112, 64, 40), (1, 1, 1, 1)
        ),
    }
    quality = {
        64: GeneratorShape(64, 2, (64, 128, 256, 512), 512, (512, 256, 128, 64), (1, 2, 1)),
        96: GeneratorShape(96, 2, (48, 96, 192, 320), 512, (320, 192, 112, 64), (1, 2, 1)),
        128: GeneratorShape(128, 4, (96, 160, 256, 512), 512, (512, 256, 160, 96), (1, 2, 2)),
        256: GeneratorShape(
            256, 4, (64, 96, 160, 256, 512), 512, (512, 256, 192, 128, 80), (1, 2, 2, 1)
        ),
    }
    return {"fast": fast, "quality": quality}[preset][size_px]


def preset_config(preset: str = "fast", size_px: int = 96) -> TrainConfig:
    """The configuration of a preset. Raises UserError for an unknown preset or size."""
    if size_px not in SIZES_PX:
        raise UserError(f"size {size_px}: is not offered; take one of {SIZES_PX}")
    if preset == "fast":
        return TrainConfig(MaskedGanConfig(_shape("fast", size_px)))
    if preset == "quality":
        model = MaskedGanConfig(_shape("quality", size_px), discriminator_width=96)
        return TrainConfig(model, budget=Budget(minutes=120.0))
    raise UserError(f"preset {preset!r}: is not known; take fast or quality")


def _adapter() -> TypeAdapter[TrainConfig]:
    return TypeAdapter(TrainConfig, config=None)


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """As JSON-ready values."""
    return dataclasses.asdict(config)


def from_dict(values: dict[str, Any], source: str = "configuration") -> TrainConfig:
    """From JSON values. Raises UserError, naming `source`, for unknown or ill-typed entries."""
    try:
        return _adapter().validate_json(json.dumps(values))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{source}: {where}: {first['msg']}; correct this entry") from error


def with_settings(config: TrainConfig, settings: list[str]) -> TrainConfig:
    """Apply `path=value` overrides such as `optimizer.lr=1e-3`.

    Raises UserError for a setting without `=`, an unknown path or a value of the wrong type.
    """
    values = to_dict(config)
    for setting in settings:
        path, separator, text = setting.partition("=")
        if not separator:
            raise UserError(f"--set {setting}: has no value; write it as path=value")
        *parents, leaf = path.strip().split(".")
        place: Any = values
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if not isinstance(place, dict) or leaf not in place:
            raise UserError(
                f"--set {setting}: no setting is called {path!r}; a run's config.json lists all"
            )
        place[leaf] = _parse(text.strip())
    return from_dict(values, "--set " + " ".join(settings))


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None if text.lower() in {"none", "null"} else text


# Unknown entries are mistakes, not extras.
for _type in (TrainConfig, Budget, OptimizerConfig, AugmentConfig, MaskedGanConfig, GeneratorShape):
    _type.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[union-attr]
