"""Fine detail: what is finer than a model paints, laid where it belongs, only where it is true."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.data.test_reference import gallery_of, mean_mesh, mean_shape, open_mouthed, places

from faceloom.data import fine
from faceloom.data.fine import NO_DETAIL, Trust, fine_detail, laid_fine, sharpened
from faceloom.data.movement import COVERAGE, POINTS

SIZE_PX = 128
SIDE_PX = round(SIZE_PX * COVERAGE)
ALL = torch.ones(1, 8, 8)
BOTH = torch.arange(2)
STILL = torch.zeros(1, 2, 16, 16)


def striped(period_px: int, contrast: int = 60) -> np.ndarray:
    columns = np.where(np.arange(SIDE_PX) % period_px < period_px // 2, -contrast, contrast)
    return np.broadcast_to((120 + columns)[None, :, None], (SIDE_PX, SIDE_PX, 3)).astype(np.uint8)


def test_detail_is_what_is_fine_and_nothing_else() -> None:
    flat = np.full((SIDE_PX, SIDE_PX, 3), 90, np.uint8)
    assert (fine_detail(flat, SIDE_PX) == NO_DETAIL).all()
    shaded = np.clip(np.linspace(40, 200, SIDE_PX)[None, :, None] + flat * 0, 0, 255)
    inside = fine_detail(shaded.astype(np.uint8), SIDE_PX)[:, 8:-8]
    assert np.abs(inside.astype(int) - NO_DETAIL).max() <= 4
    fine_lines = fine_detail(striped(2), SIDE_PX).astype(int) - NO_DETAIL
    assert np.abs(fine_lines).mean() > 50
    assert abs(fine_lines[:, 8:-8].mean()) < 25
    twice = fine_detail(np.repeat(np.repeat(striped(2), 2, 0), 2, 1), SIDE_PX)
    assert np.abs(twice.astype(int) - NO_DETAIL - fine_lines)[:, 8:-8].max() <= 1


def test_detail_does_not_hang_on_how_light_a_picture_is() -> None:
    bright = fine_detail(striped(2, 30), SIDE_PX).astype(int)
    dark = fine_detail((striped(2, 30) // 2), SIDE_PX).astype(int)
    strength = [np.abs(one - NO_DETAIL).mean() for one in (bright, dark)]
    assert strength[1] == pytest.approx(strength[0], rel=0.15)


def test_there_is_no_detail_beyond_the_face_and_at_its_edge() -> None:
    face = np.zeros((40, 40))
    face[:, :20] = 1
    whole, within = (fine_detail(striped(2), SIDE_PX, one) for one in (None, face))
    half, edge = SIDE_PX // 2, round(0.07 * SIDE_PX)
    assert (within[:, half:] == NO_DETAIL).all()
    assert (within[:, : half - edge] == whole[:, : half - edge]).all()


def test_detail_is_laid_over_the_tight_frame_and_moved_by_the_field() -> None:
    dotted = torch.full((2, SIDE_PX, SIDE_PX), NO_DETAIL, dtype=torch.uint8)
    border = (SIDE_PX - SIZE_PX) // 2
    dotted[0, border + 70, border + 40] = 255
    dotted[1, border + 10, border + 90] = 1
    still, all_of_it = STILL.repeat(2, 1, 1, 1), ALL.repeat(2, 1, 1)
    one, other = laid_fine(dotted, BOTH, still, all_of_it, SIZE_PX)[:, 0]
    assert one.shape == (SIZE_PX, SIZE_PX)
    assert divmod(int(one.argmax()), SIZE_PX) == (70, 40)
    assert divmod(int(other.argmin()), SIZE_PX) == (10, 90)
    assert float(one.max()) == pytest.approx(0.7, abs=0.01)
    assert float(other.min()) == pytest.approx(-0.7, abs=0.01)
    assert float(one.min()) == float(other.max()) == 0
    to_the_left = STILL.clone()
    to_the_left[:, 0] = 10 * 2 / SIDE_PX
    (found,) = laid_fine(dotted, BOTH[:1], to_the_left, ALL / 2, SIZE_PX)[0]
    assert divmod(int(found.argmax()), SIZE_PX) == (70, 30)
    assert float(found.max()) == pytest.approx(0.35, abs=0.01)


def test_pictures_below_each_other_do_not_run_into_each_other() -> None:
    pictures = torch.stack([torch.full((SIDE_PX, SIDE_PX), level) for level in (NO_DETAIL, 255)])
    downwards = STILL.clone()
    downwards[:, 1] = 1.0
    fields = torch.cat([downwards, -downwards])
    one, other = laid_fine(pictures.byte(), BOTH, fields, ALL.repeat(2, 1, 1), SIZE_PX)
    assert not one.any()
    assert float(other.min()) == pytest.approx(0.7, abs=0.01)


def spot(trusted: torch.Tensor, part: tuple[int, ...]) -> float:
    """The trust at the middle of a part."""
    at = places(mean_mesh()).points_BM2[0, [POINTS.index(point) for point in part]].mean(dim=0)
    x, y = ((at * COVERAGE + 1) / 2 * trusted.shape[-1]).long().tolist()
    return float(trusted[0, y, x])


def test_an_open_mouth_takes_no_detail_of_a_shut_one() -> None:
    shut, wide = (places(open_mouthed(gap)).points_BM2 for gap in (2.0, 24.0))
    trusted = Trust(shut)
    alike, other = trusted(shut), trusted(wide)
    assert spot(alike, fine._MOUTH) > 0.95
    assert spot(other, fine._MOUTH) < 0.1
    cheek = (50,)
    assert min(spot(alike, cheek), spot(other, cheek)) > 0.9
    assert float(alike.min()) >= 0
    assert float(alike.max()) <= 1


def test_eyes_take_no_detail() -> None:
    """The mesh network does not see them shut: rings of an open eye would lie on a lid."""
    at = places(mean_mesh()).points_BM2
    trusted = Trust(at)(at)
    assert max(spot(trusted, eye) for eye in fine._EYES) < 0.02
    assert spot(trusted, (6,)) > 0.8, "the bridge of the nose between them has its own"


def test_a_gallery_lays_the_detail_of_the_picture_that_fits() -> None:
    gallery = gallery_of(open_mouthed(2.0), open_mouthed(30.0))
    crops = np.stack([np.full((SIDE_PX, SIDE_PX, 3), 120, np.uint8), striped(2)])
    gallery.look_closely(crops[np.arange(len(gallery.fine_KTT)) % 2])
    strength = []
    for gap in (2.0, 30.0):
        face = places(open_mouthed(gap))
        misfit = gallery.misfit(face, mean_shape())
        _, found = gallery.lay_nearest(misfit, face.points_BM2, 64, SIZE_PX)
        assert found is not None
        assert found.shape == (1, 1, SIZE_PX, SIZE_PX)
        strength.append(float(found.abs().mean()))
    assert strength[0] == pytest.approx(0, abs=1e-3)
    assert strength[1] > 0.05


def test_faces_and_pictures_of_another_coverage_lie_where_each_other_do() -> None:
    """Lines all over, and a face in the right half alone: so is the detail, however much the crops
    show."""
    found = []
    for coverage in (COVERAGE, 1.5 * COVERAGE):
        gallery, face = gallery_of(mean_mesh()), torch.zeros(1, 1, 92, 92, dtype=torch.uint8)
        face[..., 60:] = 255
        crops = striped(4)[None].repeat(len(gallery.fine_KTT), 0)
        gallery.look_closely(crops, coverage, face.repeat(len(crops), 1, 1, 1))
        columns = (gallery.fine_KTT[0].int() - NO_DETAIL).abs().max(dim=0).values
        found.append(int(columns.nonzero()[0]) / len(columns))
    within = 60 / 92 - 0.5
    assert found[0] - 0.5 == pytest.approx(within, abs=0.05)
    assert found[1] - 0.5 == pytest.approx(1.5 * within, abs=0.05)


def test_before_it_was_looked_at_a_gallery_has_no_detail() -> None:
    gallery, face = gallery_of(mean_mesh()), places(mean_mesh())
    misfit = gallery.misfit(face, mean_shape())
    _, found = gallery.lay_nearest(misfit, face.points_BM2, 64, SIZE_PX)
    assert found is not None
    assert not found.any()
    assert gallery.lay_nearest(misfit, face.points_BM2, 64)[1] is None


def test_a_face_is_sharpened_by_light_alone() -> None:
    face = np.full((32, 32, 3), 0, np.float32) + np.array([120, 80, 40], np.float32)
    detail = np.zeros((64, 64), np.float32)
    assert np.allclose(sharpened(face, detail), face[0, 0], atol=1e-3)
    detail[10, 20] = 0.5
    found = sharpened(face, detail)
    assert found.shape == (64, 64, 3)
    changed = found[10, 20] / face[0, 0]
    assert (changed > 1.6).all()
    assert np.allclose(np.delete(found.reshape(-1, 3), 10 * 64 + 20, axis=0), face[0, 0], atol=1e-3)
