"""A learner of a few weights whose faults can be planted, and what the loop needs around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Generator, Tensor, nn

from faceloom.data.batches import Batch, PairBatches, SideBatch
from faceloom.faces.face import Patch
from faceloom.models.base import Moment, Phase, ShownFaces, Side, SwapNet
from faceloom.train.config import Budget, OptimizerConfig, TrainConfig, preset_config
from faceloom.train.health import ProbeFaces
from faceloom.train.loop import Trainer
from faceloom.train.run import Run, SideRecord
from faceloom.train.score import Score, Scorer

SIZE_PX, PER_SIDE = 16, 4
Terms = dict[str, Tensor]
Plant = Callable[[Terms, Moment, "ToyLearner"], Terms]


class Painter(SwapNet):
    """One linear map of colours a side, and one opacity."""

    def __init__(self) -> None:
        super().__init__()
        self.size_px, self.coverage = SIZE_PX, 1.0
        self.colours = nn.ModuleDict({side: nn.Conv2d(3, 3, 1) for side in ("a", "b")})
        self.logit = nn.Parameter(torch.zeros(()))

    def encode(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW

    def swap(self, x_BCHW: Tensor, to: Side, shown: ShownFaces | None = None) -> Patch:
        rgb = self.colours[to](x_BCHW).float()
        return Patch(rgb.clamp(-1, 1), torch.sigmoid(self.logit).expand_as(rgb[:, :1]))


class ToyLearner:
    """Restores colours, beside a judge of brightness; `plant` may change the terms, or more."""

    def __init__(self, plant: Plant | None = None) -> None:
        self.painter, self.judge = Painter(), nn.Linear(3, 1)
        self.faces = 0
        """Of each side, in the newest piece."""
        self.plant = plant or (lambda terms, moment, learner: terms)

    @property
    def swapper(self) -> Painter:
        return self.painter

    @property
    def generator_modules(self) -> nn.Module:
        return self.painter

    @property
    def all_modules(self) -> nn.Module:
        return nn.ModuleDict({"painter": self.painter, "judge": self.judge})

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase("generator", (self.painter,), self.restore),
            Phase("discriminator", (self.judge,), self.tell_apart, adversary=True),
        )

    def restore(self, batch: Batch, moment: Moment) -> Terms:
        self.faces = len(batch.a.target_BCHW)
        error = torch.zeros(())
        for side, share in (("a", batch.a), ("b", batch.b)):
            painted = self.painter.colours[side](share.warped_BCHW)
            error = error + (painted - share.target_BCHW).square().mean()
        terms = {"l2": error, "mask": (torch.sigmoid(self.painter.logit) - 0.6).square()}
        return self.plant(terms, moment, self)

    def tell_apart(self, batch: Batch, moment: Moment) -> Terms:
        real = self.judge(batch.a.target_BCHW.mean(dim=(2, 3)))
        fake = self.judge(batch.b.target_BCHW.mean(dim=(2, 3)))
        loss = ((real - 1).square() + fake.square()).mean()
        return self.plant({"discriminator": loss}, moment, self)


class ToyBatches:
    """Random colours; a batch hangs on its step alone."""

    def batch(self, step: int) -> Batch:
        generator = Generator().manual_seed(step)

        def side() -> SideBatch:
            warped = torch.rand(PER_SIDE, 3, SIZE_PX, SIZE_PX, generator=generator) * 2 - 1
            mask = torch.ones(PER_SIDE, 1, SIZE_PX, SIZE_PX)
            # No network restores noise, so that gradients never vanish.
            noise = torch.randn(warped.shape, generator=generator) * 0.2
            return SideBatch(warped, 0.5 * warped.flip(1) + noise, mask, mask, mask)

        return Batch(step, side(), side())


class StubScorer:
    """Gives these totals in turn, the last one for ever, and never looks."""

    def __init__(self, totals: list[float]) -> None:
        self.totals = totals
        self.taken = 0

    def __call__(self, *_: Any) -> Score:
        total = self.totals[min(self.taken, len(self.totals) - 1)]
        self.taken += 1
        return Score(total, total, 0.9, 0.8, 3.0, 0.7, 0.1, 0.0)


def toy_config(steps: int, **changes: Any) -> TrainConfig:
    optimizer = OptimizerConfig(lr=0.01, weight_decay=0.0, warmup_steps=2)
    config = replace(
        preset_config("fast", 64), optimizer=optimizer, budget=Budget(None, steps),
        per_side=PER_SIDE, checkpoint_s=1e9, seed=3, device="cpu", precision="32-true",
    )  # fmt: skip
    return replace(config, **changes)


def toy_probe() -> ProbeFaces:
    faces = torch.rand(6, 3, SIZE_PX, SIZE_PX, generator=Generator().manual_seed(9)) * 2 - 1
    hull = torch.ones(6, 1, SIZE_PX, SIZE_PX)
    return ProbeFaces({"a": faces, "b": faces.flip(0)}, {"a": hull, "b": hull})


def toy_trainer(
    path: Path, config: TrainConfig, plant: Plant | None = None, scorer: StubScorer | None = None
) -> Trainer:
    torch.manual_seed(0)
    learner = ToyLearner(plant)
    run = Run(path)
    if not run.exists:
        side = SideRecord("faces", 20, "synthetic", [0.0] * 512)
        run.create(config, {"a": side, "b": side})
    return Trainer(
        learner, cast("PairBatches", ToyBatches()), run, config,
        scorer=cast("Scorer | None", scorer), probe=toy_probe(),
    )  # fmt: skip
