"""Figures of motion on constructed meshes, where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from faceloom.evaluate.motion import correlation, jitter
from faceloom.faces.align import reference_points
from faceloom.faces.expression import eye_opening, eye_span_px, mouth_opening
from faceloom.faces.face import Mesh


def meshes(count: int = 40) -> Mesh:
    mesh = np.pad(reference_points(200), ((0, 0), (0, 1))).astype(np.float32)
    return np.stack([mesh] * count)


def test_openings_are_free_of_scale() -> None:
    one = meshes(3)
    assert np.allclose(mouth_opening(one), mouth_opening(one * 2.5))
    assert np.allclose(eye_opening(one), eye_opening(one * 2.5))


def test_mouth_opening_by_hand() -> None:
    one = meshes(1)
    one[:, 14] = one[:, 13] + np.array([0, 10, 0], np.float32)
    assert mouth_opening(one)[0] == pytest.approx(10 / eye_span_px(one)[0], rel=1e-4)


def test_correlation_of_the_same_the_opposite_and_a_constant() -> None:
    wave = np.sin(np.arange(50) / 4.0)
    assert correlation(wave, 3 * wave + 1) == pytest.approx(1)
    assert correlation(wave, -wave) == pytest.approx(-1)
    assert correlation(wave, np.ones(50)) == 0


def test_even_motion_has_no_jitter_and_noise_adds_it_in_proportion() -> None:
    moving = meshes() + np.arange(40, dtype=np.float32)[:, None, None] * 2
    assert jitter(moving) == pytest.approx(0, abs=1e-4)
    noise = np.random.default_rng(0).normal(0, 1, moving.shape).astype(np.float32)
    assert jitter(moving + 0.6 * noise) == pytest.approx(2 * jitter(moving + 0.3 * noise), rel=0.02)


def test_jitter_needs_three_frames() -> None:
    with pytest.raises(ValueError, match="three"):
        jitter(meshes(2))
