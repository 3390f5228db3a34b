"""Crops that hold still, and meshes within them, on faces that are known."""

from __future__ import annotations

import numpy as np
import pytest
from tests.faces.test_track import face_of, mesh_at

from faceloom.faces.face import Face
from faceloom.faces.mask import BROWS, LIPS
from faceloom.faces.steady import CropSteadier, MeshSteadier
from faceloom.geometry import Box, Similarity


def test_a_still_face_is_held_and_a_moving_one_is_not_left_behind() -> None:
    rng = np.random.default_rng(1)
    steadier, raw, steady = CropSteadier(96), [], []
    for frame in range(50):
        noisy = mesh_at(0) + rng.normal(0, 0.5, 3) * [1, 1, 0]
        raw.append(place(CropSteadier(96)(face_of(noisy.astype(np.float32)), 0.0)))
        steady.append(place(steadier(face_of(noisy.astype(np.float32)), frame / 25)))
    assert np.std(np.diff(steady[10:])) < 0.3 * np.std(np.diff(raw[10:]))
    lags = []
    for frame in range(50, 75):
        face = face_of(mesh_at(8.0 * (frame - 50)))
        lags.append(place(CropSteadier(96)(face, 0.0)) - place(steadier(face, frame / 25)))
    assert max(np.abs(lags[5:])) < 0.1 * 96


def place(transform: Similarity) -> float:
    """Where the transform puts the frame's origin, across."""
    return float(transform.apply(np.zeros((1, 2)))[0, 0])


def test_steadying_needs_a_mesh() -> None:
    with pytest.raises(ValueError, match="mesh"):
        CropSteadier(96)(Face(Box(0, 0, 1, 1), 1.0), 0.0)


def test_a_still_mesh_is_held_but_for_its_lips() -> None:
    rng = np.random.default_rng(2)
    steadier = MeshSteadier()
    raw = [mesh_at(0) + rng.normal(0, 0.3, (468, 3)).astype(np.float32) for _ in range(50)]
    steady = [steadier(mesh, 100, frame / 25) for frame, mesh in enumerate(raw)]
    shaking = [
        np.diff(np.stack(meshes)[10:, list(BROWS)], axis=0).std() for meshes in (raw, steady)
    ]
    assert shaking[1] < 0.4 * shaking[0]
    for seen, held in zip(raw, steady, strict=True):
        assert np.allclose(seen[list(LIPS)], held[list(LIPS)], atol=1e-3)


def test_a_turning_mesh_is_not_left_behind() -> None:
    steadier, lags = MeshSteadier(), []
    for frame in range(25):
        mesh = mesh_at(2.0 * max(0, frame - 5))
        lags.append(mesh[BROWS[0], 0] - steadier(mesh, 100, frame / 25)[BROWS[0], 0])
    assert lags[5] == pytest.approx(0, abs=1e-4)
    assert max(lags) < 1.5
    assert max(lags[15:]) < 1, "within half a frame"
    later = mesh_at(0)
    assert np.array_equal(MeshSteadier()(later, 100, 7.0), later), "nothing is known before"
