"""The mesh's landmarks as one plane, for networks that take them as a fourth channel.

`lines` are the contours of face, brows, eyes, nose and lips; `heat` is a soft spot on each of their
points, so that a point which is a little off is only a little wrong.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom.faces.face import Mesh
from faceloom.faces.mask import (
    FACE_OVAL,
    INNER_MOUTH,
    LEFT_BROW,
    LEFT_EYE,
    LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
)
from faceloom.image import Mask

LandmarkKind = Literal["lines", "heat"]

_CLOSED = (FACE_OVAL, RIGHT_BROW, LEFT_BROW, RIGHT_EYE, LEFT_EYE, LIPS, INNER_MOUTH)
_OPEN = ((168, 6, 197, 195, 5, 4), (98, 97, 2, 326, 327))
_SPOTTED = [i for line in _CLOSED for i in line[::2]] + [i for line in _OPEN for i in line]
_POINTS = sorted(set(_SPOTTED))
_LINE = 0.01
"""Width of a line over the side of a tight crop."""
_SPOT = 0.012
"""Standard deviation of a spot over the side of a tight crop."""
_SUBPIXEL_BITS = 4


def draw_landmarks(
    mesh_4683: Mesh, kind: LandmarkKind, side_px: int, coverage: float = 1.0
) -> Mask:
    """The plane (side, side) in [0, 1], 0 where nothing is, of a standard crop of this coverage;
    mesh in its pixels. Lines and spots are as large on the face whatever the coverage."""
    points, face_px = mesh_4683[:, :2].astype(np.float64), side_px / coverage
    if kind == "lines":
        return _lines(points, side_px, max(1, round(_LINE * face_px)))
    return _spots(points[_POINTS], side_px, _SPOT * face_px)


def _lines(points_M2: NDArray[np.float64], side_px: int, width_px: int) -> Mask:
    canvas = np.zeros((side_px, side_px), np.uint8)
    fixed = np.round(points_M2 * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    for contours, closed in ((_CLOSED, True), (_OPEN, False)):
        lines = [fixed[list(contour)] for contour in contours]
        cv2.polylines(canvas, lines, closed, (255,), width_px, cv2.LINE_AA, _SUBPIXEL_BITS)
    return (canvas / np.float32(255)).astype(np.float32)


def _spots(points_K2: NDArray[np.float64], side_px: int, sigma_px: float) -> Mask:
    """Each point shared between its four pixels, then blurred to spots with a peak of 1."""
    canvas = np.zeros((side_px, side_px), np.float32)
    whole = np.floor(points_K2).astype(int)
    part = points_K2 - whole
    for down in (0, 1):
        for across in (0, 1):
            x, y = whole[:, 0] + across, whole[:, 1] + down
            share = np.abs(1 - across - part[:, 0]) * np.abs(1 - down - part[:, 1])
            inside = (x >= 0) & (y >= 0) & (x < side_px) & (y < side_px)
            np.add.at(canvas, (y[inside], x[inside]), share[inside].astype(np.float32))
    blurred = cv2.GaussianBlur(canvas, (0, 0), sigma_px, borderType=cv2.BORDER_CONSTANT)
    return np.minimum(blurred * (2 * np.pi * sigma_px**2), 1).astype(np.float32)
