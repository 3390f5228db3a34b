"""Hair over the forehead: a decoder that is taught with it paints it on other heads."""

from __future__ import annotations

import cv2
import numpy as np

from faceloom.faces.face import Mesh
from faceloom.faces.mask import BROWS, NOSE_BASE, mesh_mask
from faceloom.image import RGB, Mask

_HAIR, _SKIN = 0.6, 0.75
"""Over the brightness of the cheeks: what is surely hair, and what is surely skin."""
_ABOVE_BROWS = 0.03
_REACH = 0.012
"""Over the crop's side: from where above the brows hair is looked for, and how far around it."""


def without_fringe(hull_HW: Mask, crop_HWC: RGB, mesh_4683: Mesh) -> Mask:
    """The hull less what is much darker than the cheeks above the brows; shape and pixels are the
    crop's. Fair hair on fair skin is not seen."""
    height, width = hull_HW.shape
    grey = cv2.GaussianBlur(crop_HWC.mean(axis=2).astype(np.float32), (0, 0), _REACH * width / 2)
    rows_y = np.arange(height, dtype=np.float32)[:, None]
    brows_y = mesh_4683[list(BROWS), 1]
    cheeks = hull_HW * (1 - mesh_mask(mesh_4683, "eyes", (width, height)))
    cheeks = cheeks * ((rows_y > brows_y.max()) & (rows_y < mesh_4683[NOSE_BASE, 1]))
    if not (cheeks > 0.5).any():
        return hull_HW
    skin = np.clip((grey / np.median(grey[cheeks > 0.5]) - _HAIR) / (_SKIN - _HAIR), 0, 1)
    skin[rows_y[:, 0] > brows_y.min() - _ABOVE_BROWS * height] = 1
    reach = 2 * round(_REACH * width) + 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return np.asarray(hull_HW * cv2.erode(skin.astype(np.float32), around), np.float32)
