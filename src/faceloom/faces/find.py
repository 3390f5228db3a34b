"""Finding faces in a picture, and their dense meshes.

`Detector`: picture -> faces; `Landmarker`: picture and roughly known face -> face with its mesh.
The defaults are MediaPipe's networks (see `weights`): BlazeFace at full range (Bazarevsky et al.
2019) and the 468-point face mesh (Kartynnik et al. 2019), run by LiteRT on one thread each.

Convention: pictures are uint8 RGB (H, W, 3); faces are in the picture's pixels. An instance belongs
to one thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from faceloom.errors import UserError
from faceloom.faces.face import Face
from faceloom.faces.lite import LiteNet
from faceloom.geometry import Box, Similarity
from faceloom.image import RGB, resize, warp
from faceloom.weights import FACE_MESH, FULL_RANGE

PRESENT = 0.5
"""Least presence of a face that counts as seen."""

_NET_PX = 192
_GRID = 48
OVERLAP = 0.3
"""Boxes that share more than this (intersection over union) show the same face."""
_PADDED_SHARE = 0.5
"""Part of the net's view that the picture takes on the second look, for faces that fill it."""
_ROI_GROWTH = 1.5
"""The mesh net wants the longer side of the face's box times this."""
_EYE_CORNERS = (33, 263)
"""Outer corners of the person's right and left eye in the mesh."""


class Detector(Protocol):
    """Finds the faces of a picture, best first."""

    def __call__(self, rgb: RGB) -> list[Face]: ...


class Landmarker(Protocol):
    """Fills in the mesh and the presence of a face that is known roughly, or from a frame ago."""

    def __call__(self, rgb: RGB, face: Face) -> Face: ...


class FullRangeDetector:
    """Faces from a twentieth of the picture up to all of it; 3 ms, 6 ms where it finds none."""

    def __init__(self, min_score: float = 0.5, weights: Path | None = None) -> None:
        self.min_score = min_score
        self._net = LiteNet(weights or FULL_RANGE.path())
        cells = (np.arange(_GRID) + 0.5) / _GRID
        self._centers_A2 = np.stack(np.meshgrid(cells, cells), axis=-1).reshape(-1, 2)

    def __call__(self, rgb: RGB) -> list[Face]:
        return self._look(rgb, 1.0) or self._look(rgb, _PADDED_SHARE)

    def _look(self, rgb: RGB, share: float) -> list[Face]:
        """Detect with the picture scaled to this share of the net's view, in its middle."""
        height, width = rgb.shape[:2]
        scale = _NET_PX * share / max(width, height)
        small_px = (max(1, round(width * scale)), max(1, round(height * scale)))
        left, top = (_NET_PX - small_px[0]) // 2, (_NET_PX - small_px[1]) // 2
        view = np.full((1, _NET_PX, _NET_PX, 3), -1, np.float32)
        inner = view[0, top : top + small_px[1], left : left + small_px[0]]
        np.multiply(resize(rgb, small_px), np.float32(1 / 127.5), out=inner)
        inner -= 1
        values_A16, scores_A1 = self._net(view)
        scores_A = _sigmoid(scores_A1[0, :, 0])
        rows = np.flatnonzero(scores_A >= self.min_score)
        if not len(rows):
            return []
        values = values_A16[0, rows] / _NET_PX
        centers = self._centers_A2[rows]
        middle, size = values[:, :2] + centers, values[:, 2:4]
        points = (values[:, 4:].reshape(-1, 6, 2) + centers[:, None]).reshape(-1, 12)
        raw = np.concatenate([middle - size / 2, middle + size / 2, points], axis=1) * _NET_PX
        raw = (raw.reshape(-1, 8, 2) - [left, top]) * [width / small_px[0], height / small_px[1]]
        raw -= 0.5  # The net counts from the picture's edge, the house from a pixel's centre.
        return [
            Face(Box(*map(float, merged[:2].ravel())), float(score), merged[2:4].astype(np.float32))
            for merged, score in _merged(raw, scores_A[rows])
        ]


class MeshLandmarker:
    """The 468-point mesh; 0.9 ms a look.

    A face with a mesh (from the frame before) is looked at once; one from a detector twice, the
    second time from where the first look saw it.
    """

    def __init__(self, weights: Path | None = None) -> None:
        self._net = LiteNet(weights or FACE_MESH.path())

    def __call__(self, rgb: RGB, face: Face) -> Face:
        if face.mesh_4683 is not None:
            return self._look(rgb, face)
        first = self._look(rgb, face)
        return self._look(rgb, first) if first.presence >= PRESENT else first

    def _look(self, rgb: RGB, face: Face) -> Face:
        to_net = view_transform(face)
        view = warp(rgb, to_net, (_NET_PX, _NET_PX), edge="zero")
        points, presence = self._net(np.multiply(view, np.float32(1 / 255))[None])
        mesh = points.reshape(468, 3)
        back = to_net.inverse()
        mesh_4683 = np.empty((468, 3), np.float32)
        mesh_4683[:, :2] = back.apply(mesh)
        mesh_4683[:, 2] = mesh[:, 2] * back.scale
        return Face(
            Box.around(mesh_4683),
            face.score,
            face.eyes_22,
            mesh_4683,
            float(_sigmoid(presence.ravel())[0]),
        )


def view_transform(face: Face) -> Similarity:
    """From the picture to the mesh net's view: eye line level, face in the middle."""
    if face.mesh_4683 is not None:
        outline = face.mesh_4683[:, :2]
        right_eye, left_eye = outline[list(_EYE_CORNERS)]
    else:
        box = face.box
        outline = np.array([[box.x0, box.y0], [box.x1, box.y1]], np.float32)
        eyes = face.eyes_22
        right_eye, left_eye = eyes if eyes is not None else np.array([[0, 0], [1, 0]])
    dx, dy = left_eye - right_eye
    angle_deg = float(np.rad2deg(np.arctan2(dy, dx)))
    level = Similarity.from_parts(1.0, -angle_deg)
    if face.mesh_4683 is not None:
        turned = Box.around(level.apply(outline))
        center = np.array(turned.center)
        side = max(turned.width, turned.height)
    else:
        center = level.apply(outline.mean(axis=0, keepdims=True))[0]
        side = max(face.box.width, face.box.height)
    scale = _NET_PX / max(side * _ROI_GROWTH, 1.0)
    shift = (_NET_PX - 1) / 2 - scale * center
    return level.then(Similarity(scale, 0.0, float(shift[0]), float(shift[1])))


def _merged(
    raw_N82: NDArray[np.floating], scores_N: NDArray[np.floating]
) -> Iterator[tuple[NDArray[np.floating], float]]:
    """Weighted non-maximum suppression: each cluster's boxes and points averaged by score."""
    left_over = list(np.argsort(-scores_N, kind="stable"))
    boxes = [Box(*map(float, row[:2].ravel())) for row in raw_N82]
    while left_over:
        best = left_over[0]
        near = [k for k in left_over if k == best or boxes[best].iou(boxes[k]) > OVERLAP]
        yield np.average(raw_N82[near], axis=0, weights=scores_N[near]), float(scores_N[best])
        left_over = [k for k in left_over if k not in near]


def suppress(boxes_N4: NDArray[np.floating], scores_N: NDArray[np.floating]) -> list[int]:
    """Non-maximum suppression: the rows to keep, best first; boxes are x0, y0, x1, y1."""
    boxes = [Box(*map(float, row)) for row in boxes_N4]
    left_over = [int(row) for row in np.argsort(-scores_N, kind="stable")]
    kept: list[int] = []
    while left_over:
        best = left_over.pop(0)
        kept.append(best)
        left_over = [k for k in left_over if boxes[best].iou(boxes[k]) <= OVERLAP]
    return kept


def make_detector(name: str) -> Detector:
    """The detector of this name: full-range or mtcnn. Raises UserError for another."""
    if name == "full-range":
        return FullRangeDetector()
    if name == "mtcnn":
        from faceloom.faces.mtcnn import MtcnnDetector

        return MtcnnDetector()
    raise UserError(f"{name}: is not a detector; choose full-range or mtcnn")


def _sigmoid(x: NDArray[np.floating]) -> NDArray[np.floating]:
    odds: NDArray[np.floating] = np.exp(-np.clip(x, -80, 80))
    return 1 / (1 + odds)
