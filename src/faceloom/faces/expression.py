"""How far mouth and eyes are open, from the mesh.

Shapes: meshes (..., 468, 3) in any pixels. Openings are over the span of the outer eye corners, so
that size and distance do not matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Meshes = NDArray[np.float32]
Series = NDArray[np.float64]

_EYE_CORNERS = (33, 263)
_INNER_LIPS = (13, 14)
_LIDS = ((159, 145), (386, 374))


def eye_span_px(meshes: Meshes) -> Series:
    """The distance of the outer eye corners, pixels: (...)."""
    return _distance(meshes, *_EYE_CORNERS)


def mouth_opening(meshes: Meshes) -> Series:
    """The gap of the inner lips over the eye span: (...), 0 shut, about .5 wide open."""
    return _distance(meshes, *_INNER_LIPS) / eye_span_px(meshes)


def eye_opening(meshes: Meshes) -> Series:
    """The mean gap of the lids over the eye span: (...), 0 shut, about .1 open."""
    gaps = [_distance(meshes, *lids) for lids in _LIDS]
    return np.mean(gaps, axis=0) / eye_span_px(meshes)


def _distance(meshes: Meshes, one: int, other: int) -> Series:
    difference = meshes[..., one, :2] - meshes[..., other, :2]
    return np.linalg.norm(difference.astype(np.float64), axis=-1)
