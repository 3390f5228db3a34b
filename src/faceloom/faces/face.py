"""The foundation types of the house: a face in a frame, a face in its crop, and a painted face.

Convention: frame coordinates are those of the whole image in pixels, crop coordinates those of the
aligned square; `frame_to_crop` leads from the first to the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from faceloom.geometry import Box, Similarity
from faceloom.image import RGB

Mesh = NDArray[np.float32]
"""Shape (468, 3): x, y in pixels of frame or crop, z on the same scale, away from the camera."""


@dataclass(frozen=True)
class Face:
    """A face in a frame: as detected, and once a landmarker has seen it, with its mesh.

    `eyes_22` are the centres of the person's right and left eye, pixels. `presence` is the
    landmarker's own score, 0 to 1.
    """

    box: Box
    score: float
    eyes_22: NDArray[np.float32] | None = None
    mesh_4683: Mesh | None = None
    presence: float = 0.0


@dataclass(frozen=True)
class Aligned:
    """A face brought into its standard place: the crop, and how it was cut."""

    crop_HWC: RGB
    frame_to_crop: Similarity
    mesh_4683: Mesh
    """In crop pixels."""


class Patch(NamedTuple):
    """What a model paints: colour in [-1, 1] (B, 3, H, W) and opacity in [0, 1] (B, 1, H, W)."""

    rgb_BCHW: torch.Tensor
    alpha_B1HW: torch.Tensor
    detail_B1TT: torch.Tensor | None = None
    """What is finer than the picture, where it was asked for and is known (`data.fine`): light over
    the light around, as a logarithm, at a larger size of the same frame."""
