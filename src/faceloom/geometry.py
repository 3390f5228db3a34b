"""Boxes and similarity transforms of the image plane.

Convention: points are (x, y) in pixels, x to the right, y down; the centre of the top-left pixel is
(0, 0), as in OpenCV's `warpAffine`. Boxes hold corners, right and bottom excluded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Shape (N, 2), pixels."""


@dataclass(frozen=True)
class Box:
    """An axis-aligned rectangle in pixels, `x1` and `y1` excluded."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        return max(0.0, self.width) * max(0.0, self.height)

    @property
    def center(self) -> tuple[float, float]:
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    @classmethod
    def around(cls, points_N2: NDArray[np.floating], margin: float = 0.0) -> Box:
        """The tightest box around the points, grown on each side by `margin` of its own size."""
        low = points_N2[:, :2].min(axis=0)
        high = points_N2[:, :2].max(axis=0)
        grow = margin * (high - low)
        x0, y0 = (low - grow).tolist()
        x1, y1 = (high + grow).tolist()
        return cls(x0, y0, x1, y1)

    def clipped(self, width_px: int, height_px: int) -> Box:
        """The part of the box inside an image of this size (empty if there is none)."""
        x0 = min(max(self.x0, 0.0), float(width_px))
        y0 = min(max(self.y0, 0.0), float(height_px))
        return Box(
            x0,
            y0,
            max(x0, min(self.x1, float(width_px))),
            max(y0, min(self.y1, float(height_px))),
        )

    def iou(self, other: Box) -> float:
        """Intersection over union, 0 to 1."""
        overlap = Box(
            max(self.x0, other.x0),
            max(self.y0, other.y0),
            min(self.x1, other.x1),
            min(self.y1, other.y1),
        )
        if overlap.width <= 0 or overlap.height <= 0:
            return 0.0
        return overlap.area / (self.area + other.area - overlap.area)


@dataclass(frozen=True)
class Similarity:
    """Rotation, uniform scale and shift: (x, y) -> (a x - b y + tx, b x + a y + ty)."""

    a: float
    b: float
    tx: float
    ty: float

    @classmethod
    def from_parts(
        cls, scale: float, angle_deg: float, tx: float = 0.0, ty: float = 0.0
    ) -> Similarity:
        angle = np.deg2rad(angle_deg)
        return cls(float(scale * np.cos(angle)), float(scale * np.sin(angle)), tx, ty)

    @classmethod
    def from_matrix(cls, matrix_23: NDArray[np.floating]) -> Similarity:
        """From a 2x3 matrix that is a similarity; raises ValueError if it shears or mirrors."""
        m = np.asarray(matrix_23, dtype=np.float64)
        size = abs(m[0, 0]) + abs(m[1, 0]) + 1e-12
        if abs(m[0, 0] - m[1, 1]) > 1e-6 * size or abs(m[0, 1] + m[1, 0]) > 1e-6 * size:
            raise ValueError("not a similarity: the matrix shears or mirrors")
        return cls(float(m[0, 0]), float(m[1, 0]), float(m[0, 2]), float(m[1, 2]))

    @property
    def matrix_23(self) -> NDArray[np.float64]:
        return np.array([[self.a, -self.b, self.tx], [self.b, self.a, self.ty]], np.float64)

    @property
    def scale(self) -> float:
        return float(np.hypot(self.a, self.b))

    @property
    def angle_deg(self) -> float:
        return float(np.rad2deg(np.arctan2(self.b, self.a)))

    def apply(self, points_N2: NDArray[np.floating]) -> Points:
        """Map points; further columns than the first two are left out."""
        xy = np.asarray(points_N2, dtype=np.float64)[:, :2]
        return xy @ self.matrix_23[:, :2].T + self.matrix_23[:, 2]

    def then(self, after: Similarity) -> Similarity:
        """The transform that does this one first and `after` second."""
        tx, ty = after.apply(np.array([[self.tx, self.ty]]))[0].tolist()
        return Similarity(
            after.a * self.a - after.b * self.b, after.b * self.a + after.a * self.b, tx, ty
        )

    def inverse(self) -> Similarity:
        """Raises ZeroDivisionError for a transform of scale 0."""
        square = self.a**2 + self.b**2
        a, b = self.a / square, -self.b / square
        return Similarity(a, b, -(a * self.tx - b * self.ty), -(b * self.tx + a * self.ty))


def umeyama(
    source_N2: NDArray[np.floating],
    target_N2: NDArray[np.floating],
    weights_N: NDArray[np.floating] | None = None,
) -> Similarity:
    """The similarity that maps source onto target with the least (weighted) squared error.

    Source: Umeyama 1991, "Least-squares estimation of transformation parameters between two point
    patterns", in its closed form for the plane (no reflection). Raises ValueError if all source
    points coincide.
    """
    weights = np.ones(len(source_N2)) if weights_N is None else np.asarray(weights_N, np.float64)
    weights = weights / weights.sum()
    source = np.asarray(source_N2, np.float64)[:, :2]
    target = np.asarray(target_N2, np.float64)[:, :2]
    source_mean, target_mean = weights @ source, weights @ target
    s, t = source - source_mean, target - target_mean
    variance = float(weights @ (s**2).sum(axis=1))
    if variance <= 1e-12:
        raise ValueError("umeyama needs at least two distinct source points")
    a = float(weights @ (s * t).sum(axis=1)) / variance
    b = float(weights @ (s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0])) / variance
    turned = Similarity(a, b, 0.0, 0.0).apply(source_mean[None])[0]
    shift = target_mean - turned
    return Similarity(a, b, float(shift[0]), float(shift[1]))
