"""Hair over forehead and temples: a decoder that is taught with it paints it on other heads."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom.faces.face import Mesh
from faceloom.faces.mask import (
    BROWS,
    LEFT_BROW,
    LEFT_EYE,
    LIPS,
    NOSE_BASE,
    RIGHT_BROW,
    RIGHT_EYE,
    mesh_mask,
)
from faceloom.image import RGB, Mask

_HAIR, _SKIN = 0.6, 0.75
"""Over the brightness of the cheeks: what is surely hair, and what is surely skin."""
_AWAY_FROM_BROWS = 0.03
_REACH = 0.012
"""Over the crop's side: from where beyond the brows hair is looked for, and how far around it."""


def without_fringe(hull_HW: Mask, crop_HWC: RGB, mesh_4683: Mesh) -> Mask:
    """The hull less what is much darker than the cheeks above the brows, and beside them down to
    the mouth; shape and pixels are the crop's. Fair hair on fair skin is not seen.

    Beside the brows whatever lies further out than hair goes with it. Beards begin below.
    """
    height, width = hull_HW.shape
    grey = cv2.GaussianBlur(crop_HWC.mean(axis=2).astype(np.float32), (0, 0), _REACH * width / 2)
    cheek_W = _cheeks(grey, hull_HW, mesh_4683)
    if cheek_W is None:
        return hull_HW
    like_skin = np.clip((grey / cheek_W - _HAIR) / (_SKIN - _HAIR), 0, 1)
    rows_y, columns_x = np.arange(height), np.arange(width)
    away_x, away_y = _AWAY_FROM_BROWS * width, _AWAY_FROM_BROWS * height
    top_y = mesh_4683[list(BROWS), 1].min() - away_y
    skin = np.where(rows_y[:, None] > top_y, 1, like_skin).astype(np.float32)
    beside = (rows_y > top_y) & (rows_y < mesh_4683[list(LIPS), 1].mean())
    right_x = mesh_4683[list(RIGHT_BROW), 0].min() - away_x
    left_x = mesh_4683[list(LEFT_BROW), 0].max() + away_x
    for side in (np.flatnonzero(columns_x < right_x)[::-1], np.flatnonzero(columns_x > left_x)):
        outwards = np.minimum.accumulate(like_skin[:, side], axis=1)
        skin[np.ix_(beside, side)] = outwards[beside]
    reach = 2 * round(_REACH * width) + 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return np.asarray(hull_HW * cv2.erode(skin, around), np.float32)


def _cheeks(
    grey_HW: NDArray[np.float32], hull_HW: Mask, mesh_4683: Mesh
) -> NDArray[np.float32] | None:
    """How bright the cheeks are, for each column: that of each half of the face at its eye, evenly
    changing in between, as light comes from one side. None if no cheek is seen."""
    height, width = hull_HW.shape
    rows_y, columns_x = np.arange(height)[:, None], np.arange(width)
    cheeks = hull_HW * (1 - mesh_mask(mesh_4683, "eyes", (width, height))) > 0.5
    cheeks &= rows_y > mesh_4683[list(BROWS), 1].max()
    cheeks &= rows_y < mesh_4683[NOSE_BASE, 1]
    middle_x = mesh_4683[NOSE_BASE, 0]
    known = [
        (float(mesh_4683[list(eye), 0].mean()), max(1.0, float(np.median(grey_HW[half]))))
        for eye, half in (
            (RIGHT_EYE, cheeks & (columns_x < middle_x)),
            (LEFT_EYE, cheeks & (columns_x >= middle_x)),
        )
        if half.any()
    ]
    if not known:
        return None
    at_x, brightness = zip(*sorted(known), strict=True)
    return np.interp(columns_x, at_x, brightness).astype(np.float32)
