"""What a swap keeps of the performance: expression, pose, gaze, and lips beside the sound.

Shapes: meshes (468, 3) and points (T, P, 2), one row a frame; what is compared over a clip comes as
series (T,). Lengths are over the span of the outer eye corners.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceloom.evaluate.motion import correlation
from faceloom.faces.align import crop_transform, reference_points
from faceloom.faces.expression import eye_span_px
from faceloom.faces.face import Mesh
from faceloom.faces.mask import BROWS, LEFT_EYE, LIPS, RIGHT_EYE

Floats = NDArray[np.float64]

EXPRESSIVE = sorted({*LIPS, *BROWS, *LEFT_EYE, *RIGHT_EYE})
"""Mesh points that expressions move."""
EYES_OPEN = 0.15
"""Below this opening (see `faces.eyes`) no gaze can be read."""
_UNIT_PX = 1000


def expressive_points(mesh_4683: Mesh) -> NDArray[np.float32]:
    """Brows, lids and lips in the face's standard place (`faces.align`): (P, 2), in eye spans of
    the mean face. Where the head is, how large and how tilted does not show."""
    place = crop_transform(mesh_4683, _UNIT_PX).apply(mesh_4683[EXPRESSIVE])
    return (place / _reference_span()).astype(np.float32)


def expression_errors(
    result_TP2: NDArray[np.floating], footage_TP2: NDArray[np.floating]
) -> Floats:
    """Mean distance of the points' displacements from their own means over the clip: (T,)."""
    moved = [
        np.asarray(points, np.float64) - np.mean(points, axis=0, dtype=np.float64)
        for points in (result_TP2, footage_TP2)
    ]
    return np.asarray(np.linalg.norm(moved[0] - moved[1], axis=2).mean(axis=1), np.float64)


def pose_errors_deg(turned_T3: Floats) -> Floats:
    """Mean absolute distance of turns (yaw, pitch and roll of the result less the footage's) from
    their own means over the clip, degrees: (T,). Rows of nan stay so.

    Another face's shape is read as a turn that never changes: the exact answers of synthetic people
    as up to 4 degrees of pitch.
    """
    whole = np.isfinite(turned_T3).all(axis=1)
    if not whole.any():
        return np.full(len(turned_T3), np.nan)
    return np.asarray(np.abs(turned_T3 - turned_T3[whole].mean(axis=0)).mean(axis=1), np.float64)


def pose_offset_deg(turned_N3: Floats) -> float:
    """Mean absolute turn that never changes: what `pose_errors_deg` leaves out."""
    return float(np.abs(turned_N3.mean(axis=0)).mean())


def followed(values_N2: Floats) -> float:
    """Correlation of result and footage, the two columns; nan where the footage does not move or
    there are too few frames."""
    if len(values_N2) < 3 or values_N2[:, 1].std() < 1e-6:
        return float("nan")
    return correlation(values_N2[:, 0], values_N2[:, 1])


def range_ratio(values_N2: Floats) -> float:
    """Deviation of the first column, the result, over that of the second."""
    if len(values_N2) < 3 or values_N2[:, 1].std() < 1e-6:
        return float("nan")
    return float(values_N2[:, 0].std() / values_N2[:, 1].std())


def _reference_span() -> float:
    mean_face = reference_points(_UNIT_PX)
    mesh = np.pad(mean_face, ((0, 0), (0, 1))).astype(np.float32)
    return float(eye_span_px(mesh))
