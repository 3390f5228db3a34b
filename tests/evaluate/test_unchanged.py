"""Changes outside the face, of known size and area."""

from __future__ import annotations

import numpy as np
import pytest
from tests.evaluate.toy_face import SIDE_PX, inside, mesh_at, painted, textured_skin

from faceloom.evaluate.unchanged import outside_changes

MESH = mesh_at()
SKIN = textured_skin()
OUTSIDE_PX = int((inside(MESH, 1.25) == 0).sum())


def test_what_changes_inside_the_face_does_not_count() -> None:
    swapped = painted(SKIN, np.full(3, 40), inside(MESH, 1.2))
    assert outside_changes(SKIN, SKIN, (MESH, MESH)) == (0, 0)
    assert outside_changes(swapped, SKIN, (MESH, MESH)) == (0, 0)


def test_the_result_s_own_face_is_left_out_too() -> None:
    beside = mesh_at(x_px=30)
    moved = painted(SKIN, np.full(3, 40), inside(beside, 1.2))
    assert outside_changes(moved, SKIN, (beside, MESH)) == (0, 0)
    assert outside_changes(moved, SKIN, (MESH, MESH))[0] > 0.1


def test_an_offset_everywhere_has_its_own_size() -> None:
    for levels in (1, 5, 20):
        error, changed = outside_changes(SKIN + np.uint8(levels), SKIN, (MESH, MESH))
        assert error == levels
        assert changed == (levels > 16)


@pytest.mark.parametrize("side_px", [4, 8, 16])
def test_a_leak_counts_by_its_area(side_px: int) -> None:
    leaked = SKIN.copy()
    leaked[:side_px, :side_px, 0] -= np.uint8(60)
    error, changed = outside_changes(leaked, SKIN, (MESH, MESH))
    assert changed == pytest.approx(side_px**2 / OUTSIDE_PX, rel=1e-6)
    assert error == pytest.approx(changed * 60 / 3, rel=1e-6)


def test_a_face_that_fills_the_picture_has_no_outside() -> None:
    huge = mesh_at(scale=3)
    assert (inside(huge, 1.25) > 0).mean() == 1
    assert np.isnan(outside_changes(SKIN[:SIDE_PX], SKIN, (huge, huge))).all()
