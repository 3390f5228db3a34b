"""Whether anything but the face changed.

Convention: pictures are uint8 RGB (H, W, 3); differences in levels of 255.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faceloom.faces.face import Mesh
from faceloom.faces.mask import draw_polygons, hull_polygon
from faceloom.image import RGB

_GROWTH = 1.25
"""The faces' hulls are grown by this: what a swap may well change."""
_CHANGED_LEVELS = 16
"""No good encoder is further off than this."""


def outside_changes(result: RGB, footage: RGB, meshes: Sequence[Mesh]) -> tuple[float, float]:
    """Mean absolute difference outside the grown faces, and the share of pixels there that differ
    by more than 16 levels. (nan, nan) where the faces fill the picture."""
    grown = []
    for mesh in meshes:
        polygon = hull_polygon(mesh)
        centre = polygon.mean(axis=0)
        grown.append((centre + (polygon - centre) * _GROWTH).astype(np.float32))
    size_px = (footage.shape[1], footage.shape[0])
    covered = np.zeros(footage.shape[:2], np.bool_)
    for polygon in grown:
        covered |= draw_polygons([polygon], size_px) > 0
    outside = ~covered
    if not outside.any():
        return float("nan"), float("nan")
    difference = np.abs(result[outside].astype(np.int16) - footage[outside])
    return float(difference.mean()), float((difference.max(axis=1) > _CHANGED_LEVELS).mean())
