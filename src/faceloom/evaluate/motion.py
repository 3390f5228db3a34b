"""What a swap must keep of the footage's motion, measured on meshes.

Shapes: meshes (T, 468, 3) in frame pixels, one a frame. Openings are over the span of the outer eye
corners, so that size and distance do not matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Meshes = NDArray[np.float32]
Series = NDArray[np.float64]

_EYE_CORNERS = (33, 263)
_INNER_LIPS = (13, 14)
_LIDS = ((159, 145), (386, 374))


def eye_span_px(meshes_T4683: Meshes) -> Series:
    """The distance of the outer eye corners, pixels: (T,)."""
    return _distance(meshes_T4683, *_EYE_CORNERS)


def mouth_opening(meshes_T4683: Meshes) -> Series:
    """The gap of the inner lips over the eye span: (T,), 0 shut, about .5 wide open."""
    return _distance(meshes_T4683, *_INNER_LIPS) / eye_span_px(meshes_T4683)


def eye_opening(meshes_T4683: Meshes) -> Series:
    """The mean gap of the lids over the eye span: (T,), 0 shut, about .1 open."""
    gaps = [_distance(meshes_T4683, *lids) for lids in _LIDS]
    return np.mean(gaps, axis=0) / eye_span_px(meshes_T4683)


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


def _distance(meshes_T4683: Meshes, one: int, other: int) -> Series:
    difference = meshes_T4683[:, one, :2] - meshes_T4683[:, other, :2]
    return np.linalg.norm(difference.astype(np.float64), axis=-1)
