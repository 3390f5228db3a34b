"""Expression, pose and following, on faces moved by known amounts."""

from __future__ import annotations

import numpy as np
import pytest
from tests.evaluate.toy_face import mesh_at

from faceloom.evaluate.kept import (
    EXPRESSIVE,
    expression_errors,
    expressive_points,
    followed,
    pose_errors_deg,
    pose_offset_deg,
    range_ratio,
)
from faceloom.faces.expression import eye_span_px


def test_where_the_head_is_does_not_show() -> None:
    here, there = mesh_at(), mesh_at(30, -12, 0.7)
    assert expressive_points(there) == pytest.approx(expressive_points(here), abs=1e-3)


def test_points_are_in_eye_spans() -> None:
    mesh = mesh_at()
    moved = mesh.copy()
    lip = EXPRESSIVE.index(17)
    moved[17, 1] += 0.1 * float(eye_span_px(mesh))
    change = expressive_points(moved) - expressive_points(mesh)
    assert change[lip] == pytest.approx([0, 0.1], abs=1e-3)
    assert np.abs(np.delete(change, lip, axis=0)).max() < 1e-3


def test_another_shape_with_the_same_motion_is_no_error() -> None:
    rng = np.random.default_rng(0)
    motion = rng.normal(0, 0.02, (50, 10, 2))
    footage = rng.normal(0, 1, (10, 2)) + motion
    other_shape = rng.normal(0, 1, (10, 2)) + motion
    assert expression_errors(other_shape, footage) == pytest.approx(np.zeros(50), abs=1e-9)


def test_a_frozen_face_is_off_by_the_motion_itself() -> None:
    steps = np.tile([0.03, -0.03], 25)[:, None, None] * np.array([0.6, 0.8])
    footage = np.broadcast_to(steps, (50, 10, 2))
    assert expression_errors(np.zeros((50, 10, 2)), footage) == pytest.approx(np.full(50, 0.03))
    half = expression_errors(footage / 2, footage)
    assert half == pytest.approx(np.full(50, 0.015))


def test_a_turn_that_never_changes_is_told_from_one_that_does() -> None:
    rng = np.random.default_rng(0)
    turned = np.tile([[1.5, -1.5, 0.0], [-1.5, 1.5, 0.0]], (20, 1))
    always = np.array([3.0, -4.5, 0.0])
    assert pose_errors_deg(turned + always) == pytest.approx(np.ones(40))
    assert pose_offset_deg(turned + always) == pytest.approx(2.5)
    assert pose_offset_deg(turned) == pytest.approx(0)
    turned[rng.permutation(40)[:10]] = np.nan
    found = pose_errors_deg(turned)
    assert (np.isnan(found) == np.isnan(turned[:, 0])).all()
    assert np.isnan(pose_errors_deg(np.full((4, 3), np.nan))).all()


def test_following_and_liveliness() -> None:
    t = np.linspace(0, 8 * np.pi, 200)
    footage = np.sin(t)
    assert followed(np.stack([0.5 * footage + 3, footage], 1)) == pytest.approx(1)
    assert range_ratio(np.stack([0.5 * footage + 3, footage], 1)) == pytest.approx(0.5)
    late = [followed(np.stack([np.sin(t - lag), footage], 1)) for lag in (0.0, 0.3, 0.8, 1.5)]
    assert late == pytest.approx(np.cos([0.0, 0.3, 0.8, 1.5]), abs=0.02)
    assert np.isnan(followed(np.stack([footage, np.zeros(200)], 1)))
    assert np.isnan(range_ratio(np.zeros((2, 2))))
