"""Hair over the forehead is no part of the face that is learned; all below the brows is."""

from __future__ import annotations

import numpy as np
import pytest

from faceloom.faces.align import reference_points
from faceloom.faces.face import Mesh
from faceloom.faces.fringe import without_fringe
from faceloom.faces.mask import BROWS, NOSE_BASE, mesh_mask

SIDE = 160


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
    picture[int(brows_y.min()) : int(brows_y.max())] = 40
    picture[int(mesh[NOSE_BASE, 1]) :] = 50
    assert np.array_equal(without_fringe(hull, picture, mesh), hull)


def test_soft_shadow_is_skin(mesh: Mesh) -> None:
    hull = mesh_mask(mesh, "hull", (SIDE, SIDE))
    shaded = (np.linspace(170, 220, SIDE)[:, None, None] * np.ones((SIDE, SIDE, 3))).astype(
        np.uint8
    )
    assert np.array_equal(without_fringe(hull, shaded, mesh), hull)


def test_without_cheeks_nothing_is_judged(mesh: Mesh) -> None:
    nothing = np.zeros((SIDE, SIDE), np.float32)
    assert np.array_equal(without_fringe(nothing, face(100), mesh), nothing)
