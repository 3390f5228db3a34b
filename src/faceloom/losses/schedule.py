"""Weights that change with the progress of a run, as data: `((0, 0), (0.2, 1))` comes on at 20%."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """A value over a run's progress: `points` are (progress, value), in order, the first at 0.

    Each value holds until the next point; with `linear` it moves straight on to the next one, as in
    annealing. After the last point it stays. Raises ValueError for points out of order or range.
    """

    points: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    linear: bool = False

    def __post_init__(self) -> None:
        starts = [start for start, _ in self.points]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)) or starts[-1] > 1:
            raise ValueError(f"points {self.points}: must rise from 0 to at most 1")

    def at(self, progress: float) -> float:
        """The value at this share of the run."""
        index = bisect_right(self.points, progress, key=lambda point: point[0]) - 1
        start, value = self.points[max(0, index)]
        if not self.linear or index + 1 >= len(self.points):
            return value
        end, goal = self.points[index + 1]
        return value + (goal - value) * (progress - start) / (end - start)


def constant(value: float) -> Schedule:
    """The same from start to end."""
    return Schedule(((0.0, value),))


OFF = constant(0.0)
