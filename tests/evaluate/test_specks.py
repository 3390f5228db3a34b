"""Specks on drawn faces, of known size and colour."""

from __future__ import annotations

import numpy as np
import pytest
from tests.evaluate.toy_face import SIDE_PX, bump, inside, mesh_at, painted, textured_skin

from faceloom.evaluate.colour_difference import lab_of
from faceloom.evaluate.specks import speck_contrast
from faceloom.faces.expression import eye_span_px
from faceloom.image import RGB

MESH = mesh_at()
SKIN = textured_skin()
CHEEK, EYE = 50, 159
RED = np.array((60, 0, 0))


def spot(point: int, sigma_spans: float = 0.035, right_spans: float = 0.0) -> np.ndarray:
    """A Gaussian of height 1 at one of the mesh's points, (S, S, 1)."""
    span_px = float(eye_span_px(MESH))
    at_px = MESH[point, :2] + (right_spans * span_px, 0)
    return bump((SIDE_PX, SIDE_PX), at_px, sigma_spans * span_px)[..., None]


def with_spot(levels: float, point: int = CHEEK, **where: float) -> RGB:
    return painted(SKIN, levels / 60 * RED, spot(point, **where))


def test_the_same_picture_has_none_and_a_speck_counts_a_quarter_of_its_contrast() -> None:
    assert speck_contrast(SKIN, SKIN, MESH) == 0
    skin = SKIN.reshape(-1, 3).mean(axis=0)
    contrast = np.abs(lab_of(skin + RED) - lab_of(skin))[1:].max()
    assert speck_contrast(with_spot(60), SKIN, MESH) == pytest.approx(contrast / 4, rel=0.2)


def test_it_grows_with_the_speck() -> None:
    found = [speck_contrast(with_spot(levels), SKIN, MESH) for levels in (0, 15, 30, 60)]
    assert found == sorted(found)
    assert found[1] > 0.3


def test_what_the_footage_has_near_there_is_no_fault() -> None:
    footage, moved = with_spot(60), with_spot(60, right_spans=0.05)
    assert speck_contrast(moved, footage, MESH) < 0.3
    assert speck_contrast(moved, SKIN, MESH) > 1.5


def test_tints_edges_and_other_eyes_are_no_specks() -> None:
    tint = painted(SKIN, RED / 3, inside(MESH))
    left = np.zeros((SIDE_PX, SIDE_PX, 1))
    left[:, : SIDE_PX // 2] = 1
    half = painted(SKIN, RED / 3, left)
    blue_eye = painted(SKIN, np.array((-20, 0, 60)), spot(EYE))
    for picture in (tint, half, blue_eye):
        assert speck_contrast(picture, SKIN, MESH) < 0.3
