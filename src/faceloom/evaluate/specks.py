"""Coloured specks that a swap has and the footage has not: what anybody sees, and no mean shows.

Seen in other colours than by the loss against them (`losses.specks`), which is in training.

Convention: pictures are uint8 RGB (H, W, 3), coded values; meshes in the picture's pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom.evaluate.colour_difference import lab_of
from faceloom.faces.align import crop_transform, transform_mesh
from faceloom.faces.face import Mesh
from faceloom.faces.mask import draw_polygons, hull_polygon, part_polygons
from faceloom.image import RGB, warp

_SIDE_PX = 160
"""Faces are looked at in aligned crops of this size, in which eyes lie some 65 px apart."""
_SIGMA_PX = 2.2
"""A speck's deviation as a Gaussian."""
_NEAR_PX = 7
"""What the footage has within this of a place is usual there."""
_INNER = 0.9
"""Of the hull: a swap's edge lies further out."""

Plane = NDArray[np.float32]


def speck_contrast(result: RGB, footage: RGB, mesh_4683: Mesh) -> float:
    """How much more of a coloured speck the result has anywhere on the face, but for its eyes, than
    the footage has near there; in units of a* and b*, 0 up.

    A speck is what curves the same way along every line through it (blobs by the Hessian,
    normalised by the scale, Lindeberg 1998, "Feature detection with automatic scale selection"):
    edges, lips and tints have nothing of it. One of the very size counts a quarter of its contrast.
    """
    to_crop, size = crop_transform(mesh_4683, _SIDE_PX), (_SIDE_PX, _SIDE_PX)
    mesh = transform_mesh(mesh_4683, to_crop)
    hull = hull_polygon(mesh)
    centre = hull.mean(axis=0)
    inside = draw_polygons([(centre + _INNER * (hull - centre)).astype(np.float32)], size) > 0
    inside &= draw_polygons(part_polygons(mesh, "eyes"), size) == 0
    found, own = (_speckiness(warp(rgb, to_crop, size, "area")) for rgb in (result, footage))
    usual = cv2.dilate(own, np.ones((2 * _NEAR_PX + 1,) * 2, np.uint8))
    return float(np.max(found - usual, where=inside, initial=0.0))


def _speckiness(rgb: RGB) -> Plane:
    """The larger of both colours' smaller curvatures, where these have one sign; 0 up."""
    colour = cv2.GaussianBlur(
        lab_of(rgb.astype(np.float32))[..., 1:].astype(np.float32), (0, 0), _SIGMA_PX
    )
    curve_x, curve_y, twist = (
        cv2.Sobel(colour, cv2.CV_32F, *orders, ksize=3, scale=_SIGMA_PX**2 / 4)
        for orders in ((2, 0), (0, 2), (1, 1))
    )
    apart = np.hypot((curve_x - curve_y) / 2, twist)
    return np.asarray((np.abs(curve_x + curve_y) / 2 - apart).max(axis=2).clip(0), np.float32)
