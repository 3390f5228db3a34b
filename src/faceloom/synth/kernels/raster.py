"""Rasterising triangles and strands into a depth buffer, in horizontal bands side by side.

Convention: points are (N, 3) float32: x and y in pixels (a pixel's centre at .5) and nearness
(1 / depth, or any depth that grows towards the viewer); the nearest wins, the first drawn wins a
tie. A target's index counts triangles, then strands, in the order they were drawn; -1 is nothing.
Bands are taken in an order that gives each of two threads every other one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

_BANDS = 8
_BATCHES = (0.3, 0.6)
"""Shares of the strands, nearest first, after which those that are wholly hidden are left out."""
_EDGE = -1e-7
"""Least weight that counts as inside: no gap between two triangles that share an edge."""
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

    def clear(self) -> None:
        """Forget what has been drawn; weights count only where something is."""
        self.nearness_HW.fill(0)
        self.index_HW.fill(-1)


def draw_triangles(
    points_N3: NDArray[np.float32], triangles_T3: NDArray[np.int32], target: Target, first: int,
    one_sided: int = 0,
) -> None:  # fmt: skip
    """Draw triangles; the first takes the index `first`. Of the first `one_sided`, those that turn
    clockwise (with y down) are backs of closed surfaces, which nobody sees."""
    _triangles(
        points_N3, triangles_T3, one_sided, target.nearness_HW, target.index_HW,
        target.weights_HW2, first,
    )  # fmt: skip


def draw_strands(
    points_NK3: NDArray[np.float32],
    width_N_px: NDArray[np.float32],
    target: Target,
    first: int,
    towards_viewer: float = 0.0,
) -> None:
    """Draw polylines that taper to a quarter of their width, the nearest first; nearness grows by
    the factor 1 + `towards_viewer`, so that a strand which lies on the skin is seen. Strands none
    of whose joints is seen over what was drawn before are left out whole."""
    count, joints = points_NK3.shape[:2]
    order_N = np.argsort(-points_NK3[:, joints // 2, 2], kind="stable")
    for part_P in np.split(order_N, [round(share * count) for share in _BATCHES]):
        rows_P2 = _seen(points_NK3, part_P, width_N_px, target.nearness_HW, towards_viewer)
        _strands(
            points_NK3, part_P, width_N_px, rows_P2, target.nearness_HW, target.index_HW,
            target.weights_HW2, first, towards_viewer,
        )  # fmt: skip


@njit(inline="always")
def _band(turn, height):
    """First and last row of the band that is drawn `turn`th."""
    half = _BANDS // 2
    band = 2 * turn if turn < half else 2 * (turn - half) + 1
    rows = (height + _BANDS - 1) // _BANDS
    return band * rows, min(height, (band + 1) * rows) - 1


@njit(cache=True, parallel=True, nogil=True)
def _triangles(points, triangles, one_sided, nearness, index, weights, first):
    height, width = nearness.shape
    for turn in prange(_BANDS):
        top, bottom = _band(turn, height)
        for t in range(triangles.shape[0]):
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            y0, y1, y2 = points[a, 1], points[b, 1], points[c, 1]
            if max(y0, y1, y2) < top or min(y0, y1, y2) > bottom + 1:
                continue
            x0, x1, x2 = points[a, 0], points[b, 0], points[c, 0]
            area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
            if abs(area) < 1e-9 or (area > 0 and t < one_sided):
                continue
            low = max(top, int(np.ceil(min(y0, y1, y2) - 0.5)))
            high = min(bottom, int(np.floor(max(y0, y1, y2) - 0.5)))
            left = max(0, int(np.ceil(min(x0, x1, x2) - 0.5)))
            right = min(width - 1, int(np.floor(max(x0, x1, x2) - 0.5)))
            z0, z1, z2 = points[a, 2], points[b, 2], points[c, 2]
            inverse = 1.0 / area
            across_1, across_2 = (y2 - y0) * inverse, -(y1 - y0) * inverse
            for y in range(low, high + 1):
                down = y + 0.5 - y0
                start_1, start_2 = -(x2 - x0) * down * inverse, (x1 - x0) * down * inverse
                entered = False
                for x in range(left, right + 1):
                    aside = x + 0.5 - x0
                    w1, w2 = start_1 + across_1 * aside, start_2 + across_2 * aside
                    if w1 < _EDGE or w2 < _EDGE or w1 + w2 > 1 - _EDGE:
                        if entered:
                            break
                        continue
                    entered = True
                    near = (1 - w1 - w2) * z0 + w1 * z1 + w2 * z2
                    if near > nearness[y, x]:
                        nearness[y, x] = near
                        index[y, x] = t + first
                        weights[y, x, 0] = w1 * z1 / near
                        weights[y, x, 1] = w2 * z2 / near


@njit(cache=True, nogil=True)
def facing(points, triangles, one_sided):
    """Which points belong to a triangle that `draw_triangles` would draw."""
    out = np.zeros(points.shape[0], np.bool_)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0 = points[a, 0], points[a, 1]
        area = (points[b, 0] - x0) * (points[c, 1] - y0) - (points[c, 0] - x0) * (points[b, 1] - y0)
        if area <= 0 or t >= one_sided:
            out[a] = out[b] = out[c] = True
    return out


@njit(inline="always")
def draw_depth(points, triangles, one_sided, depth, top, bottom):
    """Triangles into rows `top` to `bottom` of a map of depths alone. The map's y points up: of the
    first `one_sided` triangles, backs of closed surfaces turn clockwise and are left out."""
    width = depth.shape[1]
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, x1, y1 = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
        x2, y2 = points[c, 0], points[c, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-9 or (area < 0 and t < one_sided):
            continue
        low = max(top, int(np.ceil(min(y0, y1, y2) - 0.5)))
        high = min(bottom, int(np.floor(max(y0, y1, y2) - 0.5)))
        left = max(0, int(np.ceil(min(x0, x1, x2) - 0.5)))
        right = min(width - 1, int(np.floor(max(x0, x1, x2) - 0.5)))
        if low > high or left > right:
            continue
        z0, z1, z2 = points[a, 2], points[b, 2], points[c, 2]
        inverse = 1.0 / area
        across_1, across_2 = (y2 - y0) * inverse, -(y1 - y0) * inverse
        for y in range(low, high + 1):
            down = y + 0.5 - y0
            start_1, start_2 = -(x2 - x0) * down * inverse, (x1 - x0) * down * inverse
            for x in range(left, right + 1):
                aside = x + 0.5 - x0
                w1, w2 = start_1 + across_1 * aside, start_2 + across_2 * aside
                if w1 >= _EDGE and w2 >= _EDGE and w1 + w2 <= 1 - _EDGE:
                    near = np.float32((1 - w1 - w2) * z0 + w1 * z1 + w2 * z2)
                    depth[y, x] = max(depth[y, x], near)


@njit(cache=True, parallel=True, nogil=True)
def draw_depth_map(points, triangles, one_sided, depth):
    """`draw_depth` in bands."""
    for turn in prange(_BANDS):
        top, bottom = _band(turn, depth.shape[0])
        draw_depth(points, triangles, one_sided, depth, top, bottom)


@njit(cache=True, parallel=True, nogil=True)
def _seen(points, part, widths, nearness, towards_viewer):
    """First and last row of each strand of a part that has a joint, or the middle between two, in
    front of what was drawn; of others the first row lies below the last."""
    height, width = nearness.shape
    rows = np.empty((part.shape[0], 2), np.float32)
    nearer = 0.5 * (1 + towards_viewer)
    for p in prange(part.shape[0]):
        s = part[p]
        rows[p, 0], rows[p, 1] = 1, 0
        for k in range(2 * points.shape[1] - 1):
            a, b = k // 2, (k + 1) // 2
            x = int(np.floor(0.5 * (points[s, a, 0] + points[s, b, 0])))
            y = int(np.floor(0.5 * (points[s, a, 1] + points[s, b, 1])))
            if x < 0 or y < 0 or x >= width or y >= height:
                continue
            if (points[s, a, 2] + points[s, b, 2]) * nearer > nearness[y, x]:
                low = high = points[s, 0, 1]
                for joint in range(1, points.shape[1]):
                    low, high = min(low, points[s, joint, 1]), max(high, points[s, joint, 1])
                rows[p, 0], rows[p, 1] = low - widths[s] - 1, high + widths[s] + 1
                break
    return rows


@njit(cache=True, parallel=True, nogil=True)
def _strands(points, part, widths, rows, nearness, index, weights, first, towards_viewer):
    height, width = nearness.shape
    segments = points.shape[1] - 1
    for turn in prange(_BANDS):
        top, bottom = _band(turn, height)
        for p in range(part.shape[0]):
            if rows[p, 0] > rows[p, 1] or rows[p, 0] > bottom + 1 or rows[p, 1] < top:
                continue
            s = part[p]
            for k in range(segments):
                across = widths[s] * (1.0 - 0.75 * (k + 0.5) / segments)
                y0, y1 = points[s, k, 1], points[s, k + 1, 1]
                if max(y0, y1) + across < top or min(y0, y1) - across > bottom + 1:
                    continue
                _segment(
                    points[s, k], points[s, k + 1], max(across * 0.5, 0.5), k / segments,
                    1 / segments, top, bottom, width, first + s, 1 + towards_viewer, nearness,
                    index, weights,
                )  # fmt: skip


@njit(inline="always")
def _segment(
    start, end, radius, from_share, span, top, bottom, width, number, nearer, nearness, index,
    weights,
):  # fmt: skip
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
    slope, a_step = (dx if upright else dy) / run, 1 / run
    half = radius * np.sqrt(1 + slope * slope)
    a_place = 1 / half
    low = int(np.ceil(min(start[main], end[main]) - 0.5))
    high = int(np.ceil(max(start[main], end[main]) - 0.5)) - 1
    if upright:
        low, high = max(low, top), min(high, bottom)
        least, most = 0, width - 1
    else:
        low, high = max(low, 0), min(high, width - 1)
        least, most = top, bottom
    for line in range(low, high + 1):
        done = line + 0.5 - start[main]
        share = done * a_step
        middle = start[1 - main] + done * slope
        near = np.float32((start[2] + dz * share) * nearer)
        left, right = int(np.ceil(middle - half - 0.5)), int(np.floor(middle + half - 0.5))
        if right < left:
            left = right = int(np.floor(middle))
        for place in range(max(left, least), min(right, most) + 1):
            y, x = (line, place) if upright else (place, line)
            if near > nearness[y, x]:
                nearness[y, x] = near
                index[y, x] = number
                weights[y, x, 0] = from_share + share * span
                weights[y, x, 1] = (place + 0.5 - middle) * a_place
