"""Drawn landmarks: they lie where the mesh's contours do."""

from __future__ import annotations

import numpy as np
import pytest

from faceloom.faces.align import reference_points
from faceloom.faces.drawing import LandmarkKind, draw_landmarks
from faceloom.faces.mask import FACE_OVAL, INNER_MOUTH, LIPS

KINDS: tuple[LandmarkKind, ...] = ("lines", "heat")


def mesh(side_px: int) -> np.ndarray:
    return np.pad(reference_points(side_px), ((0, 0), (0, 1))).astype(np.float32)


def shifted(x_px: int, y_px: int) -> np.ndarray:
    return mesh(96) + np.array([x_px, y_px, 0], np.float32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side_px", [64, 138])
def test_the_contours_are_drawn_and_the_cheeks_are_empty(kind: LandmarkKind, side_px: int) -> None:
    plane = draw_landmarks(mesh(side_px), kind, side_px)
    assert plane.shape == (side_px, side_px)
    assert plane.dtype == np.float32
    assert plane.min() == 0
    assert 0.9 < plane.max() <= 1
    assert 0.02 < plane.mean() < 0.25
    points = mesh(side_px)[list(FACE_OVAL[::2]) + list(LIPS[::2]) + list(INNER_MOUTH[::2]), :2]
    columns, rows = np.round(points).astype(int).T
    assert plane[rows, columns].mean() > 0.5
    cheek = np.round(mesh(side_px)[50, :2]).astype(int)
    assert plane[cheek[1] - 1 : cheek[1] + 2, cheek[0] - 1 : cheek[0] + 2].max() < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_a_moved_mesh_moves_the_drawing(kind: LandmarkKind) -> None:
    here = draw_landmarks(mesh(96), kind, 96)
    there = draw_landmarks(shifted(4, 2), kind, 96)
    assert np.abs(there[6:, 8:] - here[4:-2, 4:-4]).mean() < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_outside_is_left_out(kind: LandmarkKind) -> None:
    plane = draw_landmarks(shifted(60, -30), kind, 96)
    assert plane[:, :20].max() == 0
    assert draw_landmarks(shifted(500, 0), kind, 96).max() == 0


def test_a_spots_peak_is_one_wherever_it_lies_between_pixels() -> None:
    far_apart = np.full((468, 3), -100, np.float32)
    for offset in (0.0, 0.25, 0.5):
        far_apart[10] = [40 + offset, 40, 0]
        plane = draw_landmarks(far_apart, "heat", 96)
        assert 0.8 < plane.max() <= 1
        at = (plane.sum(0) * np.arange(96)).sum() / plane.sum()
        assert at == pytest.approx(40 + offset, abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wider_view_shows_the_same_drawing(kind: LandmarkKind) -> None:
    """What training cuts out of the stored, wider crop is what conversion draws on a tight one."""
    wide = np.pad(reference_points(240, 1.25), ((0, 0), (0, 1))).astype(np.float32)
    stored = draw_landmarks(wide, kind, 240, 1.25)
    tight = draw_landmarks(mesh(192), kind, 192)
    assert np.abs(stored[24:-24, 24:-24] - tight).mean() < 0.02
