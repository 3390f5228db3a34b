"""Boxes and similarities: properties that hold for any transform."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceloom.geometry import Box, Similarity, umeyama

finite = st.floats(-200, 200)
similarities = st.builds(
    Similarity.from_parts, st.floats(0.05, 20), st.floats(-179, 179), finite, finite
)
POINTS = np.array([[0.0, 0.0], [10.0, 2.0], [3.0, 8.0], [-4.0, 5.0]])


@given(similarities)
def test_inverse_undoes(transform: Similarity) -> None:
    there_and_back = transform.then(transform.inverse()).apply(POINTS)
    assert np.allclose(there_and_back, POINTS, atol=1e-6)


@given(similarities, similarities)
def test_then_applies_in_order(first: Similarity, second: Similarity) -> None:
    together = first.then(second).apply(POINTS)
    assert np.allclose(together, second.apply(first.apply(POINTS)), rtol=1e-7, atol=1e-5)


@given(similarities)
def test_umeyama_finds_the_transform(transform: Similarity) -> None:
    found = umeyama(POINTS, transform.apply(POINTS))
    assert np.allclose(found.apply(POINTS), transform.apply(POINTS), atol=1e-6)
    assert found.scale == pytest.approx(transform.scale, rel=1e-6)


def test_umeyama_weights_decide_between_conflicting_points() -> None:
    target = POINTS.copy()
    target[3] += 100.0
    weights = np.array([1.0, 1.0, 1.0, 1e-9])
    assert np.allclose(umeyama(POINTS, target, weights).apply(POINTS), POINTS, atol=1e-3)


def test_umeyama_refuses_a_single_place() -> None:
    with pytest.raises(ValueError, match="distinct"):
        umeyama(np.zeros((4, 2)), POINTS)


def test_from_matrix_refuses_mirrors() -> None:
    with pytest.raises(ValueError, match="similarity"):
        Similarity.from_matrix(np.array([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))


@given(finite, finite, st.floats(0.1, 50), st.floats(0.1, 50))
def test_iou_of_a_box_with_itself_is_one(x: float, y: float, width: float, height: float) -> None:
    box = Box(x, y, x + width, y + height)
    assert box.iou(box) == pytest.approx(1.0)
    assert box.iou(Box(x + width + 1, y, x + 2 * width + 1, y + height)) == 0.0


def test_clipped_box_outside_is_empty() -> None:
    assert Box(50, 50, 60, 60).clipped(40, 40).area == 0
