"""How far the eyes are open and where they look, from the eyes' own network.

The 468-point mesh knows where the eyes are, but its lids hardly move: on the benchmark clips they
stand 0.094 of the eye span apart in a shut eye and 0.095 in a wide open one (docs/decisions/0011).
This network (Ablavatski et al. 2020, arXiv:2006.11341; see `weights`) looks at one eye, 64 px.

An instance belongs to one thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceloom.faces.face import Mesh
from faceloom.faces.lite import LiteNet
from faceloom.geometry import Similarity
from faceloom.image import RGB, warp
from faceloom.weights import EYES

_NET_PX = 64
_ROI_GROWTH = 2.3
"""The view's side over the eye's width."""
# Mesh indices of the outer and inner corner.
_RIGHT_EYE, _LEFT_EYE = (33, 133), (263, 362)
# Rows of the network's 71 points: corners, and the middles of both lids from the outer side on.
_CORNERS = (0, 8)
_LOWER, _UPPER = slice(2, 7), slice(10, 15)
_EYEBALL_RADIUS = 0.42
"""Over the eye's width from corner to corner: 12 of 29 mm."""


@dataclass(frozen=True)
class EyesSeen:
    """What both eyes do, their mean. Gaze is in the head's frame, read off the iris's place between
    the corners: yaw > 0 to the picture's right, pitch > 0 upwards, degrees."""

    opening: float
    gaze_yaw_deg: float
    gaze_pitch_deg: float


class EyeReader:
    """Reads the opening of the eyes; 0.7 ms an eye."""

    def __init__(self, weights: Path | None = None) -> None:
        self._net = LiteNet(weights or EYES.path())

    def __call__(self, rgb: RGB, mesh_4683: Mesh) -> float:
        """The gap of the lids over the eye's width, both eyes' mean: below .15 shut, .3 open."""
        return float(np.mean([_opening(lids) for lids in self.contours(rgb, mesh_4683)]))

    def contours(self, rgb: RGB, mesh_4683: Mesh) -> list[NDArray[np.float32]]:
        """The 16 contour points of the person's right and left eye, (16, 2), picture pixels: the
        lower lid from the outer to the inner corner, then the upper lid without the corners."""
        return [self._look(rgb, mesh_4683, *corners)[0] for corners in (_RIGHT_EYE, _LEFT_EYE)]

    def look(self, rgb: RGB, mesh_4683: Mesh) -> EyesSeen:
        """Opening and gaze of both eyes; `EyeReader` called gives the opening alone."""
        eyes = [self._look(rgb, mesh_4683, *corners) for corners in (_RIGHT_EYE, _LEFT_EYE)]
        opening = float(np.mean([_opening(contour) for contour, _ in eyes]))
        yaw, pitch = np.mean([_gaze_deg(contour, iris) for contour, iris in eyes], axis=0).tolist()
        return EyesSeen(opening, yaw, pitch)

    def _look(
        self, rgb: RGB, mesh_4683: Mesh, outer: int, inner: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The contour (16, 2) and the iris's centre (2,), picture pixels."""
        # The network knows eyes with the outer corner on the left; the other one is mirrored.
        mirrored = outer == _LEFT_EYE[0]
        ends = mesh_4683[[inner, outer] if mirrored else [outer, inner], :2].astype(np.float64)
        along = ends[1] - ends[0]
        scale = _NET_PX / (_ROI_GROWTH * max(1.0, float(np.hypot(*along))))
        turn = Similarity.from_parts(scale, -float(np.rad2deg(np.arctan2(along[1], along[0]))))
        shift = (_NET_PX - 1) / 2 - turn.apply(ends.mean(axis=0, keepdims=True))[0]
        to_net = turn.then(Similarity(1.0, 0.0, float(shift[0]), float(shift[1])))
        view = warp(rgb, to_net, (_NET_PX, _NET_PX), "area")
        view = view[:, ::-1] if mirrored else view
        contour, iris = self._net(np.multiply(view, np.float32(1 / 255))[None])
        points = np.concatenate([contour.reshape(-1, 3)[:16, :2], iris.reshape(-1, 3)[:1, :2]])
        if mirrored:
            points = np.column_stack([_NET_PX - 1 - points[:, 0], points[:, 1]])
        in_picture = to_net.inverse().apply(points).astype(np.float32)
        return in_picture[:16], in_picture[16]


def _opening(contour_162: NDArray[np.float32]) -> float:
    gaps = np.linalg.norm(contour_162[_UPPER] - contour_162[_LOWER], axis=1)
    first, last = contour_162[list(_CORNERS)]
    return float(gaps.mean() / max(1e-6, float(np.linalg.norm(first - last))))


def _gaze_deg(contour_162: NDArray[np.float32], iris_2: NDArray[np.float32]) -> tuple[float, float]:
    """Yaw and pitch of one eye, from the iris's offset from the corners' middle."""
    first, last = contour_162[list(_CORNERS)].astype(np.float64)
    # Along the eye, to the picture's right, whichever corner lies there.
    across = last - first if last[0] >= first[0] else first - last
    radius = _EYEBALL_RADIUS * max(1e-6, float(np.linalg.norm(across)))
    along = across / max(1e-6, float(np.linalg.norm(across)))
    offset = iris_2 - (first + last) / 2
    right, up = offset @ along, -(offset @ np.array([-along[1], along[0]]))
    yaw, pitch = np.rad2deg(np.arcsin(np.clip([right / radius, up / radius], -1, 1))).tolist()
    return yaw, pitch
