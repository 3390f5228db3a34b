"""Hair over forehead and temples is no part of the face that is learned; brows and beards are."""

from __future__ import annotations

import numpy as np
import pytest

from faceloom.faces.align import reference_points
from faceloom.faces.face import Mesh
from faceloom.faces.fringe import without_fringe
from faceloom.faces.mask import BROWS, LEFT_EYE, LIPS, NOSE_BASE, RIGHT_BROW, RIGHT_EYE, mesh_mask

SIDE = 160
EYES = list(RIGHT_EYE + LEFT_EYE)


@pytest.fixture
def mesh() -> Mesh:
    return np.pad(reference_points(SIDE, 1.0), ((0, 0), (0, 1))).astype(np.float32)


def face(skin: int) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), skin, np.uint8)


@pytest.mark.parametrize("skin", [220, 70])
def test_a_dark_lock_on_the_forehead_is_left_out(mesh: Mesh, skin: int) -> None:
    hull = mesh_mask(mesh, "hull", (SIDE, SIDE))
    top = int(mesh[list(BROWS), 1].min()) - 12
    picture = face(skin)
    picture[:top, 70:90] = skin // 4
    seen = without_fringe(hull, picture, mesh)
    lock = hull[: top - 2, 72:88] > 0.99
    assert lock.sum() > 100
    assert float(seen[: top - 2, 72:88][lock].max()) == 0
    assert np.array_equal(seen[:, :60], hull[:, :60])
    assert np.array_equal(seen[top + 8 :], hull[top + 8 :])


def test_dark_brows_eyes_and_beards_stay(mesh: Mesh) -> None:
    hull = mesh_mask(mesh, "hull", (SIDE, SIDE))
    picture = face(200)
    brows_y = mesh[list(BROWS), 1]
    brows_x = mesh[list(BROWS), 0]
    rows, columns = (slice(int(at.min()), int(at.max())) for at in (brows_y, brows_x))
    picture[rows, columns] = 40
    picture[int(mesh[NOSE_BASE, 1]) :, columns] = 50
    picture[int(mesh[list(LIPS), 1].mean()) + 4 :] = 50
    assert np.array_equal(without_fringe(hull, picture, mesh), hull)


@pytest.mark.parametrize("lit", ["right", "left"])
def test_hair_beside_an_eye_is_left_out_with_all_beyond_it(mesh: Mesh, lit: str) -> None:
    hull = mesh_mask(mesh, "hull", (SIDE, SIDE))
    # One half lies in the shade, about as dark as hair is in the light.
    light_W = np.interp(np.arange(SIDE), [SIDE * 0.4, SIDE * 0.6], [200, 110])
    light_W = light_W if lit == "right" else light_W[::-1]
    picture = (light_W[None, :, None] * np.ones((SIDE, 1, 3))).astype(np.uint8)
    eyes_y = slice(*(int(y) for y in (mesh[EYES, 1].min(), mesh[EYES, 1].max())))
    strand_x = int(mesh[list(RIGHT_BROW), 0].min()) - 5
    picture[eyes_y, strand_x - 2 : strand_x] //= 6
    seen = without_fringe(hull, picture, mesh)
    rows = slice(eyes_y.start + 2, eyes_y.stop - 2)
    assert hull[rows, strand_x - 4].min() > 0.5
    assert float(seen[rows, :strand_x].max()) == 0
    assert np.array_equal(seen[:, strand_x + 6 :], hull[:, strand_x + 6 :])


def test_soft_shadow_is_skin(mesh: Mesh) -> None:
    hull = mesh_mask(mesh, "hull", (SIDE, SIDE))
    shaded = (np.linspace(170, 220, SIDE)[:, None, None] * np.ones((SIDE, SIDE, 3))).astype(
        np.uint8
    )
    assert np.array_equal(without_fringe(hull, shaded, mesh), hull)


def test_without_cheeks_nothing_is_judged(mesh: Mesh) -> None:
    nothing = np.zeros((SIDE, SIDE), np.float32)
    assert np.array_equal(without_fringe(nothing, face(100), mesh), nothing)
