"""Which pixels of a face crop belong to a person, and which to what is behind.

A hull from the mesh holds slivers of background along the jaw; a decoder that is taught with them
paints them. The network is MediaPipe's selfie segmentation (general model; NOTICE has its origin),
a MobileNetV3 with a light decoder (Howard et al. 2019, arXiv:1905.02244), 256 px.

An instance belongs to one thread.
"""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from faceloom.faces.lite import LiteNet
from faceloom.image import RGB, Mask, resize

_NET_PX = 256
_LEAST_SHARE = 0.75
"""Of the face that must be a person's for the network to be believed: the dark may hide it."""


class PersonMask:
    """Finds the person in a crop around a face; 3 ms a crop."""

    def __init__(self) -> None:
        with as_file(files("faceloom.assets") / "person_mask.tflite") as path:
            self._net = LiteNet(path)

    def __call__(self, crop_HWC: RGB) -> Mask:
        """The share of each pixel that is a person's, (H, W) in [0, 1]."""
        side = (_NET_PX, _NET_PX)
        seen = crop_HWC if crop_HWC.shape[:2] == side else resize(crop_HWC, side, "area")
        (found,) = self._net(np.multiply(seen, np.float32(1 / 255))[None])
        mask: Mask = np.clip(found[0, ..., 0], 0, 1)
        size = (crop_HWC.shape[1], crop_HWC.shape[0])
        return mask if size == side else np.clip(resize(mask, size, "linear"), 0, 1)


def without_background(hull_HW: Mask, person_HW: Mask) -> Mask:
    """The face's hull less what is no person; the hull as it is where that would lose the face."""
    within: NDArray[np.float32] = hull_HW * person_HW
    return within if within.sum() >= _LEAST_SHARE * hull_HW.sum() else hull_HW
