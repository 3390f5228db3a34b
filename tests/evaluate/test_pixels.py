"""Pixel scores on constructed cases with known answers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests.toy_pair import drawn_frame, oval

from faceloom.evaluate.pixels import change_error, outside_change, psnr_db, squared_error, ssim

KEY = drawn_frame(0, (185, 145, 120), 0.5)
MASK = (oval(0) / 255).astype(np.float32)


def test_squared_error_weighs_by_the_mask_alone() -> None:
    other = KEY.copy()
    other[MASK == 0] = 0
    assert squared_error(other, KEY, MASK)[0] == 0
    off = (KEY.astype(int) + 10).clip(0, 255).astype(np.uint8)
    squares, weight = squared_error(off, KEY, MASK)
    assert squares / weight == pytest.approx(100, rel=1e-4)


def test_psnr_knows_its_scale_and_its_limit() -> None:
    assert psnr_db(255**2) == pytest.approx(0)
    assert psnr_db(255**2 / 1000) == pytest.approx(30)
    assert psnr_db(0) == pytest.approx(58.9, abs=0.1)


def test_ssim_is_one_for_the_same_and_falls_with_blur_and_shift() -> None:
    blurred = np.asarray(cv2.GaussianBlur(KEY, (0, 0), 1.0), np.uint8)
    more = np.asarray(cv2.GaussianBlur(KEY, (0, 0), 3.0), np.uint8)
    shifted = np.roll(KEY, 3, axis=1)
    assert ssim(KEY, KEY, MASK) == pytest.approx(1)
    assert 1 > ssim(blurred, KEY, MASK) > ssim(more, KEY, MASK)
    assert ssim(shifted, KEY, MASK) < 0.9
    with pytest.raises(ValueError, match="mask"):
        ssim(KEY, KEY, np.zeros_like(MASK))


def test_ssim_does_not_look_far_outside_the_mask() -> None:
    other = KEY.copy()
    other[:6] = 0
    assert ssim(other, KEY, MASK) == pytest.approx(1, abs=1e-6)


def test_outside_change_leaves_the_dilated_masks_out() -> None:
    changed = KEY.copy()
    changed[MASK > 0] = 0
    assert outside_change(changed, KEY, MASK, reach_px=2) == 0
    changed[0, :] = KEY[0, :] // 2
    assert outside_change(changed, KEY, MASK, reach_px=2) > 0
    assert outside_change(changed, KEY, np.ones_like(MASK), reach_px=2) == 0


def test_change_error_forgives_an_offset_and_counts_flicker() -> None:
    after = drawn_frame(1, (185, 145, 120), 0.5)
    masks = (MASK, (oval(1) / 255).astype(np.float32))
    offset = tuple((p.astype(int) + 9).astype(np.uint8) for p in (KEY, after))
    assert change_error((offset[0], offset[1]), (KEY, after), masks) == 0
    assert change_error((offset[0], after), (KEY, after), masks) == pytest.approx(9, rel=1e-4)
