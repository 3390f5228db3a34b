"""The gradients of one step: a process's share of the batch, piece by piece.

A batch is divided among the processes and each share into `accumulate` pieces, all as equal as can
be. A piece's losses count by its part of the faces, so that for losses that are means over faces
neither changes the step. (A loss that looks at a batch as a whole, such as batch norm or a mean
over the weight of all pixels, sees the piece; random numbers of losses are each piece's own.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from faceloom.data.batches import Batch
from faceloom.models.base import Loss, Moment, Phase
from faceloom.threads import side_by_side
from faceloom.train.distributed import Processes
from faceloom.train.health import not_finite_error


@dataclass(frozen=True)
class Piece:
    """A part of a batch that is computed at once."""

    index: int
    """Among all pieces of all processes."""
    faces: slice
    share: float
    """Of the batch's faces."""


@dataclass(frozen=True)
class Split:
    """How a batch is divided, and which share is this process's."""

    per_side: int
    process: int
    processes: int
    accumulate: int

    def pieces(self) -> list[Piece]:
        """Those of this process. Empty ones are left out."""
        count = self.processes * self.accumulate
        edges = [self.per_side * k // count for k in range(count + 1)]
        first = self.process * self.accumulate
        return [
            Piece(k, slice(edges[k], edges[k + 1]), (edges[k + 1] - edges[k]) / self.per_side)
            for k in range(first, first + self.accumulate)
            if edges[k] < edges[k + 1]
        ]

    @property
    def at_once(self) -> int:
        """Faces of each side in the largest piece."""
        return -(-self.per_side // (self.processes * self.accumulate))

    def halved(self) -> Split:
        """The same batch in twice as many pieces."""
        return replace(self, accumulate=2 * self.accumulate)


class PieceTooLargeError(Exception):
    """Memory ran out in at least one process."""


def compute_alike(
    phases: Sequence[Phase],
    batch: Batch,
    split: Split,
    moment_of: Callable[[int], Moment],
    processes: Processes,
) -> tuple[dict[str, float], dict[str, float]]:
    """As `compute`, for this process's share, with the phases' totals over all processes.

    Raises PieceTooLargeError, or CollapseError for a loss that is not finite, in all processes if
    in one: what comes next needs them all.
    """
    fine, not_finite, no_memory = range(3)
    state, values, totals = fine, dict[str, float](), dict[str, float]()
    try:
        values, totals = compute(phases, batch, split.pieces(), moment_of, processes.autocast)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        state = no_memory
    broken = [name for name, total in totals.items() if not math.isfinite(total)]
    state = processes.most(not_finite if broken else state)
    if state == no_memory:
        raise PieceTooLargeError
    if state == not_finite:
        raise not_finite_error(broken[0] if broken else phases[0].name)
    return values, processes.summed(totals)


def compute(
    phases: Sequence[Phase],
    batch: Batch,
    parts: Sequence[Piece],
    moment_of: Callable[[int], Moment],
    autocast: Callable[[], AbstractContextManager[Any]],
) -> tuple[dict[str, float], dict[str, float]]:
    """Leave the gradients of these phases' losses in their parameters.

    `moment_of` gives the moment of a piece's index. Every phase's loss is computed before any
    weights move: later phases judge what the first one painted. Gives the terms' sums and each
    phase's total, over this process's pieces.
    """
    for phase in phases:
        for parameter in phase.parameters:
            parameter.grad = None
    sums: dict[str, Tensor] = {}
    totals: dict[str, Tensor] = {}
    for piece in parts:
        given, moment = batch.part(piece.faces), moment_of(piece.index)
        for phase in phases:
            for found in _of_parts(phase, given, moment, autocast):
                found.leave(piece.share)
                _add(totals, {phase.name: found.total * piece.share})
                _add(sums, {name: term * piece.share for name, term in found.terms.items()})
    values = _floats({**sums, **{f"/{name}": total for name, total in totals.items()}})
    return (
        {name: values[name] for name in sums},
        {name: values[f"/{name}"] for name in totals},
    )


@dataclass(frozen=True)
class _Found:
    """What one part of a phase's loss gives."""

    terms: dict[str, Tensor]
    total: Tensor
    """Of the terms that are minimised."""
    gradients: list[tuple[nn.Parameter, Tensor]]

    def leave(self, share: float) -> None:
        """Add the gradients, this share of them, to the parameters'."""
        for parameter, gradient in self.gradients:
            if parameter.grad is None:
                parameter.grad = gradient if share == 1 else gradient * share
            else:
                parameter.grad.add_(gradient, alpha=share)


def _of_parts(
    phase: Phase, batch: Batch, moment: Moment, autocast: Callable[[], AbstractContextManager[Any]]
) -> list[_Found]:
    """Of each part of the phase's loss; on a CPU side by side, and alike if they are not."""
    weights = [parameter for parameter in phase.parameters if parameter.requires_grad]
    moments = moment.of_parts(len(phase.parts))

    def found(part: Loss, moment: Moment) -> _Found:
        with autocast(), _own_casts(len(phase.parts) > 1):
            terms = part(batch, moment)
            total = torch.stack(
                [term.float() for name, term in terms.items() if name not in phase.observed]
            ).sum()
        gradients: tuple[Tensor | None, ...] = torch.autograd.grad(
            total, weights, allow_unused=True
        )
        given = [(p, g) for p, g in zip(weights, gradients, strict=True) if g is not None]
        figures = {name: term.detach().float() for name, term in terms.items()}
        return _Found(figures, total.detach(), given)

    calls = [partial(found, *one) for one in zip(phase.parts, moments, strict=True)]
    if batch.a.target_BCHW.device.type != "cpu":
        return [call() for call in calls]
    return side_by_side(calls)


@contextmanager
def _own_casts(own: bool) -> Iterator[None]:
    """Within the block autocast keeps no casts of weights, if `own`: all threads share those that
    it keeps, and with them a piece of the graph."""
    before = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(before and not own)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(before)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch could not get memory, on whatever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def _add(to: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    for name, value in found.items():
        to[name] = to[name] + value.detach() if name in to else value.detach()


def _floats(tensors: dict[str, Tensor]) -> dict[str, float]:
    """All at once: each single one would wait for the device."""
    return dict(zip(tensors, torch.stack(list(tensors.values())).tolist(), strict=True))
