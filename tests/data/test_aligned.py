"""Aligned batches: the same draw on both sides, so that one side's targets answer the other's."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.data.test_batches import SIZE_PX, STILL, bank

from faceloom.data.aligned import AlignedBatches
from faceloom.data.augment import AugmentConfig
from faceloom.data.bank import FaceBank
from faceloom.errors import UserError

VARIED = replace(AugmentConfig(), flip=0.5, rotation_deg=7.0, shadow=0.5, jpeg=0.5, downsample=0.5)


def twin(of: FaceBank, offset: int) -> FaceBank:
    """The same faces, every colour a little lighter."""
    planes = of.planes.clone()
    planes[:, :3] = (planes[:, :3].int() + offset).clamp(0, 255).byte()
    return FaceBank(planes, of.coverage, of.shares_N, of.table)


def test_both_sides_have_the_same_faces_bent_and_lit_alike() -> None:
    batch = AlignedBatches(bank(0), twin(bank(0), 0), SIZE_PX, 4, 3, VARIED).batch(5)
    for ours, theirs in zip(vars(batch.a).values(), vars(batch.b).values(), strict=True):
        assert (ours is None and theirs is None) or torch.equal(ours, theirs)


def test_what_differs_between_the_sides_is_kept() -> None:
    batch = AlignedBatches(bank(0), twin(bank(0), 20), SIZE_PX, 4, 3, STILL).batch(5)
    inner = (batch.b.target_BCHW - batch.a.target_BCHW)[batch.a.target_BCHW < 0.5]
    assert float((inner - 20 / 127.5).abs().max()) < 0.02


def test_sets_of_unequal_length_are_refused() -> None:
    with pytest.raises(UserError, match="6 faces and side b 5"):
        AlignedBatches(bank(0), bank(1, 5), SIZE_PX, 4, 3, STILL)


def test_a_picture_of_the_same_person_on_both_sides_is_its_own_answer() -> None:
    a, b = bank(0), twin(bank(0), 20)
    shown = tuple("lender" if row < 3 else name for row, name in enumerate(a.table.shown))
    b.table = replace(b.table, shown=shown)
    batches = AlignedBatches(a, b, SIZE_PX, 16, 3, STILL)
    assert batches.own_answer_N is not None
    assert batches.own_answer_N.tolist() == [False] * 3 + [True] * 3
    batch = batches.batch(5)
    for side in batch.sides:
        assert side.own_answer_B is not None
        assert side.own_answer_B.any()
        assert not side.own_answer_B.all()
