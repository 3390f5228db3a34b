"""Which reference a face of a batch gets: never the moment itself, and in a crowd the right
person's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.data.test_batches import SIZE_PX, STILL, bank, same
from torch.nn import functional as F

from faceloom.data.aligned import AlignedBatches
from faceloom.data.bank import FaceBank
from faceloom.data.batches import PairBatches
from faceloom.data.description import DESCRIPTION_SIZE
from faceloom.data.referenced import CrowdReferences, Drawn, PairReferences

COUNT = 40


def greys(of: FaceBank, levels: list[int], **table: object) -> FaceBank:
    """Faces of one grey each, by which they are known again."""
    planes = of.planes.clone()
    planes[:, :3] = torch.tensor(levels, dtype=torch.uint8).view(-1, 1, 1, 1)
    return FaceBank(planes, of.coverage, of.shares_N, replace(of.table, **table))  # type: ignore[arg-type]


def pair(step_px: int = 3) -> tuple[FaceBank, FaceBank]:
    a, b = ([step_px * row + first for row in range(COUNT)] for first in (10, 130))
    return greys(bank(0, COUNT), a), greys(bank(1, COUNT), b)


def row_of(references: torch.Tensor, first: int, step_px: int = 3) -> list[int]:
    levels = (references[:, 0, 20, 20] + 1) * 127.5
    return [round((float(level) - first) / step_px) for level in levels]


def test_a_face_is_restored_with_a_picture_from_another_time() -> None:
    batches = PairBatches(*pair(), SIZE_PX, 16, 1, STILL, PairReferences(*pair(), SIZE_PX))
    generator = torch.Generator().manual_seed(0)
    rows, grid = torch.arange(COUNT), torch.zeros(COUNT, SIZE_PX, SIZE_PX, 2)
    drawn = Drawn(0, rows, grid, grid, torch.zeros(COUNT), generator)
    assert batches.references is not None
    own, others = batches.references(drawn)
    assert others is not None
    kept = own.flatten(1).any(dim=1)
    assert 0.8 < float(kept.float().mean()) < 1
    found = np.array(row_of(own, 10))
    assert (np.abs(found - np.arange(COUNT)) >= 15)[kept.numpy()].all()
    assert min(row_of(others(), 130)) >= 0
    assert max(row_of(others(), 130)) < COUNT


def test_references_hang_on_seed_and_step_alone_and_change_nothing_else() -> None:
    def made(referenced: bool) -> PairBatches:
        references = PairReferences(*pair(), SIZE_PX) if referenced else None
        return PairBatches(*pair(), SIZE_PX, 4, 1, STILL, references)

    assert same(made(True).batch(3), made(True).batch(3))
    without = made(False).batch(3)
    assert without.a.reference_BCHW is None
    bare = [replace(side, reference_BCHW=None, swap_reference=None)
            for side in made(True).batch(3).sides]  # fmt: skip
    assert same(replace(without, a=bare[0], b=bare[1]), without)


def crowd() -> tuple[FaceBank, FaceBank]:
    """Three people of four pictures and one of a single one; in the answers each wears the next
    one's face, the third a stranger's."""
    names = [f"person-{row // 4}" for row in range(13)]
    worn = [f"person-{row // 4 + 1}" if row < 8 else "nobody" for row in range(13)]
    vectors = F.normalize(torch.randn(20, 512, generator=torch.Generator().manual_seed(3)), dim=1)
    banks = []
    for shown in (names, worn):
        numbers = [int(name[-1]) if name[-1].isdigit() else 19 for name in shown]
        people = torch.zeros(13, DESCRIPTION_SIZE)
        people[:, :512] = vectors[numbers]
        whose = {"sources": tuple(names), "shown": tuple(shown), "people_NE": people}
        banks.append(greys(bank(0, 13), [10 * row + 10 for row in range(13)], **whose))
    return banks[0], banks[1]


def test_a_crowds_faces_are_shown_other_pictures_of_whom_they_become() -> None:
    banks = crowd()
    references = CrowdReferences(*banks)
    rows, grid = torch.arange(13), torch.zeros(13, SIZE_PX, SIZE_PX, 2)
    for side in (0, 1):
        for seed in range(5):
            generator = torch.Generator().manual_seed(seed)
            shown, others = references(Drawn(side, rows, grid, grid, torch.zeros(13), generator))
            assert others is None
            for row, found in enumerate(row_of(shown, 10, 10)):
                if not shown[row].any():
                    continue
                assert found != row
                assert banks[0].table.sources[found] == banks[side].table.shown[row]
            # Of the last there is no other picture, and of the stranger none at all.
            assert not shown[12].any()
            assert side == 0 or not shown[8:].any()


def test_a_crowd_of_nobody_known_is_refused() -> None:
    with pytest.raises(ValueError, match="described"):
        CrowdReferences(*pair())


def test_aligned_batches_take_references() -> None:
    banks = crowd()
    batch = AlignedBatches(*banks, SIZE_PX, 4, 3, STILL, CrowdReferences(*banks)).batch(2)
    for side in batch.sides:
        assert side.reference_BCHW is not None
        assert side.reference_BCHW.shape == side.target_BCHW.shape
