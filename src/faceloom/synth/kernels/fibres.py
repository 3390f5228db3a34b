"""The light of strands: computed at their joints, then painted along them.

Hair follows Kajiya & Kay 1989 with a shifted second lobe (Marschner 2003). Legend: N strands, K
joints of each.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from faceloom.synth.kernels.shade import dot, key_share, normalise

_BIAS_DM = 0.07


@njit(cache=True, parallel=True, nogil=True)
def shown(index, first, count):
    """Which of `count` things whose index starts with `first` a buffer shows, (count,)."""
    out = np.zeros(count, np.bool_)
    for y in prange(index.shape[0]):
        for x in range(index.shape[1]):
            place = index[y, x] - first
            if 0 <= place < count:
                out[place] = True  # Whoever writes it writes the same.
    return out


@njit(cache=True, parallel=True, nogil=True)
def light_joints(
    points, is_shown, viewer, shadow_map, projection, shadow_step, key_direction
):  # fmt: skip
    """Of each joint of the strands shown, (N, K, 3) float32: the key's diffuse share, its first
    lobe and its second lobe."""
    count, joints = points.shape[:2]
    out = np.zeros((count, joints, 3), np.float32)
    for s in prange(count):
        if not is_shown[s]:
            continue
        along, view = np.zeros(3), np.zeros(3)
        for k in range(joints):
            before, after = max(k - 1, 0), min(k + 1, joints - 1)
            for c in range(3):
                along[c] = points[s, after, c] - points[s, before, c]
                view[c] = viewer[c] - points[s, k, c]
            normalise(along)
            normalise(view)
            lit = key_share(points[s, k], shadow_map, projection, _BIAS_DM, shadow_step)
            to_key, to_view = dot(along, key_direction), dot(along, view)
            sin_key = np.sqrt(max(0.0, 1 - to_key * to_key))
            sin_view = np.sqrt(max(0.0, 1 - to_view * to_view))
            aligned = sin_key * sin_view - to_key * to_view
            shifted = max(0.0, aligned - 0.12 * to_view)
            out[s, k, 0] = 0.55 * sin_key * lit
            out[s, k, 1] = 0.045 * max(0.0, aligned) ** 40 * lit
            out[s, k, 2] = 0.30 * shifted**9 * lit
    return out


@njit(cache=True, parallel=True, nogil=True)
def paint_strands(
    index, weights, first, lights, colours, variation, labels_N, is_hair, sky, key_colour, albedo,
    diffuse, specular, labels,
):  # fmt: skip
    """Fill the outputs (H, W, ...) where a strand is seen; `lights` are those of its joints, `sky`
    (N, 3) its ambient light."""
    height, width = index.shape
    half = (height + 1) // 2
    last = lights.shape[1] - 1
    for turn in prange(height):
        # Each of two threads gets every other row.
        y = 2 * turn if turn < half else 2 * (turn - half) + 1
        for x in range(width):
            s = index[y, x] - first
            if s < 0 or s >= lights.shape[0]:
                continue
            share = weights[y, x, 0]
            k = min(int(share * last), last - 1)
            f = share * last - k
            matt = lights[s, k, 0] * (1 - f) + lights[s, k + 1, 0] * f
            gleam = lights[s, k, 1] * (1 - f) + lights[s, k + 1, 1] * f
            tinted = lights[s, k, 2] * (1 - f) + lights[s, k + 1, 2] * f
            tone, depth = 0.78 + 0.44 * variation[s], 1.0
            if is_hair:
                tone *= 0.72 + 0.42 * share
                depth = 0.40 + 0.60 * share
            else:
                gleam = tinted = 0.0
            for c in range(3):
                albedo[y, x, c] = colours[s, c] * tone
                diffuse[y, x, c] = matt * key_colour[c] + sky[s, c] * depth
                specular[y, x, c] = key_colour[c] * (gleam + tinted * colours[s, c])
            labels[y, x] = labels_N[s]
