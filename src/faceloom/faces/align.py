"""Bringing a face into its standard place by a similarity.

The standard place: the mean face mesh (see `tools/build_mean_face.py`), 0.84 of the crop high, its
box centred a little above the middle, so that an opening jaw stays inside. The similarity is
fitted by least squares to the ~200 mesh points that speech and blinking do not move (no lips, jaw,
lids or brows): a talking mouth does not shift the crop, and the mesh's noise averages out.

Convention: `coverage` widens the view about the crop's centre; 1 is the tight training frame.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from faceloom.faces.face import Aligned, Face, Mesh
from faceloom.faces.mask import BROWS, LEFT_EYE, NOSE_BASE, RIGHT_EYE
from faceloom.geometry import Similarity, umeyama
from faceloom.image import RGB, warp

FACE_HEIGHT = 0.84
"""Height of the mean face over the side of a crop of coverage 1."""
FACE_CENTER_Y = 0.485


@cache
def _mean_face() -> NDArray[np.float64]:
    asset = json.loads((files("faceloom.assets") / "mean_face.json").read_text())
    return np.array(asset["points"], np.float64)


def reference_points(size_px: int, coverage: float = 1.0) -> NDArray[np.float64]:
    """The mean face in a crop of this side and coverage: (468, 2), pixels."""
    unit = _mean_face() * FACE_HEIGHT + [0.5, FACE_CENTER_Y]
    return ((unit - 0.5) / coverage + 0.5) * size_px - 0.5


@cache
def rigid_indices() -> NDArray[np.int64]:
    """The mesh points that neither speech nor blinking nor the brows move: what lies lower than the
    base of the nose moves with speech."""
    moving = set(LEFT_EYE) | set(RIGHT_EYE) | set(BROWS)
    mean = _mean_face()
    return np.array([i for i in range(468) if mean[i, 1] < mean[NOSE_BASE, 1] and i not in moving])


@cache
def _rigid_points(size_px: int, coverage: float) -> NDArray[np.float64]:
    return reference_points(size_px, coverage)[rigid_indices()]


def crop_transform(mesh_4683: Mesh, size_px: int, coverage: float = 1.0) -> Similarity:
    """The similarity from the mesh's coordinates to those of its standard crop."""
    return umeyama(mesh_4683[rigid_indices()], _rigid_points(size_px, coverage))


def recrop_transform(
    size_px: int, coverage: float, new_size_px: int, new_coverage: float
) -> Similarity:
    """From one standard crop's pixels to another's, both of the same face."""
    scale = (new_size_px / new_coverage) / (size_px / coverage)
    shift = (new_size_px - 1) / 2 - scale * (size_px - 1) / 2
    return Similarity(scale, 0.0, shift, shift)


def transform_mesh(mesh_4683: Mesh, transform: Similarity) -> Mesh:
    """Map x and y by the similarity and scale z alike."""
    xy = transform.apply(mesh_4683)
    return np.column_stack([xy, mesh_4683[:, 2] * transform.scale]).astype(np.float32)


def align(
    frame_HWC: RGB,
    face: Face,
    size_px: int,
    coverage: float = 1.0,
    frame_to_crop: Similarity | None = None,
) -> Aligned:
    """Cut the standard crop of a face with a mesh; `frame_to_crop` replaces the fitted transform
    (a steadied one). Raises ValueError if the face has no mesh."""
    if face.mesh_4683 is None:
        raise ValueError("align needs a face that a landmarker has seen")
    transform = frame_to_crop or crop_transform(face.mesh_4683, size_px, coverage)
    crop = warp(frame_HWC, transform, (size_px, size_px), "area")
    return Aligned(crop, transform, transform_mesh(face.mesh_4683, transform))
