"""Where light comes from: the environment's radiance, shadows of the key, visibility of the sky.

Convention: directions are unit vectors towards the light. `tones` (3, 3) are sky, horizon and
ground; lamps are directions (L, 3), colours (L, 3) and sharpness (L,). Maps hold nearness to the
light; a map's projection is a (3, 4) matrix to pixels x, y and nearness.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from faceloom.synth.kernels.raster import draw_depth


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
    """Share of a 5 x 5 neighbourhood, `step` texels apart, that the key light reaches: of every
    other place of it, as on a chessboard.

    Most places lie wholly in the light or wholly out of it: where the middle and the four corners
    agree, the rest is not asked.
    """
    blocked = nearness + bias * (1 + 0.35 * step)
    lit = 0.0
    for a in (-2, 2):
        for b in (-2, 2):
            lit += _reached(depth_map, x + b * step, y + a * step, blocked)
    middle = _reached(depth_map, x, y, blocked)
    if lit == 4.0 * middle:
        return middle
    for a in (-1, 1):
        for b in (-1, 1):
            lit += _reached(depth_map, x + b * step, y + a * step, blocked)
        lit += _reached(depth_map, x + 2 * a * step, y, blocked)
        lit += _reached(depth_map, x, y + 2 * a * step, blocked)
    return (lit + middle) / 13.0


@njit(cache=True, parallel=True, nogil=True)
def sky_visibility(
    points, normals, wanted, triangles, one_sided, tufts, projections, directions, size_px, bias
):  # fmt: skip
    """Of each direction and point: cosine times visibility, and the cosine alone; (D, N) float32.

    Only the points `wanted` are asked for, the others get 0. `triangles` stand in the way; the
    first `one_sided` are a closed surface but for its lower end. `tufts` (M, 3) are places of hair,
    each of which covers a few texels.
    """
    count = points.shape[0]
    seen = np.zeros((directions.shape[0], count), np.float32)
    facing = np.zeros((directions.shape[0], count), np.float32)
    for d in prange(directions.shape[0]):
        matrix = projections[d]
        flat, place = np.empty((count, 3), np.float32), np.empty(3)
        for i in range(count):
            for r in range(3):
                flat[i, r] = (
                    matrix[r, 0] * points[i, 0]
                    + matrix[r, 1] * points[i, 1]
                    + matrix[r, 2] * points[i, 2]
                    + matrix[r, 3]
                )
        depth = np.full((size_px, size_px), np.float32(-1e9))
        # From below, light would come in where the surface is open.
        closed = one_sided if directions[d, 1] > 0 else 0
        draw_depth(flat, triangles, closed, depth, 0, size_px - 1)
        for i in range(tufts.shape[0]):
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
        for w in range(wanted.shape[0]):
            i = wanted[w]
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
