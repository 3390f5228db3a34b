"""Masks drawn from the 468-point mesh: the face hull, the eyes, the mouth and the inner mouth.

Convention: masks are float32 (H, W) in [0, 1], anti-aliased. Index lists follow the contours of
MediaPipe's face mesh (Kartynnik et al. 2019, "Real-time Facial Surface Geometry from Monocular
Video on Mobile GPUs").
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom.faces.face import Mesh
from faceloom.image import Mask

# fmt: off
FACE_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400,
             377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67,
             109)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER_MOUTH = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81,
               80, 191)
RIGHT_CHEEK = (117, 118, 119, 100, 126, 203, 206, 205, 187, 123)
LEFT_CHEEK = (346, 347, 348, 329, 355, 423, 426, 425, 411, 352)
NOSE_BRIDGE = (8, 193, 122, 196, 3, 51, 5, 281, 248, 419, 351, 417)
BETWEEN_BROWS = (9, 107, 108, 151, 337, 336)
# fmt: on
BARE_SKIN = (RIGHT_CHEEK, LEFT_CHEEK, NOSE_BRIDGE, BETWEEN_BROWS)
"""Where nearly nobody has anything but skin: no beard, brow, lash or hair."""
BROWS = RIGHT_BROW + LEFT_BROW
NOSE_BASE = 2

Part = Literal["hull", "eyes", "mouth", "inner_mouth"]
PARTS: tuple[Part, ...] = ("hull", "eyes", "mouth", "inner_mouth")

_SUBPIXEL_BITS = 4
_EYE_GROWTH = 1.6
"""Lids and lashes lie outside the eye's contour; the eye mask is the contour grown by this."""
_MOUTH_GROWTH = 1.15


def hull_polygon(mesh_4683: Mesh) -> NDArray[np.float32]:
    """The convex outline of the face oval, (N, 2), pixels."""
    outline = mesh_4683[list(FACE_OVAL), :2].astype(np.float32)
    return np.asarray(cv2.convexHull(outline)[:, 0], np.float32)


def part_polygons(mesh_4683: Mesh, part: Part) -> list[NDArray[np.float32]]:
    """The outlines whose union is the part, each (N, 2), pixels."""
    if part == "hull":
        return [hull_polygon(mesh_4683)]
    if part == "eyes":
        return [_eye_polygon(mesh_4683, eye) for eye in (RIGHT_EYE, LEFT_EYE)]
    if part == "mouth":
        return [_grown(mesh_4683[list(LIPS), :2], _MOUTH_GROWTH)]
    return [mesh_4683[list(INNER_MOUTH), :2].astype(np.float32)]


def draw_polygons(polygons: list[NDArray[np.float32]], size_px: tuple[int, int]) -> Mask:
    """Fill polygons into a mask of (width, height), anti-aliased."""
    canvas = np.zeros((size_px[1], size_px[0]), np.uint8)
    scaled = [np.round(p * (1 << _SUBPIXEL_BITS)).astype(np.int32) for p in polygons]
    cv2.fillPoly(canvas, scaled, (255,), cv2.LINE_AA, _SUBPIXEL_BITS)
    return (canvas / np.float32(255)).astype(np.float32)


def mesh_mask(mesh_4683: Mesh, part: Part, size_px: tuple[int, int]) -> Mask:
    """The mask of one part in an image of (width, height); mesh in that image's pixels."""
    return draw_polygons(part_polygons(mesh_4683, part), size_px)


def skin_mask(mesh_4683: Mesh, size_px: tuple[int, int]) -> Mask:
    """The mask of `BARE_SKIN` in an image of (width, height)."""
    patches = [mesh_4683[list(points), :2].astype(np.float32) for points in BARE_SKIN]
    return draw_polygons([np.asarray(cv2.convexHull(p)[:, 0]) for p in patches], size_px)


def feather(mask: Mask, radius_px: float) -> Mask:
    """Shrink a mask by `radius_px` and blur its edge over as much, so that it stays inside.

    The mask falls from 1 to 0 within `2 * radius_px` of the old edge.
    """
    size = max(1, round(radius_px))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * size + 1, 2 * size + 1))
    inner = cv2.erode(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    blurred = cv2.GaussianBlur(inner, (0, 0), radius_px / 2, borderType=cv2.BORDER_CONSTANT)
    return np.minimum(blurred, mask).astype(np.float32)


def _eye_polygon(mesh_4683: Mesh, eye: tuple[int, ...]) -> NDArray[np.float32]:
    """The eye's contour, grown, together with an ellipse a third as high as wide, so that lids
    count as much when shut as when open."""
    outline = _grown(mesh_4683[list(eye), :2], _EYE_GROWTH)
    corner, across = outline[0], outline[8] - outline[0]
    along = across / 2
    upward = np.array([-across[1], across[0]], np.float32) / 6
    turn = np.linspace(0, 2 * np.pi, 16, endpoint=False, dtype=np.float32)[:, None]
    ellipse = corner + along + np.cos(turn) * along + np.sin(turn) * upward
    return cv2.convexHull(np.concatenate([outline, ellipse]).astype(np.float32))[:, 0]  # type: ignore[return-value]


def _grown(points_N2: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    centre = points_N2.mean(axis=0)
    return (centre + (points_N2 - centre) * factor).astype(np.float32)
