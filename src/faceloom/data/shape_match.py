"""Bending one person's faces into the mean shape of another: what colour matching is for colour.

A decoder learns from codes of its own person and is used with codes of the other one, whose mouth
and eyes lie elsewhere in the aligned crop. If some of its inputs are bent into the other's mean
shape, it has met such codes. If the target stays, it learns to paint its person's own shape for
them; if the target is bent along, to follow the shape it is shown (docs/decisions/0021).

Convention: places are x, y in [-1, 1] over the stored crop (`augment`); M mesh points.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial.distance import cdist
from torch import Tensor
from torch.nn import functional as F

from faceloom.faces.align import reference_points, rigid_indices
from faceloom.faces.mask import BROWS, FACE_OVAL, LEFT_EYE, LIPS, RIGHT_EYE
from faceloom.faces.pose import upright_axes
from faceloom.geometry import umeyama

_NODES = 17
"""Places a side at which the field is known; smooth in between."""
_SMOOTHING = 1e-3
_RIM, _RIM_POINTS = 1.25, 8
"""Beyond the frame nothing moves."""
CHIN = (152, 148, 377, 176, 400, 175, 199)
NOSE = (1, 2, 4, 5, 129, 358, 98, 327, 168, 6, 197, 195)
_PARTS = (
    (FACE_OVAL, (0.30, 0.10)),
    (CHIN, (0.33, 0.20)),
    (BROWS, (0.38, 0.62)),
    (RIGHT_EYE + LEFT_EYE, (0.43, 0.55)),
    (NOSE, (0.44, 0.45)),
    (LIPS, (0.47, 0.28)),
)
"""How much of somebody's own shape is left on another's head, across and down: least squares over
the exact answers of 399 pairs of the trunk's crowd, mean meshes in the aligned crop."""
_REACH = 0.1
"""Of a part, in the tight frame's [-1, 1]."""


def mean_shape(
    meshes_N4683: NDArray[np.float32], crop_px: int, coverage: float
) -> NDArray[np.float64]:
    """The median place (468, 2) of each mesh point over a person's crops of this size, every face
    turned to the front first: two clips' people differ in where they look, too."""
    return np.asarray(np.median(front_shapes(meshes_N4683, crop_px, coverage), axis=0))


def front_shapes(
    meshes_N4683: NDArray[np.float32], crop_px: int, coverage: float
) -> NDArray[np.float64]:
    """The places (N, 468, 2) of each crop's mesh points when the face is turned to the front."""
    places = reference_points(crop_px, coverage)[rigid_indices()]
    fronts = []
    for mesh in meshes_N4683:
        front = mesh.astype(np.float64) @ upright_axes(mesh).T
        fronts.append(umeyama(front[rigid_indices()], places).apply(front))
    return (np.stack(fronts) + 0.5) / crop_px * 2 - 1


def answer_shape(own_M2: NDArray[np.float64], other_M2: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean shape that a face of shape `own` has in the other person's place: theirs, and of the
    difference as much of each part as exact answers have (docs/decisions/0027)."""
    return other_M2 + own_shares() * (own_M2 - other_M2)


@cache
def own_shares() -> NDArray[np.float64]:
    """Of each mesh point (468, 2), across and down, from those of the parts around it."""
    return spread(_PARTS)


def spread(parts: Sequence[tuple[Sequence[int], tuple[float, ...]]]) -> NDArray[np.float64]:
    """Values of each mesh point (468, K), from the K that each part (its points) around it has."""
    places = (reference_points(2) + 0.5) - 1
    known = {point: values for points, values in parts for point in points}
    apart = cdist(places, places[list(known)])
    weight = np.exp(-((apart / _REACH) ** 2) / 2) + 1e-12
    values: NDArray[np.float64] = weight @ np.array(list(known.values()))
    return values / weight.sum(axis=1, keepdims=True)


def shape_field(
    own_M2: NDArray[np.float64], other_M2: NDArray[np.float64], size_px: int, coverage: float
) -> Tensor:
    """What to add to sampling grids (size, size, 2) of the tight frame, so that a face of mean
    shape `own` is sampled into the mean shape `other`.

    A thin-plate spline (Bookstein 1989) through the mesh points, which falls to nothing outside
    the frame.
    """
    rim = np.linspace(-_RIM, _RIM, _RIM_POINTS)
    edge = np.full(_RIM_POINTS, _RIM)
    around_R2 = np.concatenate(
        [np.stack([rim, s * edge], 1) for s in (-1, 1)]
        + [np.stack([s * edge, rim], 1) for s in (-1, 1)]
    )
    # The corners are in both; a spline takes each place once.
    around_R2 = np.unique(around_R2, axis=0)
    places = np.concatenate([other_M2 * coverage, around_R2])
    moves = np.concatenate([own_M2 - other_M2, np.zeros_like(around_R2)])
    nodes = (np.arange(_NODES) + 0.5) * (2 / _NODES) - 1
    columns, rows = np.meshgrid(nodes, nodes)
    spline = RBFInterpolator(places, moves, smoothing=_SMOOTHING)
    coarse = spline(np.stack([columns.ravel(), rows.ravel()], 1)).reshape(_NODES, _NODES, 2)
    field = torch.from_numpy(coarse.astype(np.float32)).permute(2, 0, 1).unsqueeze(0)
    full = F.interpolate(field, size=(size_px, size_px), mode="bicubic", align_corners=False)
    return full[0].permute(1, 2, 0).contiguous()
