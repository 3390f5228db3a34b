"""Shaking, warped differences and flicker of known size."""

from __future__ import annotations

import numpy as np
import pytest
from tests.evaluate.toy_face import SIDE_PX, inside, mesh_at, painted, textured_skin

from faceloom.evaluate import steadiness
from faceloom.faces.expression import eye_span_px
from faceloom.faces.identity import IDENTITY_PX, identity_transform
from faceloom.image import RGB, resize, warp

RATE = 25.0


def test_even_motion_does_not_shake_and_shaking_has_its_own_size() -> None:
    even = steadiness.point_jitter((mesh_at(), mesh_at(3), mesh_at(6)))
    assert even == pytest.approx(0, abs=1e-5)
    shaken = steadiness.point_jitter((mesh_at(), mesh_at(1), mesh_at()))
    assert shaken == pytest.approx(2 / float(eye_span_px(mesh_at())), rel=1e-3)


def smooth_texture(shift_px: int = 0) -> RGB:
    rough = np.random.default_rng(3).uniform(60, 200, (30, 30, 3)).astype(np.uint8)
    picture = resize(rough, (SIDE_PX, SIDE_PX), "cubic")
    return np.roll(picture, shift_px, axis=1)


def warped(result: list[RGB], footage: list[RGB], step_px: int) -> tuple[float, float]:
    flow = steadiness.FlowWarp()
    errors = [flow.update(a, b, mesh_at(k * step_px))
              for k, (a, b) in enumerate(zip(result, footage, strict=True))]  # fmt: skip
    assert np.isnan(errors[0]).all()
    one, other = np.nanmean(errors, axis=0)
    return float(one), float(other)


def test_motion_alone_is_hardly_an_error() -> None:
    moving = [smooth_texture(2 * k) for k in range(4)]
    one, other = warped(moving, moving, 2)
    assert one == other
    still = np.abs(moving[1].astype(int) - moving[0]).mean()
    assert one < 0.3 * still


def test_flicker_shows_in_full_in_the_warped_error() -> None:
    footage = [smooth_texture(2 * k) for k in range(4)]
    shares = []
    for levels in (2, 8, 20):
        result = [painted(p, np.full(3, levels * (k % 2)), inside(mesh_at(2 * k), 1.4))
                  for k, p in enumerate(footage)]  # fmt: skip
        one, other = warped(result, footage, 2)
        shares.append(one - other)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(20, rel=0.2)


def test_a_forgotten_frame_is_not_compared() -> None:
    flow = steadiness.FlowWarp()
    flow.update(smooth_texture(), smooth_texture(), mesh_at())
    flow.forget()
    assert np.isnan(flow.update(smooth_texture(), smooth_texture(), mesh_at())).all()


def blinking(levels: float, hz: float, frames: int = 200) -> np.ndarray:
    t = np.arange(frames) / RATE
    return np.repeat(levels * np.sin(2 * np.pi * hz * t)[:, None], 16, axis=1)


@pytest.mark.parametrize("hz", [6.0, 8.0, 11.0])
@pytest.mark.parametrize("levels", [1.0, 5.0])
def test_flicker_has_its_own_size_and_rate(levels: float, hz: float) -> None:
    change = blinking(levels, hz) + 7
    fast = steadiness.fast_changes(change, RATE)
    fast = fast[np.isfinite(fast).all(axis=1)]
    assert steadiness.flicker_levels(fast) == pytest.approx(levels / np.sqrt(2), rel=0.2)
    assert steadiness.flicker_rate_hz(change, RATE) == pytest.approx(hz, abs=0.4)


def test_slow_changes_are_no_flicker() -> None:
    fast = steadiness.fast_changes(blinking(10, 0.5), RATE)
    fast = fast[np.isfinite(fast).all(axis=1)]
    assert steadiness.flicker_levels(fast) < 0.6
    assert np.isnan(steadiness.flicker_rate_hz(np.zeros((100, 16)), RATE))
    assert np.isnan(steadiness.flicker_rate_hz(blinking(3, 8, frames=8), RATE))


def test_gaps_do_not_flicker() -> None:
    change = blinking(0, 8) + 50
    change[80:90] = np.nan
    fast = steadiness.fast_changes(change, RATE)
    assert np.nanmax(np.abs(fast)) == 0


def test_brightness_is_of_each_block_of_the_inner_face() -> None:
    crop = np.zeros((112, 112, 3), np.uint8)
    crop[28:49, 28:42] = 200
    blocks = steadiness.block_brightness(crop)
    assert blocks[0] == pytest.approx(200, abs=1)
    assert blocks[1:] == pytest.approx(np.zeros(15), abs=1)


def test_every_block_lies_in_the_face() -> None:
    mesh = mesh_at()
    hull = np.repeat(np.round(255 * inside(mesh)).astype(np.uint8), 3, axis=2)
    crop = warp(hull, identity_transform(mesh), (IDENTITY_PX, IDENTITY_PX), "area")
    assert steadiness.block_brightness(crop).min() > 0.8 * 255


def test_the_spread_of_vectors() -> None:
    same = np.tile([1.0, 0.0], (5, 1))
    assert steadiness.spread(same) == pytest.approx(0)
    opposite = np.array([[1.0, 0.0], [-1.0, 0.0]])
    assert steadiness.spread(opposite) == pytest.approx(1)
    angle = np.linspace(-0.2, 0.2, 41)
    footage = np.stack([np.cos(angle), np.sin(angle)], 1)
    wilder = np.stack([np.cos(2 * angle), np.sin(2 * angle)], 1)
    ratio = steadiness.spread_ratio(np.concatenate([wilder, footage], axis=1))
    assert ratio == pytest.approx(4, rel=0.05)
    assert np.isnan(steadiness.spread_ratio(np.ones((2, 4))))


def test_noise_inside_the_face_is_seen() -> None:
    footage = [textured_skin(5) for _ in range(4)]
    result = [painted(p, np.random.default_rng(k).normal(0, 15, p.shape), inside(mesh_at()))
              for k, p in enumerate(footage)]  # fmt: skip
    one, other = warped(result, footage, 0)
    assert one > other + 5
