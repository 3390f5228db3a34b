"""Colour transfer: the statistics it promises, for every method."""

from __future__ import annotations

import numpy as np
import pytest

from faceloom.colour import TRANSFERS, ColourMatcher, Image, Transfer, check_transfer, match_colour
from faceloom.errors import UserError

ONES = np.ones((48, 48), np.float32)
MATCHING: list[Transfer] = [transfer for transfer in TRANSFERS if transfer != "none"]


def picture(seed: int, low: float, high: float) -> Image:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(low, high, (6, 6, 3)).astype(np.float32)
    return np.kron(coarse, np.ones((8, 8, 1), np.float32)).astype(np.float32)


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_a_picture_matched_to_itself_stays(transfer: Transfer) -> None:
    image = picture(0, 60, 200)
    assert np.abs(match_colour(image, image, ONES, transfer) - image).max() < 1.5


@pytest.mark.parametrize("transfer", MATCHING)
def test_the_mean_colour_becomes_the_reference_s(transfer: Transfer) -> None:
    painted = picture(1, 90, 150)
    reference = np.clip(picture(2, 90, 150) * [1.1, 0.9, 0.8], 0, 255).astype(np.float32)
    matched = match_colour(painted, reference, ONES, transfer)
    before = np.abs(painted.mean((0, 1)) - reference.mean((0, 1))).max()
    after = np.abs(matched.mean((0, 1)) - reference.mean((0, 1))).max()
    assert before > 8
    assert after < 0.35 * before


def test_adain_takes_mean_and_deviation() -> None:
    painted, reference = picture(3, 90, 140), picture(4, 85, 145)
    matched = match_colour(painted, reference, ONES, "adain")
    assert np.allclose(matched.mean((0, 1)), reference.mean((0, 1)), atol=1.5)
    assert np.allclose(matched.std((0, 1)), reference.std((0, 1)), rtol=0.15)
    # Not beyond its limits: a flat picture is not torn apart.
    flat = match_colour(painted, picture(4, 20, 220), ONES, "adain")
    assert flat.std() < 2 * painted.std()


def test_tone_takes_the_mean_and_half_of_the_contrast() -> None:
    painted, reference = picture(3, 110, 140), picture(4, 106, 142)
    plain = match_colour(painted, reference, ONES, "tone")
    full = match_colour(painted, reference, ONES, "adain")
    assert np.allclose(plain.mean((0, 1)), full.mean((0, 1)), atol=0.1)
    ratio = (reference.mean((0, 1)) / painted.mean((0, 1))).mean()
    own, halved, whole = (x.std() for x in (painted * ratio, plain, full))
    assert own < 0.97 * whole
    assert halved**2 == pytest.approx(own * whole, rel=0.01)


def test_dark_pixels_take_no_tint_from_redder_or_more_varied_skin() -> None:
    wave = np.random.default_rng(0).normal(0, 12, (40, 40, 1)).astype(np.float32)
    painted = np.array([200, 150, 130], np.float32) + wave
    reference = np.array([180, 150, 130], np.float32) + wave * np.array([1.4, 1, 0.8], np.float32)
    weight = np.ones((40, 40), np.float32)
    painted[:4], weight[:4] = 40, 0  # An eye, in grey, which is not counted.
    eye = match_colour(painted, reference, weight, "adain")[:4].mean((0, 1))
    assert np.ptp(eye) < 12  # Each channel on its own makes it 50.


def test_none_and_an_empty_weight_change_nothing() -> None:
    painted, reference = picture(1, 90, 150), picture(2, 20, 60)
    assert np.array_equal(match_colour(painted, reference, ONES, "none"), painted)
    assert np.array_equal(match_colour(painted, reference, 0 * ONES, "adain"), painted)


def test_a_dark_beard_does_not_darken_the_skin() -> None:
    painted = np.full((48, 48, 3), 150, np.float32)
    reference = np.full((48, 48, 3), 170, np.float32)
    reference[36:] = 20
    matched = match_colour(painted, reference, ONES, "adain")
    assert abs(float(matched.mean()) - 170) < 3


def test_smoothing_holds_back_a_flash() -> None:
    matcher = ColourMatcher("adain", smoothing=0.8)
    painted, steady = picture(1, 100, 140), picture(2, 100, 140)
    first = matcher(painted, steady, ONES).mean()
    flashed = matcher(painted, steady + 60, ONES).mean()
    assert first < flashed < first + 20


def test_an_unknown_transfer_is_said() -> None:
    with pytest.raises(UserError, match="sepia"):
        check_transfer("sepia")


def test_tone_is_that_of_bare_skin_where_it_is_known() -> None:
    painted, reference = np.full((2, 48, 48, 3), [[[[150.0]]], [[[120.0]]]], np.float32)
    painted[:20] = 110  # A beard that thins out: no pixel stands out, and the mean is wrong.
    bare = np.zeros((48, 48), np.float32)
    bare[30:40] = 1
    of_all, of_skin = (
        ColourMatcher("tone", 0.0)(painted, reference, ONES, known) for known in (None, bare)
    )
    assert np.allclose(of_skin[40:], 120, atol=1)
    assert of_all[40:].mean() > 130
    for nothing in (0 * bare, None):
        assert np.array_equal(ColourMatcher("tone", 0.0)(painted, reference, ONES, nothing), of_all)
    of_all, of_skin = (
        ColourMatcher("adain", 0.0)(painted, reference, ONES, known) for known in (None, bare)
    )
    assert np.array_equal(of_all, of_skin)
