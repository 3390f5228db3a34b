"""Head pose from the mesh.

Convention: degrees; yaw > 0 when the person turns to their own left (the nose moves to the right of
the picture), pitch > 0 when they look up, roll > 0 when the head tilts clockwise in the picture.
The mesh's depth has the scale of its x and y (weak perspective), so angles follow from its axes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceloom.faces.face import Mesh

_RIGHT_SIDE, _LEFT_SIDE = 234, 454
_FOREHEAD, _CHIN = 10, 152
_NEUTRAL_PITCH_DEG = 2.1
"""The mean of 204 frontal portraits: a face's vertical axis is not quite upright."""


@dataclass(frozen=True)
class Pose:
    """Degrees; see the module's convention."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


def pose_of(mesh_4683: Mesh) -> Pose:
    """The head's pose from its 468-point mesh, in any pixels."""
    mesh = mesh_4683.astype(np.float64)
    across, down = _across_and_down(mesh)
    roll = np.arctan2(across[1], across[0])
    yaw = np.arctan2(across[2], np.hypot(across[0], across[1]))
    pitch = -np.arctan2(down[2], np.hypot(down[0], down[1]))
    yaw_deg, pitch_deg, roll_deg = np.rad2deg([yaw, pitch, roll]).tolist()
    return Pose(yaw_deg, pitch_deg + _NEUTRAL_PITCH_DEG, roll_deg)


def upright_axes(mesh_4683: Mesh) -> NDArray[np.float64]:
    """The head's own axes (3, 3), rows of length 1: to its left, down, and away from the viewer.
    `mesh @ axes.T` is the face turned to the front."""
    across, down = _across_and_down(mesh_4683.astype(np.float64))
    left = _unit(across)
    down = _unit(down - (down @ left) * left)
    return np.stack([left, down, np.cross(left, down)])


def _across_and_down(
    mesh_4683: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return mesh_4683[_LEFT_SIDE] - mesh_4683[_RIGHT_SIDE], mesh_4683[_CHIN] - mesh_4683[_FOREHEAD]


def _unit(vector_3: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector_3 / np.linalg.norm(vector_3)
