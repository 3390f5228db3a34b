"""Rasterising triangles and strands into a depth buffer, in horizontal bands side by side.

Convention: points are (N, 3) float32: x and y in pixels (a pixel's centre at .5) and nearness
(1 / depth, or any depth that grows towards the viewer); the nearest wins, the first drawn wins a
tie. A target's index counts triangles, then strands, in the order they were drawn; -1 is nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

_BANDS = 8


@dataclass(frozen=True, eq=False)
class Target:
    """What has been drawn."""

    nearness_HW: NDArray[np.float32]
    index_HW: NDArray[np.int32]
    weights_HW2: NDArray[np.float32]
    """Of a triangle: the weights of its second and third corner, corrected for perspective. Of a
    strand: the place along it (0 root to 1 tip) and across it (-1 to 1)."""

    @classmethod
    def blank(cls, width_px: int, height_px: int) -> Target:
        shape = (height_px, width_px)
        return cls(
            np.zeros(shape, np.float32),
            np.full(shape, -1, np.int32),
            np.zeros((*shape, 2), np.float32),
        )


def draw_triangles(
    points_N3: NDArray[np.float32], triangles_T3: NDArray[np.int32], target: Target, first: int
) -> None:
    """Draw triangles; the first takes the index `first`."""
    _triangles(
        points_N3, triangles_T3, target.nearness_HW, target.index_HW, target.weights_HW2, first
    )


def draw_strands(
    points_NK3: NDArray[np.float32],
    width_N_px: NDArray[np.float32],
    target: Target,
    first: int,
    towards_viewer: float = 0.0,
) -> None:
    """Draw polylines that taper to a quarter of their width; nearness grows by the factor
    1 + `towards_viewer`, so that a strand which lies on the skin is seen."""
    _strands(
        points_NK3, width_N_px, target.nearness_HW, target.index_HW, target.weights_HW2, first,
        towards_viewer,
    )  # fmt: skip


@njit(cache=True, parallel=True, nogil=True)
def _triangles(points, triangles, nearness, index, weights, first):
    height, width = nearness.shape
    rows = (height + _BANDS - 1) // _BANDS
    for band in prange(_BANDS):
        top, bottom = band * rows, min(height, (band + 1) * rows) - 1
        for t in range(triangles.shape[0]):
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            x0, y0, x1, y1 = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
            x2, y2 = points[c, 0], points[c, 1]
            low = max(top, int(np.ceil(min(y0, y1, y2) - 0.5)))
            high = min(bottom, int(np.floor(max(y0, y1, y2) - 0.5)))
            if low > high:
                continue
            area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
            if abs(area) < 1e-9:
                continue
            left = max(0, int(np.ceil(min(x0, x1, x2) - 0.5)))
            right = min(width - 1, int(np.floor(max(x0, x1, x2) - 0.5)))
            z0, z1, z2 = points[a, 2], points[b, 2], points[c, 2]
            inverse = 1.0 / area
            for y in range(low, high + 1):
                py = y + 0.5
                for x in range(left, right + 1):
                    px = x + 0.5
                    w1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) * inverse
                    w2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) * inverse
                    w0 = 1 - w1 - w2
                    if w0 < 0 or w1 < 0 or w2 < 0:
                        continue
                    near = w0 * z0 + w1 * z1 + w2 * z2
                    if near > nearness[y, x]:
                        nearness[y, x] = near
                        index[y, x] = t + first
                        weights[y, x, 0] = w1 * z1 / near
                        weights[y, x, 1] = w2 * z2 / near


@njit(cache=True, parallel=True, nogil=True)
def _strands(points, widths, nearness, index, weights, first, towards_viewer):
    height, width = nearness.shape
    rows = (height + _BANDS - 1) // _BANDS
    joints = points.shape[1]
    for band in prange(_BANDS):
        top, bottom = band * rows, min(height, (band + 1) * rows) - 1
        for s in range(points.shape[0]):
            for k in range(joints - 1):
                x0, y0, z0 = points[s, k, 0], points[s, k, 1], points[s, k, 2]
                x1, y1, z1 = points[s, k + 1, 0], points[s, k + 1, 1], points[s, k + 1, 2]
                across = widths[s] * (1.0 - 0.75 * (k + 0.5) / (joints - 1))
                if max(y0, y1) + across < top or min(y0, y1) - across > bottom + 1:
                    continue
                steps = int(max(abs(x1 - x0), abs(y1 - y0))) + 1
                if steps > 400:
                    continue  # Behind the camera, or broken.
                radius = max(across * 0.5, 0.5)
                for j in range(steps):
                    share = (j + 0.5) / steps
                    x, y = x0 + (x1 - x0) * share, y0 + (y1 - y0) * share
                    near = (z0 + (z1 - z0) * share) * (1 + towards_viewer)
                    left, right = int(np.floor(x - radius + 0.5)), int(np.floor(x + radius - 0.5))
                    low, high = int(np.floor(y - radius + 0.5)), int(np.floor(y + radius - 0.5))
                    right, high = max(left, right), max(low, high)
                    for yy in range(max(low, top), min(high, bottom) + 1):
                        for xx in range(max(left, 0), min(right, width - 1) + 1):
                            if near > nearness[yy, xx]:
                                nearness[yy, xx] = near
                                index[yy, xx] = first + s
                                weights[yy, xx, 0] = (k + share) / (joints - 1)
                                weights[yy, xx, 1] = (xx + 0.5 - x) / radius
