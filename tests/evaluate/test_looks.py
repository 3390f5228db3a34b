"""Sharpness, colour, edges and patterns of drawn faces that are changed by known amounts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests.evaluate.toy_face import SIDE_PX, inside, mesh_at, painted, textured_skin

from faceloom.evaluate import looks
from faceloom.evaluate.colour_difference import ciede2000, lab_of

MESH = mesh_at()
SKIN = textured_skin()


def step_of(result: np.ndarray) -> looks.ColourStep:
    return looks.colour_step(looks.outline_band(result, MESH), looks.outline_band(SKIN, MESH))


def seam_of(result: np.ndarray) -> float:
    return looks.seam_energy(looks.outline_band(result, MESH), looks.outline_band(SKIN, MESH))


def test_the_same_picture_shows_no_difference() -> None:
    same = step_of(SKIN)
    assert same.result == same.footage
    assert same.footage < 1
    assert same.cast == 0
    assert seam_of(SKIN) == 0
    one, other = looks.sharpness_pair(SKIN, SKIN, MESH)
    assert one == other


@pytest.mark.parametrize("shift", [(10, 0, 0), (0, -12, 8), (25, 25, 25)])
def test_a_tint_is_measured_in_its_own_size(shift: tuple[int, int, int]) -> None:
    colour = np.array([[180, 140, 120]])
    wanted = float(ciede2000(lab_of(colour + shift), lab_of(colour))[0])
    found = step_of(painted(SKIN, np.array(shift), inside(MESH)))
    assert found.result == pytest.approx(wanted, rel=0.15)
    assert found.cast == pytest.approx(wanted, rel=0.15)


@pytest.mark.parametrize("growth", [0.85, 1.0, 1.25])
@pytest.mark.parametrize("tint", [(1, 0.1, -0.9), (-0.9, 0.1, 1), (1, 1, 1), (-1, -1, -1)])
def test_a_cast_grows_with_the_tint_whichever_way_it_goes(
    tint: tuple[float, float, float], growth: float
) -> None:
    # A neck in the shade, as people have: a darker face is nearer to it, and still a fault.
    below = np.zeros((SIDE_PX, SIDE_PX, 1))
    below[SIDE_PX // 2 :] = 1
    footage = painted(SKIN, np.array((-18, -16, -14)), (1 - inside(MESH, 1.0)) * below)
    place = looks.outline_band(footage, MESH)
    casts = []
    for levels in (0, 5, 12, 30):
        result = painted(footage, levels * np.array(tint), inside(MESH, growth))
        casts.append(looks.colour_step(looks.outline_band(result, MESH), place).cast)
    assert casts[0] == 0
    assert casts == sorted(casts)
    assert casts[3] > 5


def test_hair_and_background_around_the_face_do_not_count() -> None:
    above = np.zeros((SIDE_PX, SIDE_PX, 1))
    above[: SIDE_PX // 2] = 1
    dark = (1 - inside(MESH, 1.03)) * above
    footage = painted(SKIN, np.array((-150, -120, -100)), dark)
    result = painted(footage, np.array((12, 12, 12)), inside(MESH))
    bands = [looks.outline_band(picture, MESH) for picture in (result, footage)]
    found = looks.colour_step(*bands)
    assert found.footage < 2
    alone = step_of(painted(SKIN, np.array((12,) * 3), inside(MESH)))
    assert found.result == pytest.approx(alone.result, rel=0.2)
    assert found.cast == pytest.approx(alone.cast, rel=0.2)


@pytest.mark.parametrize("levels", [4, 12, 40])
def test_a_hard_edge_is_as_high_as_it_is(levels: int) -> None:
    result = painted(SKIN, np.full(3, levels), inside(MESH))
    assert seam_of(result) == pytest.approx(levels, rel=0.2)


def test_a_feathered_edge_is_lower() -> None:
    weight = inside(MESH)[..., 0]
    seams = [
        seam_of(painted(SKIN, np.full(3, 30), cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]))
        for sigma in (1, 3, 6, 12)
    ]
    assert seams == sorted(seams, reverse=True)
    assert seams[-1] < 0.4 * seams[0]


def test_blur_lowers_sharpness_step_by_step() -> None:
    shares = []
    for sigma in (0.4, 0.7, 1.0, 2.0):
        blurred = cv2.GaussianBlur(SKIN, (0, 0), sigma).astype(np.uint8)
        one, other = looks.sharpness_pair(blurred, SKIN, MESH)
        shares.append(one / other)
    assert shares == sorted(shares, reverse=True)
    assert shares[0] < 1
    assert shares[-1] < 0.1


def test_contrast_changes_sharpness_by_its_own_factor() -> None:
    footage = textured_skin(deviation=8)
    result = np.clip((footage.astype(float) - 140) * 1.5 + 140, 0, 255).astype(np.uint8)
    one, other = looks.sharpness_pair(result, footage, MESH)
    assert one / other == pytest.approx(1.5, rel=0.05)


def test_a_face_outside_the_picture_has_no_sharpness() -> None:
    one, other = looks.sharpness_pair(SKIN, SKIN, mesh_at(x_px=5 * SIDE_PX))
    assert np.isnan([one, other]).all()


def rows_of(amplitude: float, period_px: int) -> np.ndarray:
    """Spectra of several frames with a checkerboard of this height."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    board = amplitude * np.cos(2 * np.pi * x / period_px) * np.cos(2 * np.pi * y / period_px)
    rows = []
    for seed in range(8):
        picture = painted(textured_skin(seed), np.ones(3), board[..., None])
        spectrum = looks.face_spectrum(picture, MESH)
        assert spectrum is not None
        rows.append(spectrum.ravel())
    return np.stack(rows)


@pytest.mark.parametrize("period_px", [2, 4, 5])
def test_a_checkerboard_stands_out_the_more_the_higher_it_is(period_px: int) -> None:
    footage = rows_of(0, period_px)
    found = [looks.checkerboard_db(rows_of(a, period_px), footage) for a in (0, 1, 2, 6)]
    assert found[0] < 0.01
    assert found == sorted(found)
    # Twice the height is 6 dB more, once it is well above the noise.
    assert found[3] - found[2] == pytest.approx(20 * np.log10(3), abs=1.5)


def test_a_pattern_that_the_footage_has_as_well_is_not_the_results() -> None:
    assert looks.checkerboard_db(rows_of(4, 4), rows_of(4, 4)) == 0


def test_a_small_or_cut_off_face_has_no_spectrum() -> None:
    assert looks.face_spectrum(SKIN, mesh_at(scale=0.4)) is None
    assert looks.face_spectrum(SKIN, mesh_at(x_px=110)) is None
