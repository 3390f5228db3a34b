"""The landmark warp: it finds what fits, does not hop about, and lays a face where it belongs."""

from __future__ import annotations

import numpy as np

from faceloom.colour import ColourMatcher
from faceloom.evaluate.baselines import (
    ShapeDifference,
    best_sequence,
    similarity_3d,
    warped_face,
)
from faceloom.evaluate.pixels import squared_error
from faceloom.faces.align import reference_points
from faceloom.faces.face import Mesh
from faceloom.faces.mask import FACE_OVAL, mesh_mask
from faceloom.image import RGB

SIZE_PX = 128
NOSE_TIP = 1


def placed_mesh(scale: float, shift: tuple[float, float]) -> Mesh:
    """The mean face, flat, somewhere in the picture."""
    points = (reference_points(SIZE_PX, 1.6) - SIZE_PX / 2) * scale + SIZE_PX / 2 + shift
    return np.pad(points, ((0, 0), (0, 1))).astype(np.float32)


def painted(mesh: Mesh, stripes: float, gain: float) -> RGB:
    """Skin with a pattern that sticks to the mesh, on grey."""
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX].astype(np.float32)
    u, v = (x - low[0]) / (high[0] - low[0]), (y - low[1]) / (high[1] - low[1])
    skin = 150 * gain * (1 + 0.15 * np.sin(stripes * u) * np.cos(stripes * v))
    inside = mesh_mask(mesh, "hull", (SIZE_PX, SIZE_PX))
    grey = skin * inside + 90 * (1 - inside)
    return np.stack([grey, 0.8 * grey, 0.7 * grey], axis=-1).clip(0, 255).astype(np.uint8)


def test_the_sequence_fits_and_stays() -> None:
    material = np.array([[0.0], [1.0], [2.0], [3.0]])
    assert best_sequence(np.array([[0.1], [1.1], [2.9]]), material).tolist() == [0, 1, 3]
    # Two moments fit about as well: it does not jump between them for nothing.
    nearly = np.array([[0.49], [0.51], [0.49], [0.51]])
    assert len(set(best_sequence(nearly, material).tolist())) == 1


def test_the_warp_is_nearer_to_the_answer_than_the_footage_is() -> None:
    here, there = placed_mesh(1.0, (0, 0)), placed_mesh(0.85, (8, -5))
    footage, source = painted(here, 6, 1.0), painted(there, 14, 0.75)
    key = painted(here, 14, 1.0)
    before = footage.copy()
    made = warped_face(footage, here, here, source, there, ColourMatcher("adain"))
    mask = mesh_mask(here, "hull", (SIZE_PX, SIZE_PX))
    # The footage's broad stripes count as shading, which the warp keeps on purpose.
    assert squared_error(made, key, mask)[0] < 0.5 * squared_error(footage, key, mask)[0]
    assert np.array_equal(made[mask == 0], footage[mask == 0])
    assert np.array_equal(footage, before)


def test_a_similarity_in_space_is_found_again() -> None:
    rng = np.random.default_rng(4)
    points = rng.normal(size=(30, 3))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    scaled, shift = similarity_3d(points, points @ (2.5 * turn).T + [1, -2, 3])
    assert np.allclose(scaled, 2.5 * turn)
    assert np.allclose(shift, [1, -2, 3])


def test_shape_is_added_inside_and_not_at_the_outline() -> None:
    rng = np.random.default_rng(5)
    # Spread in depth, as a real mesh is.
    footage: Mesh = placed_mesh(1.0, (0, 0))
    footage[:, 2] = rng.normal(0, 5, 468)
    face: Mesh = footage.copy()
    face[NOSE_TIP, 1] -= 6
    same = ShapeDifference.between([footage], [footage])
    assert np.allclose(same.onto(footage), footage, atol=1e-3)
    aim = ShapeDifference.between([footage], [(0.5 * face + 20).astype(np.float32)]).onto(footage)
    assert aim[NOSE_TIP, 1] - footage[NOSE_TIP, 1] < -4
    oval = list(FACE_OVAL)
    assert np.allclose(aim[oval], footage[oval], atol=0.01)
