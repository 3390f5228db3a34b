"""Perspective projection of many points."""

from __future__ import annotations

import numpy as np
from numba import njit, prange


@njit(cache=True, parallel=True, nogil=True)
def project(points, rotation, position, scale, half):
    """World points (N, 3) to (N, 3) float32: x and y in pixels from a picture's corner, and the
    nearness 1 / depth. `rotation` leads to a camera that looks along its -z; `scale` is the focal
    length and `half` half the picture's side, in pixels."""
    out = np.empty((points.shape[0], 3), np.float32)
    for n in prange(points.shape[0]):
        x, y, z = (
            points[n, 0] - position[0],
            points[n, 1] - position[1],
            points[n, 2] - position[2],
        )
        right = rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z
        up = rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z
        nearness = -1 / (rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z)
        out[n, 0] = half + scale * nearness * right
        out[n, 1] = half - scale * nearness * up
        out[n, 2] = nearness
    return out
