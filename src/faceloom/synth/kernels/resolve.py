"""From shaded samples to pixels: the last step of supersampling.

Convention: samples are (H * F, W * F, ...) for a picture of H by W pixels and a factor F.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

_BRIGHTEST = np.float32(4.0)
"""One very bright sample must not outshine its pixel's others."""


@njit(cache=True, parallel=True, nogil=True)
def resolve(albedo, diffuse, specular, labels, background, exposure, is_inner):
    """Linear RGB (H, W, 3), and the share of each pixel's samples whose label is an inner one.

    `background` (H, W, 3) shows where the label is 0; `is_inner` (256,) marks labels.
    """
    height, width = background.shape[:2]
    factor = labels.shape[0] // height
    count = np.float32(factor * factor)
    linear = np.empty((height, width, 3), np.float32)
    share = np.empty((height, width), np.float32)
    for y in prange(height):
        for x in range(width):
            red = green = blue = inner = np.float32(0)
            for row in range(y * factor, (y + 1) * factor):
                for column in range(x * factor, (x + 1) * factor):
                    label = labels[row, column]
                    if label == 0:
                        red += background[y, x, 0]
                        green += background[y, x, 1]
                        blue += background[y, x, 2]
                        continue
                    inner += is_inner[label]
                    a, d, s = albedo[row, column], diffuse[row, column], specular[row, column]
                    red += min(_BRIGHTEST, (a[0] * d[0] + s[0]) * exposure)
                    green += min(_BRIGHTEST, (a[1] * d[1] + s[1]) * exposure)
                    blue += min(_BRIGHTEST, (a[2] * d[2] + s[2]) * exposure)
            linear[y, x, 0] = red / count
            linear[y, x, 1] = green / count
            linear[y, x, 2] = blue / count
            share[y, x] = inner / count
    return linear, share


@njit(cache=True, parallel=True, nogil=True)
def mean_moves(index, moves, factor):
    """Mean movement (H, W, 2) of what each pixel's samples show; `moves` (N, 2) is by index, and
    where that is -1 nothing moves."""
    height, width = index.shape[0] // factor, index.shape[1] // factor
    out = np.zeros((height, width, 2), np.float32)
    for y in prange(height):
        for x in range(width):
            for row in range(y * factor, (y + 1) * factor):
                for column in range(x * factor, (x + 1) * factor):
                    shown = index[row, column]
                    if shown >= 0:
                        out[y, x, 0] += moves[shown, 0]
                        out[y, x, 1] += moves[shown, 1]
            out[y, x, 0] /= factor * factor
            out[y, x, 1] /= factor * factor
    return out
