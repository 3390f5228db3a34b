"""Strands that are carried: hair by the head, and it keeps hanging; the face's by its skin."""

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


@njit(cache=True, parallel=True, nogil=True)
def on_skin(corners, weights, lift, vertices, normals):
    """Strands (N, K, 3) of joints that are mixes of four vertices each, `corners` and `weights`
    (N, K, 4), raised by `lift` (N, K) along the normal."""
    out = np.empty((*lift.shape, 3))
    for n in prange(lift.shape[0]):
        for k in range(lift.shape[1]):
            for c in range(3):
                place, up = 0.0, 0.0
                for j in range(4):
                    vertex, weight = corners[n, k, j], weights[n, k, j]
                    place += weight * vertices[vertex, c]
                    up += weight * normals[vertex, c]
                out[n, k, c] = place + lift[n, k] * up
    return out
