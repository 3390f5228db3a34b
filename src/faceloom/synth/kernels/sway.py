"""Hair that is carried by the head and keeps hanging down."""

from __future__ import annotations

import numpy as np
from numba import njit, prange


@njit(cache=True, parallel=True, nogil=True)
def carried(points, sway, rotation, upright, pivot, shift):
    """Strands (N, K, 3) turned with the head by `rotation` about `pivot`, then moved by `shift`;
    `sway` (N, K) is the share in which a joint hangs from its root as `upright` turns it."""
    out = np.empty_like(points)
    for n in prange(points.shape[0]):
        root = np.empty(3)
        for k in range(points.shape[1]):
            for r in range(3):
                turned = pivot[r] + shift[r]
                hanging = 0.0
                for c in range(3):
                    turned += rotation[r, c] * (points[n, k, c] - pivot[c])
                    hanging += upright[r, c] * (points[n, k, c] - points[n, 0, c])
                if k == 0:
                    root[r] = turned
                out[n, k, r] = turned + sway[n, k] * (root[r] + hanging - turned)
    return out
