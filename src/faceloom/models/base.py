"""The two contracts of a model: how it is trained (`Learner`) and how it is used (`Swapper`).

Shapes: images (B, 3, S, S) in [-1, 1]; S is the model's `size_px`, the crop of `faces.align` at the
model's `coverage`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import torch
from torch import Generator, Tensor, nn

from faceloom.data.batches import Batch
from faceloom.data.reference import FacePlaces
from faceloom.faces.drawing import LandmarkKind
from faceloom.faces.face import Patch
from faceloom.losses.schedule import Schedule

Side = Literal["a", "b"]
SIDES: tuple[Side, Side] = ("a", "b")


def other_side(side: Side) -> Side:
    """The other of the two."""
    return "b" if side == "a" else "a"


@dataclass(frozen=True)
class Moment:
    """Where a run stands: the step, the share of the whole run done (0 to 1), and this step's
    random generator, so that nothing random hangs on hidden state."""

    step: int
    progress: float
    generator: Generator

    def of_parts(self, count: int) -> tuple[Moment, ...]:
        """One for each part of a loss, with random numbers of its own where there are several, so
        that they need not wait for each other."""
        if count == 1:
            return (self,)
        seeds = torch.randint(2**62, (count,), generator=self.generator).tolist()
        return tuple(replace(self, generator=Generator().manual_seed(seed)) for seed in seeds)


Loss = Callable[[Batch, Moment], dict[str, Tensor]]
"""Named terms of a batch, weights applied."""


@dataclass(frozen=True)
class Phase:
    """One of a step's alternating objectives.

    `loss` gives named terms, weights applied; the sum of those not in `observed` is minimised over
    `modules`. It may be given in parts that have nothing but weights in common, and are computed
    side by side where there are cores for it. `lr` is a factor on the run's rate, `fall` another
    one that changes with progress; the phase runs once `progress >= start`, every `every` steps.
    `adversary` marks a player against others, a discriminator above all, whose optimiser uses less
    momentum.
    """

    name: str
    modules: tuple[nn.Module, ...]
    loss: Loss | tuple[Loss, ...]
    lr: float = 1.0
    start: float = 0.0
    every: int = 1
    adversary: bool = False
    observed: frozenset[str] = frozenset()
    fall: Schedule = field(default_factory=Schedule)
    slowed: tuple[tuple[tuple[nn.Parameter, ...], float], ...] = ()
    """Weights of the modules that move at this factor of the phase's rate."""

    def rate(self, moment: Moment) -> float:
        """The factor on the run's learning rate."""
        return self.lr * self.fall.at(moment.progress)

    def active(self, moment: Moment) -> bool:
        return moment.progress >= self.start and moment.step % self.every == 0

    @property
    def parts(self) -> tuple[Loss, ...]:
        """The loss's parts, one at least."""
        return self.loss if isinstance(self.loss, tuple) else (self.loss,)

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [p for module in self.modules for p in module.parameters()]

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """The parameters by their factor on the phase's rate."""
        factors = {id(p): factor for part, factor in self.slowed for p in part}
        grouped: dict[float, list[nn.Parameter]] = {}
        for parameter in self.parameters:
            grouped.setdefault(factors.get(id(parameter), 1.0), []).append(parameter)
        return [(parameters, factor) for factor, parameters in grouped.items()]


@dataclass(frozen=True)
class ShownFaces:
    """What is known of faces to be swapped, beside their pictures."""

    places: FacePlaces
    """In the model's crops."""
    of: Side
    """Whose faces they are."""
    fine: float = 0.0
    """How many times as fine as the model's picture detail is wanted, too (`Patch.detail_B1TT`);
    0 for none."""

    def to(self, device: torch.device) -> ShownFaces:
        return replace(self, places=self.places.to(device))


class Swapper(Protocol):
    """All that conversion and evaluation see of a model."""

    size_px: int
    coverage: float
    landmarks: LandmarkKind | None
    """What may be given as a fourth channel (`faces.drawing`); None for colour alone."""

    def encode(self, x_BCHW: Tensor) -> Tensor:
        """The code of the faces, as the decoders take it."""
        ...

    def swap(self, x_BCHW: Tensor, to: Side, shown: ShownFaces | None = None) -> Patch:
        """The faces painted as the person of side `to`, with opacity; better where it is known
        whose faces they are and where their features lie."""
        ...


class SwapNet(nn.Module, ABC):
    """A swapper with weights: what a learner trains and a run's `model.safetensors` fills."""

    size_px: int
    coverage: float
    landmarks: LandmarkKind | None = None

    @abstractmethod
    def encode(self, x_BCHW: Tensor) -> Tensor:
        """As `Swapper.encode`."""

    @abstractmethod
    def swap(self, x_BCHW: Tensor, to: Side, shown: ShownFaces | None = None) -> Patch:
        """As `Swapper.swap`."""


class Learner(Protocol):
    """All that the training loop sees of a model."""

    @property
    def swapper(self) -> Swapper: ...

    @property
    def generator_modules(self) -> nn.Module:
        """What conversion needs; the loop keeps a moving average of its weights."""
        ...

    @property
    def all_modules(self) -> nn.Module:
        """Everything with weights, for checkpoints."""
        ...

    def phases(self) -> tuple[Phase, ...]: ...
