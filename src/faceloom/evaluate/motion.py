"""What a swap must keep of the footage's motion, measured on meshes.

Shapes: meshes (T, 468, 3) in frame pixels, one a frame. Lengths are over the span of the outer eye
corners, so that size and distance do not matter.
"""

from __future__ import annotations

import numpy as np

from faceloom.faces.expression import Meshes, Series, eye_span_px


def correlation(one_T: Series, other_T: Series) -> float:
    """Pearson's correlation, -1 to 1; 0 where one of them does not vary."""
    if one_T.std() < 1e-9 or other_T.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(one_T, other_T)[0, 1])


def jitter(meshes_T4683: Meshes) -> float:
    """Median length of the points' second difference over the eye span; 0 for even motion.

    Raises ValueError for fewer than three frames.
    """
    return float(np.median(jitter_samples(meshes_T4683)))


def jitter_samples(meshes_T4683: Meshes) -> Series:
    """The lengths whose median is `jitter`, all frames and points: (T - 2, 468)."""
    if len(meshes_T4683) < 3:
        raise ValueError("jitter needs at least three frames")
    second = np.diff(meshes_T4683[..., :2].astype(np.float64), n=2, axis=0)
    return np.linalg.norm(second, axis=-1) / eye_span_px(meshes_T4683).mean()
