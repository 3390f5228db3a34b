"""Weights over a run's progress."""

from __future__ import annotations

import pytest

from faceloom.losses import Schedule

ORIGINS_HINGE = Schedule(((0.0, 0.0), (0.3, 0.5), (0.4, 0.2), (0.5, 0.4), (0.67, 0.0)))


@pytest.mark.parametrize(
    ("progress", "value"),
    [(0.0, 0.0), (0.29, 0.0), (0.3, 0.5), (0.45, 0.2), (0.5, 0.4), (0.66, 0.4), (1.0, 0.0)],
)
def test_each_value_holds_until_the_next(progress: float, value: float) -> None:
    assert ORIGINS_HINGE.at(progress) == value


def test_linear_goes_straight_on() -> None:
    annealed = Schedule(((0.0, 0.0), (0.5, 1.0)), linear=True)
    assert [annealed.at(p) for p in (0.0, 0.25, 0.5, 0.9)] == [0.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize(
    "points", [(), ((0.1, 1.0),), ((0.0, 1.0), (0.0, 2.0)), ((0.0, 1.0), (1.5, 2.0))]
)
def test_points_out_of_order_are_refused(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="must rise from 0"):
        Schedule(points)
