"""Tiny models of every kind, and batches that hang on no file and no augmentation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from faceloom.data.batches import Batch, PairBatches, SideBatch
from faceloom.data.description import DESCRIPTION_SIZE
from faceloom.data.reference import Laying, tight_grid
from faceloom.models import (
    AlphaGanConfig,
    AnyToOneConfig,
    CycleGanConfig,
    MaskedGanConfig,
    ModelConfig,
    OriginConfig,
    build_learner,
)
from faceloom.models.base import Moment, Phase
from faceloom.models.landmarked import Landmarks
from faceloom.models.masked_gan import Schedule
from faceloom.models.parts import add_terms
from faceloom.nets.blocks import seeded_init
from faceloom.nets.generators import GeneratorShape
from faceloom.nets.origin import OriginShape
from faceloom.nets.translator import TranslatorShape
from faceloom.train.config import Budget, OptimizerConfig, TrainConfig
from faceloom.train.loop import Trainer
from faceloom.train.run import Run, SideRecord

SIZE_PX, PER_SIDE = 64, 2
TINY = GeneratorShape(SIZE_PX, 4, (8, 12, 16), 24, (16, 12, 8), (1, 1))
_TINY_ORIGIN = OriginShape(SIZE_PX, channels=4, code=16, attention_px=16)

_AT_ONCE = Schedule(0.0, critic_start=0.0, critic_every=2, critic_faces=1)

CONFIGS: dict[str, ModelConfig] = {
    "masked_gan": MaskedGanConfig(TINY, 4, schedule=_AT_ONCE),
    "trunk": MaskedGanConfig(TINY, 4, schedule=_AT_ONCE, decoders=1, answered=0.5),
    "referenced": MaskedGanConfig(TINY, 4, schedule=_AT_ONCE, referenced=True),
    "skipped": MaskedGanConfig(TINY, 4, schedule=_AT_ONCE, skipped=True),
    "landmarks": MaskedGanConfig(TINY, 4, schedule=_AT_ONCE, landmarks=Landmarks()),
    "v1": OriginConfig(
        OriginShape(SIZE_PX, norm="none", channels=4, code=16, attention_px=0, mask=False),
        discriminator_width=4,
        exchange=None,
    ),
    "v2_2": OriginConfig(_TINY_ORIGIN, discriminator_width=4, exchange=0.5),
    "vae": AlphaGanConfig(TINY, code="vae", adversarial_start=0.0, discriminator_width=4),
    "alpha": AlphaGanConfig(
        TINY, code="alpha", adversarial_start=0.0, discriminator_width=4, code_widths=(8,)
    ),
    "any_to_one": AnyToOneConfig(
        TINY, adversarial_start=0.0, discriminator_width=4, code_widths=(8,)
    ),
    "xgan": AnyToOneConfig(
        TINY, single=None, unit_code=True, adversarial_start=0.0, discriminator_width=4,
        code_widths=(8,),
    ),
    "cycle": CycleGanConfig(TranslatorShape(SIZE_PX, 4, 1), discriminator_width=4),
    "cycle_mask": CycleGanConfig(
        TranslatorShape(SIZE_PX, 4, 1, mask=True, change=True), discriminator_width=4
    ),
}  # fmt: skip


def toy_batch(step: int, per_side: int = PER_SIDE) -> Batch:
    """Smooth patterns within an oval, of other colours for each side; the input is the target
    moved by a few pixels."""
    generator = Generator().manual_seed(1000 + step)
    y, x = torch.meshgrid(torch.linspace(-1, 1, SIZE_PX), torch.linspace(-1, 1, SIZE_PX),
                          indexing="ij")  # fmt: skip
    hull = torch.sigmoid(20 * (0.7 - (x**2 + y**2).sqrt())).expand(per_side, 1, -1, -1)
    eyes = (((x.abs() - 0.3) ** 2 + (y + 0.2) ** 2) < 0.02).float().expand(per_side, 1, -1, -1)
    mouth = ((x**2 / 4 + (y - 0.35) ** 2) < 0.02).float().expand(per_side, 1, -1, -1)
    drawn = (eyes + mouth).clamp(max=1)
    sides: list[SideBatch] = []
    for tint in (0.4, -0.4):
        coarse = torch.rand(per_side, 3, 6, 6, generator=generator) * 0.8 - 0.4
        coarse[:, 0] += tint
        target = F.interpolate(coarse, size=(SIZE_PX, SIZE_PX), mode="bilinear")
        target = (target * hull + 0.3 * (eyes - mouth)).clamp(-1, 1)
        moved = int(torch.randint(-3, 4, (), generator=generator))
        warped, seen = target.roll(moved, dims=3), drawn.roll(moved, dims=3)
        who = people()[[len(sides)] * per_side]
        shown = target.flip(0) + 0.2 * eyes
        laying = as_it_is(target.flip(1))
        sides.append(SideBatch(warped, target, hull, eyes, mouth, seen, drawn, who, shown, laying))
    return Batch(step, *sides)


def as_it_is(picture_BCHW: Tensor) -> Laying:
    """A reference that is laid where it is already."""
    count, size_px = len(picture_BCHW), picture_BCHW.shape[-1]
    points = torch.zeros(count, 1, 2)
    coloured = ((picture_BCHW.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    grid = tight_grid(count, size_px, 1.0)
    return Laying(coloured, points, torch.arange(count), points, grid)


def terms_of(phase: Phase, batch: Batch, moment: Moment) -> dict[str, Tensor]:
    """A phase's loss, its parts added up."""
    terms: dict[str, Tensor] = {}
    for part, own in zip(phase.parts, moment.of_parts(len(phase.parts)), strict=True):
        add_terms(terms, part(batch, own))
    return terms


class ToyBatches:
    """As the loop takes them."""

    def batch(self, step: int) -> Batch:
        return toy_batch(step)


def identities() -> Tensor:
    return F.normalize(torch.randn(2, 512, generator=Generator().manual_seed(0)), dim=1)


def people() -> Tensor:
    """Two descriptions (`data.description`)."""
    looks = torch.randn(2, DESCRIPTION_SIZE - 512, generator=Generator().manual_seed(1))
    return torch.cat([identities(), 0.1 * looks], dim=1)


def toy_trainer(model: ModelConfig, path: Path, steps: int, **changes: Any) -> Trainer:
    """A trainer of a tiny model with fresh weights, in its run folder."""
    optimizer = OptimizerConfig(warmup_steps=4)
    config = TrainConfig(
        model, optimizer=optimizer, budget=Budget(None, steps), per_side=PER_SIDE,
        checkpoint_s=1e9, seed=3, device="cpu",
    )  # fmt: skip
    config = replace(config, **changes)
    run = Run(path)
    if not run.exists:
        side = SideRecord("faces", 20, "synthetic", [0.0] * 512)
        run.create(config, {"a": side, "b": side})
    seeded_init(config.seed)
    learner = build_learner(config.model, identities())
    return Trainer(learner, cast("PairBatches", ToyBatches()), run, config)
