"""Where light comes from: the environment's radiance, shadows of the key, visibility of the sky.

Convention: directions are unit vectors towards the light. `tones` (3, 3) are sky, horizon and
ground; lamps are directions (L, 3), colours (L, 3) and sharpness (L,). Maps hold nearness to the
light; a map's projection is a (3, 4) matrix to pixels x, y and nearness.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange


@njit(cache=True, nogil=True)
def radiance(direction, tones, lamp_directions, lamp_colours, lamp_sharpness, rough, out):
    """The environment's light from a direction, blurred by a lobe of variance `rough`."""
    up = direction[1]
    for c in range(3):
        if up > 0:
            out[c] = tones[1, c] + (tones[0, c] - tones[1, c]) * up
        else:
            out[c] = tones[1, c] + (tones[2, c] - tones[1, c]) * min(1.0, -2 * up)
    for lamp in range(lamp_directions.shape[0]):
        cosine = 0.0
        for c in range(3):
            cosine += direction[c] * lamp_directions[lamp, c]
        sharpness = lamp_sharpness[lamp] / (1 + lamp_sharpness[lamp] * rough)
        share = np.exp(sharpness * (cosine - 1)) * (sharpness / lamp_sharpness[lamp])
        for c in range(3):
            out[c] += lamp_colours[lamp, c] * share


@njit(cache=True, parallel=True, nogil=True)
def radiances(directions, tones, lamp_directions, lamp_colours, lamp_sharpness, rough):
    """`radiance` of many directions, (N, 3)."""
    out = np.empty((directions.shape[0], 3))
    for i in prange(directions.shape[0]):
        radiance(directions[i], tones, lamp_directions, lamp_colours, lamp_sharpness, rough, out[i])
    return out


@njit(inline="always")
def _reached(depth_map, x, y, blocked):
    """1.0 where the light comes to a texel, or beyond the map."""
    column, row = int(np.floor(x)), int(np.floor(y))
    inside = 0 <= column < depth_map.shape[1] and 0 <= row < depth_map.shape[0]
    return 0.0 if inside and depth_map[row, column] > blocked else 1.0


@njit(cache=True, nogil=True)
def shadow(depth_map, x, y, nearness, bias, step):
    """Share of a 5 x 5 neighbourhood, `step` texels apart, that the key light reaches.

    Most places lie wholly in the light or wholly out of it: where the middle and the four corners
    agree, the rest is not asked.
    """
    blocked = nearness + bias * (1 + 0.35 * step)
    corners = 0.0
    for a in (-2, 2):
        for b in (-2, 2):
            corners += _reached(depth_map, x + b * step, y + a * step, blocked)
    middle = _reached(depth_map, x, y, blocked)
    if corners == 4.0 * middle:
        return middle
    lit = 0.0
    for a in range(-2, 3):
        for b in range(-2, 3):
            lit += _reached(depth_map, x + b * step, y + a * step, blocked)
    return lit / 25.0


@njit(cache=True, nogil=True)
def _draw_depth(points, triangles, depth):
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, x1, y1 = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
        x2, y2 = points[c, 0], points[c, 1]
        low = max(0, int(np.ceil(min(y0, y1, y2) - 0.5)))
        high = min(height - 1, int(np.floor(max(y0, y1, y2) - 0.5)))
        left = max(0, int(np.ceil(min(x0, x1, x2) - 0.5)))
        right = min(width - 1, int(np.floor(max(x0, x1, x2) - 0.5)))
        if low > high or left > right:
            continue
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-9:
            continue
        inverse = 1.0 / area
        for y in range(low, high + 1):
            py = y + 0.5
            for x in range(left, right + 1):
                px = x + 0.5
                w1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) * inverse
                w2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) * inverse
                w0 = 1 - w1 - w2
                if w0 >= 0 and w1 >= 0 and w2 >= 0:
                    near = w0 * points[a, 2] + w1 * points[b, 2] + w2 * points[c, 2]
                    depth[y, x] = max(depth[y, x], near)


@njit(cache=True, parallel=True, nogil=True)
def sky_visibility(points, normals, triangles, tufts, projections, directions, size_px, bias):
    """Of each direction and point: cosine times visibility, and the cosine alone; (D, N) float32.

    `tufts` (M, 3) are places of hair, each of which covers a few texels.
    """
    count = points.shape[0]
    seen = np.zeros((directions.shape[0], count), np.float32)
    facing = np.zeros((directions.shape[0], count), np.float32)
    for d in prange(directions.shape[0]):
        matrix = projections[d]
        flat = np.empty((count, 3), np.float32)
        for i in range(count):
            for r in range(3):
                flat[i, r] = (
                    matrix[r, 0] * points[i, 0]
                    + matrix[r, 1] * points[i, 1]
                    + matrix[r, 2] * points[i, 2]
                    + matrix[r, 3]
                )
        depth = np.full((size_px, size_px), np.float32(-1e9))
        _draw_depth(flat, triangles, depth)
        for i in range(tufts.shape[0]):
            place = np.empty(3)
            for r in range(3):
                place[r] = (
                    matrix[r, 0] * tufts[i, 0]
                    + matrix[r, 1] * tufts[i, 1]
                    + matrix[r, 2] * tufts[i, 2]
                    + matrix[r, 3]
                )
            x, y = int(np.floor(place[0])), int(np.floor(place[1]))
            if 0 <= x < size_px - 1 and 0 <= y < size_px - 1:
                for row in range(y, y + 2):
                    for column in range(x, x + 2):
                        depth[row, column] = max(depth[row, column], np.float32(place[2]))
        for i in range(count):
            cosine = (
                normals[i, 0] * directions[d, 0]
                + normals[i, 1] * directions[d, 1]
                + normals[i, 2] * directions[d, 2]
            )
            if cosine <= 0:
                continue
            facing[d, i] = cosine
            x, y = flat[i, 0] - 0.5, flat[i, 1] - 0.5
            x0, y0 = int(np.floor(x)), int(np.floor(y))
            open_share = 0.0
            for a in range(2):
                for b in range(2):
                    row = min(max(y0 + a, 0), size_px - 1)
                    column = min(max(x0 + b, 0), size_px - 1)
                    if depth[row, column] <= flat[i, 2] + bias:
                        share_x = x - x0 if b else 1 - (x - x0)
                        share_y = y - y0 if a else 1 - (y - y0)
                        open_share += share_x * share_y
            seen[d, i] = cosine * open_share
    return seen, facing
