"""Everything that fixes a training run, as plain values; presets; `path=value` overrides.

A run writes its resolved configuration to `config.json`, and the same configuration, face sets and
seed give the same run. Presets:

    fast, quality       the masked pair model, made for CPUs
    trunk               one encoder and one decoder for many people, which `fast` starts from
    v1, v2, v2_2        faceswap-GAN with the origin's widths, rates and schedule
    landmarks           fast, with the mesh's drawing as a fourth input channel
    vae, alpha          codes with a known distribution
    any_to_one, xgan    codes that do not say whose they are
    cycle, cycle_mask   CycleGAN
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, get_args, get_type_hints

from pydantic import ConfigDict, Discriminator, Tag, TypeAdapter, ValidationError

from faceloom.data.augment import AugmentConfig
from faceloom.data.sampling import Sampling
from faceloom.errors import UserError
from faceloom.losses import NOTE_WEIGHTS, OFF, Schedule
from faceloom.models import (
    AlphaGanConfig,
    AnyToOneConfig,
    CycleGanConfig,
    MaskedGanConfig,
    OriginConfig,
)
from faceloom.models.alpha_gan import CodeKind
from faceloom.models.cycle_gan import CycleWeights
from faceloom.models.landmarked import Landmarks
from faceloom.models.masked_gan import LossWeights
from faceloom.models.origin import OriginWeights
from faceloom.models.rivalry import Rivalry
from faceloom.nets.generators import GeneratorShape
from faceloom.nets.origin import OriginShape
from faceloom.nets.translator import TranslatorShape


def _learner(model: Any) -> str:
    """Runs of the first format do not name their learner: it was the masked pair model."""
    if isinstance(model, dict):
        return str(model.get("learner", "masked_gan"))
    return str(getattr(model, "learner", "masked_gan"))


AnyModel = Annotated[
    Annotated[MaskedGanConfig, Tag("masked_gan")]
    | Annotated[OriginConfig, Tag("origin")]
    | Annotated[AlphaGanConfig, Tag("alpha_gan")]
    | Annotated[CycleGanConfig, Tag("cycle_gan")]
    | Annotated[AnyToOneConfig, Tag("any_to_one")],
    Discriminator(_learner),
]


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW (Loshchilov & Hutter 2019), linear warm-up, a plateau, then a cosine to the end."""

    kind: Literal["adamw", "soap"] = "adamw"
    """`soap` moves convolutions in a basis that follows their gradients (`train.soap`): fewer steps
    for the same picture, each of them dearer. Adversaries keep AdamW."""
    lr: float = 1.2e-3
    warm_share: float | None = None
    """Of `lr`, where the weights come from another run or the trunk: None is .4 for a pair that
    starts from a shipped trunk that is told looks (96 px), and so knows the most of what is to be
    learned, else .8."""
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

    model: AnyModel
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    budget: Budget = field(default_factory=Budget)
    start: str = "none"
    """What the weights are first: `none` draws them, `trunk` is the shipped one, `auto` that where
    one fits, anything else is the folder of a run. See `train.warm_start`."""
    per_side: int = 16
    """Faces of each side in a batch, over all processes and pieces."""
    accumulate: int = 1
    """Pieces that a process's share of a batch is computed in; more need less memory."""
    sampling: Sampling = "openings"
    """How often each face is drawn: openings, uniform, clips, sessions or clusters."""
    hold_out: float = 0.1
    """Share of each face set that is not trained on but scored (`train.hold_out`); 0 for none."""
    stop_when_flat: float = 0.4
    """Share of the budget without a better score after which training stops; 0 for never."""
    max_faces: int = 4000
    """Faces of each side held in memory, taken evenly where a face set has more."""
    seed: int = 1
    threads: int = 0
    """Compute threads; 0 for one a core."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 ..."""
    devices: int = 1
    """Processes a machine, one a device."""
    nodes: int = 1
    """Machines."""
    precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed"
    """Of forward passes; weights are float32."""
    prefetch: int = 0
    """Batches made ahead on a thread of their own; 0 makes them between steps, which is faster
    where all cores compute (see docs/benchmarks.md)."""
    checkpoint_s: float = 45.0
    preview_s: float = 60.0
    tensorboard: bool = False
    """Write the log for TensorBoard, too."""


SIZES_PX = (64, 96, 128, 256)
"""Every preset's; those of the origin and of CycleGAN also offer 192."""

FAST = {
    64: GeneratorShape(64, 4, (48, 80, 160), 256, (160, 96, 48, 24), (1, 1, 0)),
    96: GeneratorShape(96, 4, (48, 96, 192), 256, (192, 112, 56, 24), (1, 1, 0)),
    128: GeneratorShape(128, 8, (96, 192, 224), 256, (224, 144, 80, 40, 24), (1, 1, 0, 0)),
    256: GeneratorShape(
        256, 4, (32, 64, 112, 176, 224), 256, (224, 176, 112, 64, 40), (1, 1, 1, 1)
    ),
}
QUALITY = {
    64: GeneratorShape(64, 2, (64, 128, 256, 512), 512, (512, 256, 128, 64), (1, 2, 1)),
    96: GeneratorShape(96, 2, (48, 96, 192, 320), 512, (320, 192, 112, 64), (1, 2, 1)),
    128: GeneratorShape(128, 4, (96, 160, 256, 512), 512, (512, 256, 160, 96), (1, 2, 2)),
    256: GeneratorShape(
        256, 4, (64, 96, 160, 256, 512), 512, (512, 256, 192, 128, 80), (1, 2, 2, 1)
    ),
}

_FOLLOWING = AugmentConfig(shape_match=None, shape_kept=None)
"""Faces bent into the other's shape, target and all: decoders follow what they are shown, part by
part as exact answers do (0021, 0027)."""
_ORIGINS_STEPS = 40_000
_ORIGINS_DATA = AugmentConfig(
    rotation_deg=10.0,
    zoom=0.1,
    shift=0.05,
    flip=0.5,
    warp=5.6 / 256,
    colour_match=0.5,
    shape_match=0.0,
    brightness=0.0,
    noise=0.0,
    blur=0.25,
)
# The learner's own schedule lowers the rate. Weights are held small by a loss (L2), not decayed.
_ORIGINS_RATE = OptimizerConfig(
    lr=1e-4, weight_decay=0.0, warmup_steps=0, plateau=1.0, clip_norm=10.0
)


_REFERENCED_PX = (96,)
"""Sizes whose shipped trunk has learned to use references (0031) and skips (0039)."""


def _fast(size_px: int) -> TrainConfig:
    weights = LossWeights(mesh=5.0)  # Swaps follow mouths and poses better (0020).
    shown = size_px in _REFERENCED_PX
    model = MaskedGanConfig(FAST[size_px], weights=weights, referenced=shown, skipped=shown)
    return TrainConfig(model, _FOLLOWING, start="auto")


def _quality(size_px: int) -> TrainConfig:
    model = MaskedGanConfig(QUALITY[size_px], discriminator_width=96)
    return TrainConfig(model, _FOLLOWING, budget=Budget(minutes=120.0))


def _trunk(size_px: int) -> TrainConfig:
    """`fast` with one decoder, on faces varied more: it must know more than two people."""
    shown = size_px in _REFERENCED_PX
    augment = AugmentConfig(rotation_deg=7.0, zoom=0.05, shift=0.03, flip=0.5)
    if shown:  # What skips show lies where it is to be painted.
        augment = replace(augment, warp=0.005)
    model = MaskedGanConfig(
        FAST[size_px],
        weights=LossWeights(mesh=3.0),
        decoders=1,
        referenced=shown,
        skipped=shown,
    )
    # One decoder swaps nobody, so there is no swap to score.
    return TrainConfig(model, augment, budget=Budget(minutes=60.0), max_faces=20000, hold_out=0.0)


def _landmarks(size_px: int) -> TrainConfig:
    return TrainConfig(MaskedGanConfig(FAST[size_px], landmarks=Landmarks()), _FOLLOWING)


def _origin(model: OriginConfig) -> TrainConfig:
    budget = Budget(None, _ORIGINS_STEPS)
    # Its own schedule says when it is done: decoders are exchanged late in the run.
    return TrainConfig(model, _ORIGINS_DATA, _ORIGINS_RATE, budget, per_side=8, stop_when_flat=0.0)


def _v2_2(size_px: int) -> TrainConfig:
    return _origin(OriginConfig(OriginShape(size_px, code=1024 if size_px <= 64 else 2048)))


def _v2(size_px: int) -> TrainConfig:
    shape = OriginShape(size_px, norm="none", attention_px=0, residuals=2, init="normal", leak=0.1)
    weights = OriginWeights(
        edge=0.0,
        eyes=0.0,
        perceptual=NOTE_WEIGHTS,
        perceptual_share=Schedule(),
        mask_hinge_share=OFF,
        mask_variation=0.0,
        weight_size=0.0,
    )
    return _origin(OriginConfig(shape, weights, rate=Schedule(), exchange=None))


def _v1(size_px: int) -> TrainConfig:
    config = _v2(size_px)
    assert isinstance(config.model, OriginConfig)
    shape = replace(config.model.shape, mask=False)
    return replace(config, model=replace(config.model, shape=shape))


def _alpha(size_px: int, code: CodeKind = "alpha") -> TrainConfig:
    return TrainConfig(AlphaGanConfig(FAST[size_px], code=code), _FOLLOWING)


def _vae(size_px: int) -> TrainConfig:
    return _alpha(size_px, "vae")


def _any_to_one(size_px: int) -> TrainConfig:
    return TrainConfig(AnyToOneConfig(FAST[size_px]), _FOLLOWING)


def _xgan(size_px: int) -> TrainConfig:
    shape = replace(FAST[size_px], code=1024)
    return TrainConfig(AnyToOneConfig(shape, single=None, unit_code=True), _FOLLOWING)


def _cycle(size_px: int) -> TrainConfig:
    return _cycling(CycleGanConfig(TranslatorShape(size_px)))


def _cycle_mask(size_px: int) -> TrainConfig:
    # Its painter starts from the footage, which a free rival tells from the face at once: coloured
    # dots. So this rival is held back.
    return _cycling(
        CycleGanConfig(
            TranslatorShape(size_px, mask=True, change=True),
            CycleWeights(adversarial=0.5),
            Rivalry("mixup", r1=30.0),
            discriminator_rate=0.25,
        )
    )


def _cycling(model: CycleGanConfig) -> TrainConfig:
    # Two players from the first step on: a third of the rate that restoring bears.
    return TrainConfig(model, optimizer=OptimizerConfig(lr=4e-4, weight_decay=0.0), per_side=8)


_MAKERS: dict[str, Callable[[int], TrainConfig]] = {
    "fast": _fast,
    "quality": _quality,
    "trunk": _trunk,
    "landmarks": _landmarks,
    "v1": _v1,
    "v2": _v2,
    "v2_2": _v2_2,
    "vae": _vae,
    "alpha": _alpha,
    "any_to_one": _any_to_one,
    "xgan": _xgan,
    "cycle": _cycle,
    "cycle_mask": _cycle_mask,
}
PRESETS = tuple(_MAKERS)


def sizes_px(preset: str) -> tuple[int, ...]:
    """The sizes that a preset offers."""
    larger = preset in ("v1", "v2", "v2_2", "cycle", "cycle_mask")
    return tuple(sorted((*SIZES_PX, 192))) if larger else SIZES_PX


def preset_config(preset: str = "fast", size_px: int = 96) -> TrainConfig:
    """The configuration of a preset. Raises UserError for an unknown preset or size."""
    if preset not in _MAKERS:
        raise UserError(f"preset {preset!r}: is not known; take one of {', '.join(PRESETS)}")
    if size_px not in sizes_px(preset):
        raise UserError(f"size {size_px}: is not offered; take one of {sizes_px(preset)}")
    return _MAKERS[preset](size_px)


def _adapter() -> TypeAdapter[TrainConfig]:
    return TypeAdapter(TrainConfig, config=None)


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """As JSON-ready values."""
    return dataclasses.asdict(config)


def from_dict(values: dict[str, Any], source: str = "configuration") -> TrainConfig:
    """From JSON values. Raises UserError, naming `source`, for unknown or ill-typed entries."""
    learner = _learner(values.get("model"))
    try:
        return _adapter().validate_json(json.dumps(values))
    except ValidationError as error:
        first = error.errors()[0]
        # The tag of the chosen kind of model is no part of the path that users write.
        loc = [part for at, part in enumerate(first["loc"]) if (at, part) != (1, learner)]
        where = ".".join(str(part) for part in loc)
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


def _forbid_extras(kind: Any) -> None:
    """Unknown entries are mistakes, not extras: in this type and in those of its fields."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        kind.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
        for annotation in get_type_hints(kind, include_extras=True).values():
            _forbid_extras(annotation)
    for part in get_args(kind):
        _forbid_extras(part)


_forbid_extras(TrainConfig)
