"""Real movement for synthetic faces: what the person in a clip does, as face units.

The mesh of each frame is turned to the front and measured: gaps and places of lips, corners and
brows, over the eye span. The same lengths are taken on the synthetic head, once for each face unit,
and the units that together explain the measured differences from the clip's own resting face are
found by non-negative least squares.

Legend: F frames, L lengths, U units. Times in seconds; angles in degrees, signs as in
`scene.HeadPose`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.optimize import nnls

from faceloom.errors import UserError
from faceloom.faces.expression import mouth_opening
from faceloom.faces.eyes import EyeReader
from faceloom.faces.face import Mesh
from faceloom.faces.find import MeshLandmarker, make_detector
from faceloom.faces.pose import pose_of
from faceloom.faces.track import FaceTracker
from faceloom.synth.assets import load_head
from faceloom.synth.motion import RATE, look_units
from faceloom.synth.recipes import SIDES
from faceloom.synth.scene import FaceState, Floats, HeadPose
from faceloom.video import read_frames

_EYE_SPAN_DM = 0.868
"""Of the synthetic head at rest, outer corner to outer corner."""

# Points of a face, as the mesh numbers them and as iBUG does; "left" is the person's.
_POINTS = {
    "right eye": (33, 36), "left eye": (263, 45), "nose": (2, 33),
    "right corner": (61, 48), "left corner": (291, 54),
    "upper lip": (0, 51), "lower lip": (17, 57),
    "inner upper lip": (13, 62), "inner lower lip": (14, 66),
    "right brow, inner": (107, 21), "left brow, inner": (336, 22),
    "right brow, outer": (63, 18), "left brow, outer": (293, 25),
}  # fmt: skip
_NAMES = tuple(_POINTS)
_LENGTHS = ("gap", "width", "corners", "upper lip", "lower lip", "inner brows", "outer brows")
_WEIGHTS_L = np.array([3.0, 1.5, 1.5, 1.0, 1.5, 1.2, 1.2])
"""The gap is what shows most, and what the mesh sees best."""
_UNITS: dict[str, dict[str, float]] = {
    "jaw": {"jawOpen": 1.0},
    "smile": {"mouthSmile": 1.0},
    "stretch": {"mouthStretch": 1.0},
    "pucker": {"mouthPucker": 1.0},
    "bare upper": {"mouthUpperUp": 1.0},
    "bare lower": {"mouthLowerDown": 1.0},
    "frown": {"mouthFrown": 1.0},
    "roll": {"mouthRollUpper": 1.0, "mouthRollLower": 1.0},
    "raise inner": {"browInnerUp": 1.0},
    "raise outer": {"browOuterUp": 1.0},
    "lower": {"browDown": 1.0},
}
"""What is fitted; names without a side stand for both."""
_RIDGE_U = np.array([0.01, 0.05, 0.06, 0.05, 0.06, 0.06, 0.08, 0.06, 0.03, 0.03, 0.03])
"""Cost of using a unit: the jaw opens mouths, the rest comes where it must."""
_UNPAIRED = frozenset({"jawOpen", "mouthPucker", "mouthRollUpper", "mouthRollLower", "browInnerUp"})
_SHUT_GAP_PERCENTILE = 8.0
_OPEN_EYE_PERCENTILE, _SHUT_EYE = 75.0, 0.13
_BLINK_FROM = 0.78
"""Share of a clip's own open eye below which lids begin to count as closing."""
_EYE_LIMITS_DEG = (30.0, 22.0)


@dataclass(frozen=True, eq=False)
class Measured:
    """What is read off a clip, a row for each frame with a face."""

    times_F_s: Floats
    lengths_FL: Floats
    """Over the eye span, of a face turned to the front."""
    head_F3_deg: Floats
    middle_F2_dm: Floats
    """Where the face is in the picture, x to the right and y up."""
    eyes_F3: Floats
    """Opening, gaze yaw and pitch."""
    gap_F: Floats
    """Inner lips apart, over the eye span, as seen."""


def read_motion(clip: Path, rate: Fraction = RATE) -> list[FaceState]:
    """The movement of the largest face of a clip, at `rate` frames a second, as long as the clip.

    Where the face is not seen for a moment, its movement is bridged. Raises UserError if the clip
    cannot be read or shows a face for less than half of its time.
    """
    measured = measure_clip(clip)
    seconds = float(measured.times_F_s[-1])
    times_N = np.arange(int(seconds * rate) + 1) / float(rate)

    def at(values_F: Floats) -> Floats:
        columns = values_F.reshape(len(values_F), -1).T
        found = [np.interp(times_N, measured.times_F_s, column) for column in columns]
        return np.stack(found, axis=-1).reshape(len(times_N), *values_F.shape[1:])

    rate_hz = (len(measured.times_F_s) - 1) / max(1e-6, seconds - measured.times_F_s[0])
    head_F3 = _steady(measured.head_F3_deg, 0.045 * rate_hz)
    # A mesh's upright differs from face to face; a turn to one side may be meant.
    head_F3[:, 1:] -= np.median(head_F3[:, 1:], axis=0)
    middle_F2 = _steady(measured.middle_F2_dm, 0.045 * rate_hz)
    middle_F2 -= np.median(middle_F2, axis=0)
    units = fit_units(_steady(measured.lengths_FL, 0.014 * rate_hz))
    shut_F, eyes_F2 = _eyes(measured.eyes_F3)
    eyes_F2 = median_filter(eyes_F2, size=(3, 1), mode="nearest")
    columns = {unit: at(weights) for unit, weights in units.items()}
    shut_N, eyes_N2 = at(shut_F), at(eyes_F2)
    for side in SIDES:
        columns[f"eyeBlink{side}"] = shut_N
    columns |= look_units(eyes_N2, 1 - shut_N)
    head_N3, middle_N2 = at(head_F3), at(middle_F2)
    return [
        FaceState(
            {
                unit: round(float(weights[n]), 5)
                for unit, weights in sorted(columns.items())
                if weights[n] > 1e-4
            },
            HeadPose(
                float(head_N3[n, 0]), float(head_N3[n, 1]), float(head_N3[n, 2]),
                (float(middle_N2[n, 0]), float(middle_N2[n, 1]), 0.0),
            ),
            (float(eyes_N2[n, 0]), float(eyes_N2[n, 1])),
        )
        for n in range(len(times_N))
    ]  # fmt: skip


def measure_clip(clip: Path) -> Measured:
    """Measure every frame of a clip that shows a face. Raises UserError as `read_motion`."""
    tracker = FaceTracker(make_detector("full-range"), MeshLandmarker())
    reader = EyeReader()
    rows: list[tuple[float, Mesh, tuple[float, float, float]]] = []
    frames = 0
    for frame in read_frames(clip):
        frames += 1
        found = tracker.update(frame.rgb)
        mesh = found[0].face.mesh_4683 if found else None
        if mesh is not None:
            eyes = reader.look(frame.rgb, mesh)
            # Eyes count pitch upwards, the synthetic head downwards.
            looks = (eyes.opening, eyes.gaze_yaw_deg, -eyes.gaze_pitch_deg)
            rows.append((float(frame.time_s), mesh, looks))
    if len(rows) < max(2, frames / 2):
        raise UserError(
            f"{clip}: shows a face in {len(rows)} of {frames} frames; give a clip of one person's"
            " face"
        )
    meshes = np.stack([mesh for _, mesh, _ in rows])
    poses = [pose_of(mesh) for mesh in meshes]
    head = np.array([(pose.yaw_deg, -pose.pitch_deg, -pose.roll_deg) for pose in poses])
    points_FP3 = meshes[:, [mesh_id for mesh_id, _ in _POINTS.values()]].astype(np.float64)
    points_FP3 *= (1.0, -1.0, -1.0)  # y up and z towards the viewer, as on the head.
    front = np.stack(
        [
            points @ HeadPose(*angles).rotation_33
            for points, angles in zip(points_FP3, head, strict=True)
        ]
    )
    spans = np.linalg.norm(front[:, _NAMES.index("left eye")] - front[:, 0], axis=-1)
    eyes_middle = points_FP3[:, :2, :2].mean(axis=1)
    return Measured(
        np.array([time for time, _, _ in rows]),
        lengths(front),
        head,
        eyes_middle / np.median(spans) * _EYE_SPAN_DM,
        np.array([looks for _, _, looks in rows]),
        mouth_opening(meshes),
    )


def lengths(points_FP3: Floats) -> Floats:
    """The lengths (F, L) of frontal faces given by their points (F, P, 3), over the eye span."""

    def point(name: str) -> Floats:
        return np.asarray(points_FP3[:, _NAMES.index(name)])

    def height(one: str, other: str, over: str) -> Floats:
        return (point(one)[:, 1] + point(other)[:, 1]) / 2 - point(over)[:, 1]

    eyes_y = (point("left eye")[:, 1] + point("right eye")[:, 1]) / 2
    found = [
        point("inner upper lip")[:, 1] - point("inner lower lip")[:, 1],
        point("left corner")[:, 0] - point("right corner")[:, 0],
        height("left corner", "right corner", "nose"),
        point("upper lip")[:, 1] - point("nose")[:, 1],
        point("lower lip")[:, 1] - point("nose")[:, 1],
        (point("left brow, inner")[:, 1] + point("right brow, inner")[:, 1]) / 2 - eyes_y,
        (point("left brow, outer")[:, 1] + point("right brow, outer")[:, 1]) / 2 - eyes_y,
    ]
    span = np.linalg.norm(point("left eye") - point("right eye"), axis=-1)
    return np.stack(found, axis=1) / span[:, None]


def fit_units(lengths_FL: Floats) -> dict[str, Floats]:
    """Face units (F,) that move the synthetic head's lengths as these move from their rest."""
    rest_L = np.median(lengths_FL, axis=0)
    rest_L[0] = np.percentile(lengths_FL[:, 0], _SHUT_GAP_PERCENTILE)
    # Lips at rest are shut: their places are those of the frames with the smallest gaps.
    shut = lengths_FL[:, 0] <= np.percentile(lengths_FL[:, 0], 25.0)
    rest_L[3:5] = np.median(lengths_FL[shut][:, 3:5], axis=0)
    moves_FL = (lengths_FL - rest_L) * _WEIGHTS_L
    effects_LU = _effects().T * _WEIGHTS_L[:, None]
    system = np.concatenate([effects_LU, np.diag(_RIDGE_U)])
    zeros_U = np.zeros(len(_RIDGE_U))
    weights_FU = np.stack([nnls(system, np.concatenate([row, zeros_U]))[0] for row in moves_FL])
    units: dict[str, Floats] = {}
    for weights_F, parts in zip(np.minimum(weights_FU, 1.0).T, _UNITS.values(), strict=True):
        for unit, share in parts.items():
            for name in _sided(unit):
                units[name] = share * weights_F
    return units


@cache
def _effects() -> Floats:
    """How each unit at 1 changes the lengths of the synthetic head: (U, L)."""
    head = load_head()
    rows = head.landmarks_68[[ibug for _, ibug in _POINTS.values()]]
    shapes = [head.base_V3]
    for parts in _UNITS.values():
        moved_V3 = head.base_V3.copy()
        for unit, share in parts.items():
            for name in _sided(unit):
                head.morph(moved_V3, f"expr/{name}", share)
        shapes.append(moved_V3)
    measured = lengths(np.stack([shape[rows] for shape in shapes]))
    return np.asarray(measured[1:] - measured[0])


def _eyes(eyes_F3: Floats) -> tuple[Floats, Floats]:
    """Closure (F,) and gaze (F, 2), both against the clip's own open eye and usual gaze."""
    opening_F = eyes_F3[:, 0]
    full = float(np.percentile(opening_F, _OPEN_EYE_PERCENTILE))
    begins = _BLINK_FROM * full
    shut_F = np.clip((begins - opening_F) / max(1e-3, begins - min(_SHUT_EYE, 0.6 * begins)), 0, 1)
    seen = np.flatnonzero(shut_F < 0.35)
    gaze_F2 = eyes_F3[:, 1:].copy()
    if len(seen):
        gaze_F2 -= np.median(gaze_F2[seen], axis=0)
        for axis in range(2):  # Shut eyes look where they looked before and after.
            gaze_F2[:, axis] = np.interp(np.arange(len(gaze_F2)), seen, gaze_F2[seen, axis])
    return shut_F, np.clip(gaze_F2, np.negative(_EYE_LIMITS_DEG), _EYE_LIMITS_DEG)


def _steady(values_F: NDArray[np.floating], spread_frames: float) -> Floats:
    """Without the networks' tremor."""
    return np.asarray(gaussian_filter1d(values_F, max(spread_frames, 1e-3), axis=0, mode="nearest"))


def _sided(unit: str) -> tuple[str, ...]:
    return (unit,) if unit in _UNPAIRED else tuple(unit + side for side in SIDES)
