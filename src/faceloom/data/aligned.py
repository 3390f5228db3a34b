"""Batches of two face sets whose rows show the same moment in the same crop, another face in each.

Row n of one set is the exact answer to swapping row n of the other (`extract.answers`). Everything
that chance decides is the same on both sides: which rows, how they are bent and turned, in which
light. So the code of one side's input can be asked to become the other side's target. Photographs
that nobody can answer are their own answers.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from faceloom.data.augment import AugmentConfig
from faceloom.data.bank import FaceBank
from faceloom.data.batches import Batch, PairBatches, step_generator
from faceloom.data.referenced import References
from faceloom.errors import UserError


class AlignedBatches(PairBatches):
    """`batch(step)` as in `PairBatches`, the same draw for both sides."""

    def __init__(
        self, a: FaceBank, b: FaceBank, size_px: int, per_side: int, seed: int,
        config: AugmentConfig, references: References | None = None,
    ) -> None:  # fmt: skip
        """Raises UserError if the sets cannot be aligned."""
        if len(a) != len(b):
            raise UserError(
                f"side a has {len(a)} faces and side b {len(b)}: aligned sets show the same"
                " moments; make them with tools.train_trunk"
            )
        b.shares_N = a.shares_N
        super().__init__(a, b, size_px, per_side, seed, config, references)
        pairs = zip(a.table.shown, b.table.shown, strict=True)
        self.own_answer_N = torch.tensor([one == other for one, other in pairs])

    def batch(self, step: int) -> Batch:
        a, b = (self._side(side, step, step_generator(self.seed, step)) for side in (0, 1))
        return Batch(step, a, b)

    def _stream(self, side: int, step: int, name: str) -> Generator:  # noqa: ARG002
        return super()._stream(0, step, name)

    def _colour_map(
        self,
        side: int,  # noqa: ARG002
        step: int,
        rows: Tensor,
        generator: Generator,
    ) -> tuple[Tensor, Tensor]:
        return super()._colour_map(0, step, rows, generator)
