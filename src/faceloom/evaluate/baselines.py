"""The landmark-warp baseline: what needs no learning.

Each frame of the footage takes the frame of the face's material that fits best in pose, expression
and gaze, choosing the whole sequence at once so that it does not hop about. Its picture is warped
piecewise affinely onto the footage's mesh with the face's own proportions (the mean difference of
both people's meshes), given the coarse shading and the colours of the footage's skin, and blended
within the face's hull with the same colours and edges as conversion with a model.

Shapes: T frames of the footage, M of the material, F features.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator

from faceloom.colour import ColourMatcher
from faceloom.convert.face import Painted, place, skin_region
from faceloom.errors import UserError
from faceloom.evaluate.clip_faces import ClipFaces, read_clip_faces
from faceloom.evaluate.keyscores import BenchStatus
from faceloom.faces.align import align
from faceloom.faces.expression import eye_span_px, mouth_opening
from faceloom.faces.face import Aligned, Face, Mesh
from faceloom.faces.mask import FACE_OVAL
from faceloom.faces.pose import pose_of
from faceloom.geometry import Box
from faceloom.image import RGB, Mask
from faceloom.video import Frame, VideoWriter, probe, read_frames

Floats = NDArray[np.float64]

WARP_VERSION = 1
"""Rises whenever the baseline's pictures change."""
_CROP_PX = 256
_COVERAGE = 1.15
"""The hull of every face lies within the crop with room for its soft edge."""
_MOUTH_CORNERS = (61, 291)
_POSE_SCALE_DEG = 6.0
_MOUTH_SCALE, _WIDTH_SCALE, _EYE_SCALE, _GAZE_SCALE_DEG = 0.05, 0.05, 0.08, 8.0
"""Differences that count as much as six degrees of pose."""
_RIM = 0.35
"""Over the deepest point's distance to the outline: where the face's own shape holds in full."""
_LIGHT_BLUR = 0.07
"""Standard deviation, over the crop's side, above which shading is the light's, not the face's."""
_LIGHT_LIMITS = (0.5, 2.0)
_HOP_COST = 0.35
"""What going on with another moment of the material costs, over their features' distance."""
_MAX_MATERIAL = 400


def warp_baseline(
    footage: Path, face: Path, output: Path, report: Callable[[BenchStatus], None] | None = None
) -> float:
    """Write the baseline's frames as a folder of PNG files; gives its seconds a frame, the search
    for fitting frames included and the reading of the material left out.

    Raises UserError if the material or the footage shows no face.
    """
    material = _thinned(read_clip_faces(face))
    shown = [i for i, mesh in enumerate(material.meshes) if mesh is not None]
    if not shown:
        raise UserError(f"{face}: shows no face; nothing can be warped from it")
    started = time.monotonic()
    faces = read_clip_faces(footage)
    with_face = [t for t, mesh in enumerate(faces.meshes) if mesh is not None]
    if not with_face:
        raise UserError(f"{footage}: shows no face; there is nothing to replace")
    shape = ShapeDifference.between(
        [mesh for mesh in faces.meshes if mesh is not None],
        [mesh for mesh in material.meshes if mesh is not None],
    )
    chosen = best_sequence(_features(faces, with_face), _features(material, shown))
    source = {t: shown[m] for t, m in zip(with_face, chosen, strict=True)}
    colour = ColourMatcher("adain")
    info = probe(footage)
    with VideoWriter(output, info) as writer:
        for t, frame in enumerate(read_frames(footage)):
            if t in source:
                m = source[t]
                mesh, own = faces.meshes[t], material.meshes[m]
                assert mesh is not None
                assert own is not None
                aim = shape.onto(mesh)
                picture = warped_face(frame.rgb, mesh, aim, material.frames[m], own, colour)
                writer.write(Frame.from_rgb(picture, frame))
            else:
                writer.write(frame)
            if report is not None:
                report(BenchStatus((t + 1) / len(faces.frames), f"{t + 1} frames"))
    return (time.monotonic() - started) / len(faces.frames)


@dataclass(frozen=True)
class ShapeDifference:
    """How one person's face differs in shape from another's, and where that shows in a frame."""

    mean_4683: Floats
    """The person in the footage, mean mesh."""
    offset_4683: Floats
    """From there to the face's person, nothing at the outline, which stays the footage's."""

    @classmethod
    def between(cls, footage: list[Mesh], face: list[Mesh]) -> ShapeDifference:
        """From meshes of both people in all poses and expressions."""
        frontal = min(footage, key=lambda mesh: abs(pose_of(mesh).yaw_deg)).astype(np.float64)
        mean = _mean_shape(footage, frontal)
        offset = _mean_shape(face, mean) - mean
        outline = mean[list(FACE_OVAL), :2]
        apart = np.linalg.norm(mean[:, None, :2] - outline[None], axis=2).min(axis=1)
        inwards = np.clip(apart / (_RIM * apart.max()), 0, 1)
        return cls(mean, offset * inwards[:, None])

    def onto(self, mesh_4683: Mesh) -> Mesh:
        """A mesh of the footage with the face's own shape."""
        scaled_33, _ = similarity_3d(self.mean_4683, mesh_4683)
        return (mesh_4683 + self.offset_4683 @ scaled_33.T).astype(np.float32)


def similarity_3d(source_N3: Floats, target_N3: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Scaled rotation (3, 3) and shift (3,) from source onto target, least squares (Umeyama 1991).

    Raises ValueError if all source points coincide.
    """
    source_mean, target_mean = source_N3.mean(axis=0), np.asarray(target_N3).mean(axis=0)
    source, target = source_N3 - source_mean, target_N3 - target_mean
    variance = float((source**2).sum())
    if variance <= 1e-12:
        raise ValueError("similarity_3d needs at least two distinct source points")
    left, sizes, right = np.linalg.svd(target.T @ source)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    scaled = (left * signs) @ right * float((sizes * signs).sum()) / variance
    return scaled, target_mean - scaled @ source_mean


def _mean_shape(meshes: list[Mesh], onto_4683: Floats) -> Floats:
    """The median of meshes after each was laid onto one by a similarity."""
    laid = []
    for mesh in meshes:
        scaled, shift = similarity_3d(mesh.astype(np.float64), onto_4683)
        laid.append(mesh @ scaled.T + shift)
    return np.median(np.stack(laid), axis=0)


def warped_face(
    frame_HWC: RGB,
    mesh_4683: Mesh,
    aim_4683: Mesh,
    source_HWC: RGB,
    source_mesh_4683: Mesh,
    colour: ColourMatcher,
) -> RGB:
    """One frame, whose face has `mesh_4683`, with the source's face laid onto the mesh `aim`."""
    face = Face(Box.around(mesh_4683), 1.0, None, mesh_4683, 1.0)
    aligned = align(frame_HWC, face, _CROP_PX, _COVERAGE)
    # A point of the crop, of the same place in the face, and where the source shows that place.
    place_N2 = aligned.frame_to_crop.apply(aim_4683)
    find = LinearNDInterpolator(place_N2, source_mesh_4683[:, :2].astype(np.float64))
    columns, rows = np.meshgrid(np.arange(_CROP_PX), np.arange(_CROP_PX))
    map_HW2 = find(np.stack([columns, rows], axis=-1)).astype(np.float32)
    covered = np.isfinite(map_HW2).all(axis=2)
    map_HW2[~covered] = -1
    painted = cv2.remap(
        source_HWC, map_HW2[..., 0], map_HW2[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    alpha = np.asarray(covered).astype(np.float32)
    lit = _in_light_of(np.asarray(painted, np.uint8), aligned, alpha)
    placed = place(frame_HWC, aligned, Painted(lit, alpha), colour)
    if placed is None:
        return frame_HWC
    out = frame_HWC.copy()
    height, width = placed.mask_HW.shape
    out[placed.y_px : placed.y_px + height, placed.x_px : placed.x_px + width] = placed.rgb_HWC
    return out


def _in_light_of(painted_HWC: RGB, aligned: Aligned, covered_HW: Mask) -> RGB:
    """The painted face with the coarse shading of the one it replaces, as far as skin shows it."""
    weight = skin_region(aligned) * covered_HW
    sigma_px = _LIGHT_BLUR * _CROP_PX
    share = cv2.GaussianBlur(weight, (0, 0), sigma_px)[..., None] + 1e-3

    def coarse(picture: RGB) -> NDArray[np.float32]:
        weighed = (picture.astype(np.float32) + 1) * weight[..., None]
        return np.asarray((cv2.GaussianBlur(weighed, (0, 0), sigma_px) + 1e-1) / share)

    ratio = np.clip(coarse(aligned.crop_HWC) / coarse(painted_HWC), *_LIGHT_LIMITS)
    return np.clip(np.round(painted_HWC * ratio), 0, 255).astype(np.uint8)


def best_sequence(footage_TF: Floats, material_MF: Floats) -> NDArray[np.int64]:
    """For each frame of the footage a row of the material: the sequence with the least sum of
    squared misfits and hops (Viterbi 1967)."""
    misfit_TM = ((footage_TF[:, None] - material_MF[None]) ** 2).sum(axis=2)
    apart_MM = ((material_MF[:, None] - material_MF[None]) ** 2).sum(axis=2)
    hop_MM = _HOP_COST * np.sqrt(apart_MM)
    cost_M = misfit_TM[0]
    came_from = np.zeros(misfit_TM.shape, np.int64)
    for t in range(1, len(misfit_TM)):
        reached_MM = cost_M[:, None] + hop_MM
        came_from[t] = reached_MM.argmin(axis=0)
        cost_M = reached_MM.min(axis=0) + misfit_TM[t]
    path = np.empty(len(misfit_TM), np.int64)
    path[-1] = cost_M.argmin()
    for t in range(len(misfit_TM) - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return path


def _features(clip: ClipFaces, rows: list[int]) -> Floats:
    """Pose and expression of some frames, scaled so that a unit of each looks about as wrong."""
    meshes = np.stack([mesh for mesh in (clip.meshes[i] for i in rows) if mesh is not None])
    poses = [pose_of(mesh) for mesh in meshes]
    corners = meshes[:, _MOUTH_CORNERS[0], :2] - meshes[:, _MOUTH_CORNERS[1], :2]
    width = np.linalg.norm(corners, axis=1) / eye_span_px(meshes)
    # A roll is undone by the warp; yaw and pitch show other sides of the face.
    return np.column_stack(
        [
            np.array([[pose.yaw_deg, pose.pitch_deg] for pose in poses]) / _POSE_SCALE_DEG,
            mouth_opening(meshes) / _MOUTH_SCALE,
            _deviation(width) / _WIDTH_SCALE,
            _deviation(clip.eyes[rows].astype(np.float64)) / _EYE_SCALE,
            clip.gaze_T2_deg[rows] / _GAZE_SCALE_DEG,
        ]
    )


def _deviation(values: Floats) -> Floats:
    """From the person's own median: mouths and eyes differ in size between people."""
    return values - np.median(values)


def _thinned(clip: ClipFaces) -> ClipFaces:
    """At most `_MAX_MATERIAL` frames, evenly."""
    if len(clip.frames) <= _MAX_MATERIAL:
        return clip
    kept = np.linspace(0, len(clip.frames) - 1, _MAX_MATERIAL).astype(int)
    frames, meshes = [clip.frames[i] for i in kept], [clip.meshes[i] for i in kept]
    return ClipFaces(frames, meshes, clip.eyes[kept], clip.gaze_T2_deg[kept])
