"""One face of one frame: painted patch -> colour -> soft mask -> back into the frame.

Convention: `crop` pixels are those of the model's aligned square, `frame` pixels the footage's.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom.colour import ColourMatcher
from faceloom.data.fine import sharpened
from faceloom.faces.face import Aligned
from faceloom.faces.mask import BROWS, NOSE_BASE, feather, mesh_mask, skin_mask
from faceloom.geometry import Box, Similarity
from faceloom.image import RGB, Filter, Mask, resize, warp

DETAIL_FEATHER = 0.06
"""Half-width of the edge within which fine detail fades, over the crop's side: the outline of the
face that it comes from lies elsewhere."""
_COARSE = 32
"""A side at which this edge is made; smooth in between."""
FEATHER = 0.025
"""Half-width of the soft edge over the crop's side, from the base of the nose down: jaw and beard
reach to the edge of the face."""
FOREHEAD_FEATHER = 0.055
"""The same from the brows up, where the hull runs through the fringe; between them it changes
evenly."""
_FULL_ALPHA = 0.85
"""Opacity from which the model's own mask counts as whole: it is seldom quite 1."""


@dataclass(frozen=True)
class Painted:
    """What the model made of one aligned face: uint8 RGB (S, S, 3) and opacity (S, S) in [0, 1]."""

    rgb_HWC: RGB
    alpha_HW: Mask
    detail_HW: NDArray[np.float32] | None = None
    """What is finer (`Patch.detail_B1TT`), of the same frame at a larger size."""


@dataclass(frozen=True)
class Placed:
    """A finished rectangle of the frame, and the mask that made it."""

    rgb_HWC: RGB
    mask_HW: Mask
    x_px: int
    y_px: int


def opacity(alpha_HW: Mask) -> Mask:
    """The share of the model's painting, from its own mask."""
    return np.asarray(np.clip(alpha_HW / _FULL_ALPHA, 0, 1), np.float32)


def soft_mask(aligned: Aligned, alpha_HW: Mask) -> Mask:
    """Model's opacity within the mesh's hull, softened inwards: nothing outside it changes."""
    side = alpha_HW.shape[0]
    hull = mesh_mask(aligned.mesh_4683, "hull", (side, side))
    # The crop's own border is an edge too, where a chin or forehead leaves it.
    hull[[0, -1], :] = 0
    hull[:, [0, -1]] = 0
    brows_y, nose_y = aligned.mesh_4683[list(BROWS), 1].mean(), aligned.mesh_4683[NOSE_BASE, 1]
    rows_y = np.arange(side, dtype=np.float32)[:, None]
    lower = np.clip((rows_y - brows_y) / max(1.0, nose_y - brows_y), 0, 1)
    above, below = (feather(hull, width * side) for width in (FOREHEAD_FEATHER, FEATHER))
    return np.asarray((above + lower * (below - above)) * opacity(alpha_HW), np.float32)


def skin_region(aligned: Aligned) -> Mask:
    """The hull without eyes and mouth: where colours are compared."""
    side = aligned.crop_HWC.shape[0]
    size = (side, side)
    region = mesh_mask(aligned.mesh_4683, "hull", size)
    for part in ("eyes", "mouth"):
        region = region * (1 - mesh_mask(aligned.mesh_4683, part, size))
    return region


def place(
    frame_HWC: RGB,
    aligned: Aligned,
    painted: Painted,
    colour: ColourMatcher,
    detail: float = 1.0,
) -> Placed | None:
    """The part of the frame that changes; None where the mask is empty or outside the frame.

    `detail` is the share of what is known beyond the model's picture.
    """
    mask_crop, shown = soft_mask(aligned, painted.alpha_HW), opacity(painted.alpha_HW)
    matched = colour(
        painted.rgb_HWC.astype(np.float32),
        aligned.crop_HWC.astype(np.float32),
        skin_region(aligned) * shown,
        skin_mask(aligned.mesh_4683, mask_crop.shape) * shown,
    )
    box = _region(aligned, mask_crop, frame_HWC.shape[1], frame_HWC.shape[0])
    if box is None:
        return None
    x0, y0, x1, y1 = box
    to_region = aligned.frame_to_crop.inverse().then(Similarity(1.0, 0.0, -x0, -y0))
    size = (x1 - x0, y1 - y0)
    to_face = to_region
    kind: Filter = "cubic"
    if painted.detail_HW is not None and detail > 0:
        matched = sharpened(matched, detail * _well_inside(aligned, painted.detail_HW))
        smaller = len(mask_crop) / len(matched)
        to_face = Similarity(smaller, 0.0, (smaller - 1) / 2, (smaller - 1) / 2).then(to_region)
        kind = "linear"  # It is as large as the frame's face, or enlarged already.
    face = warp(np.round(matched).clip(0, 255).astype(np.uint8), to_face, size, kind)
    mask = warp(mask_crop, to_region, size, "linear", "zero")
    under = frame_HWC[y0:y1, x0:x1]
    return Placed(blend(face, under, mask), mask, x0, y0)


def _well_inside(aligned: Aligned, detail_HW: NDArray[np.float32]) -> NDArray[np.float32]:
    """The detail, fading towards the outline of the face."""
    side = len(aligned.crop_HWC)
    hull = resize(mesh_mask(aligned.mesh_4683, "hull", (side, side)), (_COARSE, _COARSE), "area")
    inside = feather(hull, DETAIL_FEATHER * _COARSE)
    height, width = detail_HW.shape
    return detail_HW * resize(inside, (width, height), "linear")


def blend(over_HWC: RGB, under_HWC: RGB, mask_HW: Mask) -> RGB:
    """Mask * over + (1 - mask) * under; where the mask is 0, exactly what is under."""
    # With the weights 0 and 1 its rounding gives back the very byte.
    mixed = cv2.blendLinear(over_HWC, np.ascontiguousarray(under_HWC), mask_HW, 1 - mask_HW)
    return np.asarray(mixed, np.uint8)


def _region(
    aligned: Aligned, mask_HW: Mask, width_px: int, height_px: int
) -> tuple[int, int, int, int] | None:
    """The frame's rectangle (x0, y0, x1, y1) that the mask covers."""
    rows, columns = np.nonzero(mask_HW > 0)
    if len(rows) == 0:
        return None
    corners = np.array(
        [[x, y] for x in (columns.min(), columns.max()) for y in (rows.min(), rows.max())],
        np.float64,
    )
    box = Box.around(aligned.frame_to_crop.inverse().apply(corners)).clipped(width_px, height_px)
    x0, y0 = int(np.floor(box.x0)), int(np.floor(box.y0))
    x1, y1 = min(width_px, int(np.ceil(box.x1)) + 1), min(height_px, int(np.ceil(box.y1)) + 1)
    return (x0, y0, x1, y1) if x1 - x0 > 1 and y1 - y0 > 1 else None


def heat(mask_HW: NDArray[np.float32], under_HWC: RGB) -> RGB:
    """The mask as warm colours over the darkened frame."""
    warm = cv2.applyColorMap(np.round(255 * mask_HW).astype(np.uint8), cv2.COLORMAP_INFERNO)
    colours = cv2.cvtColor(warm, cv2.COLOR_BGR2RGB).astype(np.float32)
    share = 0.75 * mask_HW[..., None]
    return np.round(share * colours + (1 - share) * 0.5 * under_HWC).astype(np.uint8)
