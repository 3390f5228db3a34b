"""What is known of each face of a side: how it is turned, how far it is open, how it is lit.

Convention: one value a face (N,); degrees as in `faces.pose`, openings as in `faces.expression` and
`faces.eyes`, light over the face's hull in display values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceloom.faces.expression import mouth_opening
from faceloom.faces.pose import pose_of

Values = NDArray[np.float64]

# What is one step of each trait, so that unlike ones can be compared; in the order of the columns.
_POSE_UNITS = (10.0, 10.0)
_EXPRESSION_UNITS = (0.1, 0.08)
_LIGHT_UNITS = (0.1, 0.04, 0.04, 0.1)
LUMA = (0.2126, 0.7152, 0.0722)
"""Rec. 709."""


@dataclass(frozen=True)
class FaceTraits:
    """Each face's traits."""

    yaw_deg: Values
    pitch_deg: Values
    mouth: Values
    eyes: Values
    brightness: Values
    """Mean luminance, 0 to 1."""
    light_across: Values
    """How far the centre of light lies to the picture's right of the hull's centre, over half the
    frame."""
    light_down: Values
    warmth: Values
    """Mean red less mean blue, -1 to 1."""

    def __len__(self) -> int:
        return len(self.yaw_deg)

    @property
    def pose(self) -> Values:
        """(N, 2), in steps of 10 degrees."""
        return np.stack([self.yaw_deg, self.pitch_deg], axis=1) / _POSE_UNITS

    @property
    def expression(self) -> Values:
        """(N, 2): mouth and eyes, in steps that look different."""
        return np.stack([self.mouth, self.eyes], axis=1) / _EXPRESSION_UNITS

    @property
    def light(self) -> Values:
        """(N, 4), in steps that look different."""
        columns = (self.brightness, self.light_across, self.light_down, self.warmth)
        return np.stack(columns, axis=1) / _LIGHT_UNITS


def read_traits(
    planes_NCPP: Tensor, meshes_N4683: NDArray[np.float32], eyes_N: NDArray[np.floating]
) -> FaceTraits:
    """From stored planes (bytes: colour, hull, ...), meshes in any pixels, eyes' openings."""
    poses = [pose_of(mesh) for mesh in meshes_N4683]
    light = np.concatenate([_light(some) for some in planes_NCPP[:, :4, ::4, ::4].split(512)])
    return FaceTraits(
        np.array([pose.yaw_deg for pose in poses]),
        np.array([pose.pitch_deg for pose in poses]),
        mouth_opening(meshes_N4683),
        np.asarray(eyes_N, np.float64),
        *light.T,
    )


def _light(planes_NCPP: Tensor) -> Values:
    """(N, 4): brightness, light across and down, warmth."""
    colour, hull = planes_NCPP[:, :3].float() / 255, planes_NCPP[:, 3].float() / 255 + 1e-6
    luma = torch.einsum("c,nchw->nhw", torch.tensor(LUMA), colour)
    area = hull.sum(dim=(1, 2))
    lit = (luma * hull).sum(dim=(1, 2))
    places = (torch.arange(hull.shape[-1]) + 0.5) * (2 / hull.shape[-1]) - 1
    centres = [
        (luma * hull * at).sum(dim=(1, 2)) / lit.clamp_min(1e-6)
        - (hull * at).sum(dim=(1, 2)) / area
        for at in (places.view(1, 1, -1), places.view(1, -1, 1))
    ]
    mean = (colour * hull.unsqueeze(1)).sum(dim=(2, 3)) / area.unsqueeze(1)
    return torch.stack([lit / area, *centres, mean[:, 0] - mean[:, 2]], dim=1).double().numpy()
