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
_LONGEST_PX = 400


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
    1 + `towards_viewer`, so that a strand which lies on the skin is seen. Strands none of whose
    joints is seen over what was drawn before are left out whole."""
    seen_N = _seen(points_NK3, target.nearness_HW, towards_viewer)
    _strands(
        points_NK3, width_N_px, seen_N, target.nearness_HW, target.index_HW, target.weights_HW2,
        first, towards_viewer,
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
def _seen(points, nearness, towards_viewer):
    """Which strands have a joint, or the middle between two, in front of what was drawn."""
    height, width = nearness.shape
    seen = np.zeros(points.shape[0], np.bool_)
    for s in prange(points.shape[0]):
        for k in range(2 * points.shape[1] - 1):
            a, b = points[s, k // 2], points[s, (k + 1) // 2]
            x, y = int(np.floor(0.5 * (a[0] + b[0]))), int(np.floor(0.5 * (a[1] + b[1])))
            if x < 0 or y < 0 or x >= width or y >= height:
                continue
            if 0.5 * (a[2] + b[2]) * (1 + towards_viewer) > nearness[y, x]:
                seen[s] = True
                break
    return seen


@njit(cache=True, parallel=True, nogil=True)
def _strands(points, widths, seen, nearness, index, weights, first, towards_viewer):
    height, width = nearness.shape
    rows = (height + _BANDS - 1) // _BANDS
    joints = points.shape[1]
    for band in prange(_BANDS):
        top, bottom = band * rows, min(height, (band + 1) * rows) - 1
        for s in range(points.shape[0]):
            if not seen[s]:
                continue
            for k in range(joints - 1):
                across = widths[s] * (1.0 - 0.75 * (k + 0.5) / (joints - 1))
                y0, y1 = points[s, k, 1], points[s, k + 1, 1]
                if max(y0, y1) + across < top or min(y0, y1) - across > bottom + 1:
                    continue
                _segment(
                    points[s, k], points[s, k + 1], max(across * 0.5, 0.5), k, joints - 1, top,
                    bottom, width, first + s, 1 + towards_viewer, nearness, index, weights,
                )  # fmt: skip


@njit(inline="always")
def _segment(
    start, end, radius, k, segments, top, bottom, width, number, nearer, nearness, index, weights
):
    """One piece of a strand: a span of pixels across it for each row, or for each column where it
    runs more sideways than down."""
    dx, dy, dz = end[0] - start[0], end[1] - start[1], end[2] - start[2]
    if max(abs(dx), abs(dy)) > _LONGEST_PX:
        return  # Behind the camera, or broken.
    upright = abs(dy) >= abs(dx)
    main = 1 if upright else 0
    run = dy if upright else dx
    if run == 0:
        return
    slope = (dx if upright else dy) / run
    half = radius * np.sqrt(1 + slope * slope)
    low = int(np.ceil(min(start[main], end[main]) - 0.5))
    high = int(np.ceil(max(start[main], end[main]) - 0.5)) - 1
    if upright:
        low, high = max(low, top), min(high, bottom)
        least, most = 0, width - 1
    else:
        low, high = max(low, 0), min(high, width - 1)
        least, most = top, bottom
    for line in range(low, high + 1):
        share = (line + 0.5 - start[main]) / run
        middle = start[1 - main] + (line + 0.5 - start[main]) * slope
        near = np.float32((start[2] + dz * share) * nearer)
        left, right = int(np.ceil(middle - half - 0.5)), int(np.floor(middle + half - 0.5))
        if right < left:
            left = right = int(np.floor(middle))
        for place in range(max(left, least), min(right, most) + 1):
            y, x = (line, place) if upright else (place, line)
            if near > nearness[y, x]:
                nearness[y, x] = near
                index[y, x] = number
                weights[y, x, 0] = (k + share) / segments
                weights[y, x, 1] = (place + 0.5 - middle) / half
