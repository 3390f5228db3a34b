"""Pictures carried on: what lay at one place lies at the other."""

from __future__ import annotations

import pytest
import torch
from tests.data.test_reference import gallery_of, mean_mesh, mean_shape, open_mouthed, places
from torch import Tensor

from faceloom.data.carried import carried, true_shares
from faceloom.data.movement import COVERAGE, POINTS
from faceloom.data.reference import tight_grid
from faceloom.faces.mask import BROWS, FACE_OVAL, LIPS

SIZE_PX = 96


def at(point: int) -> tuple[float, float]:
    """Where a mesh point lies in the tight frame, pixels: x, y."""
    x, y = places(mean_mesh()).points_BM2[0, POINTS.index(point)].tolist()
    return tuple(((v * COVERAGE + 1) * SIZE_PX - 1) / 2 for v in (x, y))


def middle_px(image_HW: Tensor) -> tuple[float, float]:
    weight = (image_HW + 1).clamp_min(0)
    line = torch.arange(SIZE_PX).float()
    x, y = ((weight.sum(dim=axis) * line).sum() / weight.sum() for axis in (0, 1))
    return float(x), float(y)


def test_where_nothing_moves_the_picture_stays_as_it_is() -> None:
    picture = torch.rand(2, 3, SIZE_PX, SIZE_PX) * 2 - 1
    lie = places(mean_mesh(), open_mouthed(20)).points_BM2
    assert torch.allclose(carried(picture, lie, lie), picture, atol=1e-4)


@pytest.mark.parametrize("point", [LIPS[0], BROWS[2]])
def test_what_lay_at_one_place_lies_at_the_other(point: int) -> None:
    (x, y), moved_px = at(point), 3.0
    grid = tight_grid(1, SIZE_PX, 1.0)[0]
    place = torch.tensor([x, y]) * (2 / SIZE_PX) + 1 / SIZE_PX - 1
    spot = torch.exp(-((grid - place) ** 2).sum(dim=2) / (2 * 0.02**2)) * 2 - 1
    lie = places(mean_mesh()).points_BM2
    lower = lie + torch.tensor([0.0, moved_px * 2 / SIZE_PX / COVERAGE])
    found = carried(spot.expand(1, 3, -1, -1), lie, lower)
    assert middle_px(found[0, 0]) == pytest.approx((x, y + moved_px), abs=0.3)


def test_brows_and_lips_are_to_move_further_and_outlines_are_not() -> None:
    shares = true_shares()[:, 0]
    brows, lips, oval = (
        shares[[POINTS.index(p) for p in part]] for part in (BROWS, LIPS, FACE_OVAL)
    )
    assert 1.3 < float(brows.min()) < float(brows.max()) < 1.6
    assert 1.1 < float(lips.min()) < float(lips.max()) < 1.3
    assert float(oval.mean()) < 1.06


def test_detail_lies_where_it_is_to_and_the_reference_where_it_is_painted() -> None:
    gallery = gallery_of(mean_mesh(), open_mouthed(8), open_mouthed(16), step=60)
    line = gallery.fine_KTT.shape[-1] // 2
    gallery.fine_KTT[:, line - 2 : line + 3] = 40
    seen = places(mean_mesh())
    lower = seen.points_BM2 + torch.tensor([0.0, 0.06])
    misfit = gallery.misfit(seen, mean_shape())
    picture, detail = gallery.lay_nearest(misfit, seen.points_BM2, 64, SIZE_PX, lower)
    alone, as_painted = gallery.lay_nearest(misfit, seen.points_BM2, 64, SIZE_PX)
    _, as_wanted = gallery.lay_nearest(misfit, lower, 64, SIZE_PX)
    assert detail is not None
    assert as_painted is not None
    assert as_wanted is not None
    assert torch.equal(picture, alone)
    assert torch.equal(detail, as_wanted)
    assert float((detail - as_painted).abs().max()) > 0.1
