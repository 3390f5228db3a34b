"""What is known of a rendered frame, as a record that goes into a file.

Convention: pixels as everywhere in faceloom (the centre of the top-left pixel is (0, 0)), where
`scene.Camera.project` counts from its corner. Points in the camera's frame are decimetres, x to the
right, y up, z towards the viewer, so what is seen has negative z. Landmarks: the 68 of iBUG in
their order, and those points of the 468-point mesh that have a place on the head.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceloom.synth.assets import load_head
from faceloom.synth.scene import Camera, Floats, Floats32, Person, Rendered, Shot

_VISIBLE_WITHIN_DM = 0.05
"""A point counts as seen if nothing lies further in front of it than this: strands of a beard or
brow do not hide the skin they grow on."""
_TO_PIXEL_CENTRES = 0.5
_MESH_ASSET = "mesh468.npz"


@dataclass(frozen=True)
class Landmarks:
    """Points on the head, as plain lists: N of each."""

    xy_px: list[list[float]]
    camera_dm: list[list[float]]
    visible: list[int]
    """1 where nothing covers the point and it lies inside the picture."""


@dataclass(frozen=True)
class FrameTruth:
    """A frame's record; see the fields of `scene` for signs and units."""

    person: str
    size_px: int
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    shift_dm: list[float]
    rotation: list[list[float]]
    """Head to world, 3x3."""
    gaze_deg: list[float]
    expression: dict[str, float]
    landmarks_68: Landmarks
    mesh_468: Landmarks
    """Of the mesh points `mesh_468_ids`."""
    mesh_468_ids: list[int]
    eye_centres_px: list[list[float]]
    """The person's right and left eyeball."""
    face_box_px: list[int] | None
    """x0, y0, x1, y1 of the inner face, the last two excluded; None where it is not seen."""
    camera: dict[str, Any]
    light: dict[str, Any]
    solids: list[str]
    """What is in front of the person."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        return told | {
            name: asdict(points) for name, points in told.items() if isinstance(points, Landmarks)
        }


@dataclass(frozen=True, eq=False)
class MeshPlaces:
    """Where points of the 468-point mesh lie on the head: mixes of three base vertices each."""

    ids_M: NDArray[np.intp]
    vertices_M3: NDArray[np.intp]
    weights_M3: Floats

    def points(self, vertices_V3: Floats) -> Floats:
        """Places (M, 3) on a posed base mesh."""
        return np.asarray(np.einsum("mk,mkc->mc", self.weights_M3, vertices_V3[self.vertices_M3]))


@cache
def mesh_places() -> MeshPlaces:
    """The places that ship with the package (see `tools/fit_mesh_subset.py`)."""
    with (files(__package__) / "assets" / _MESH_ASSET).open("rb") as file:
        data = np.load(file, allow_pickle=False)
        return MeshPlaces(
            data["ids"].astype(np.intp),
            data["vertices"].astype(np.intp),
            data["weights"].astype(np.float64),
        )


def frame_truth(person: Person, shot: Shot, rendered: Rendered) -> FrameTruth:
    """Everything known of a frame."""
    state, camera = shot.state, shot.camera
    size_px = rendered.rgb_HWC.shape[0]
    places = mesh_places()
    eyes = camera.project(rendered.eye_centres_23, size_px)[:, :2] - _TO_PIXEL_CENTRES
    landmarks_683 = rendered.vertices_V3[load_head().landmarks_68]
    mesh_M3 = places.points(rendered.vertices_V3)
    light = asdict(shot.light)
    return FrameTruth(
        person=person.name,
        size_px=size_px,
        yaw_deg=round(state.pose.yaw_deg, 4),
        pitch_deg=round(state.pose.pitch_deg, 4),
        roll_deg=round(state.pose.roll_deg, 4),
        shift_dm=_rounded(np.asarray(state.pose.shift_dm), 5),
        rotation=_rounded(state.pose.rotation_33, 6),
        gaze_deg=_rounded(np.asarray(state.gaze_deg), 3),
        expression={unit: round(weight, 5) for unit, weight in state.expression.items()},
        landmarks_68=_seen(landmarks_683, camera, size_px, rendered.depth_HW),
        mesh_468=_seen(mesh_M3, camera, size_px, rendered.depth_HW),
        mesh_468_ids=places.ids_M.tolist(),
        eye_centres_px=_rounded(eyes, 3),
        face_box_px=_face_box(rendered),
        camera={
            "position_dm": list(camera.position_dm),
            "rotation": _rounded(camera.rotation_33, 6),
            "fov_deg": camera.fov_deg,
            "focal_px": round(camera.focal * size_px, 4),
        },
        light={name: light[name] for name in sorted(light)},
        solids=[solid.name for solid in shot.solids],
    )


def visible(points_N3: Floats, camera: Camera, depth_HW: Floats32) -> NDArray[np.bool_]:
    """Which world points lie in the picture with nothing in front; `depth_HW` as rendered."""
    side = depth_HW.shape[0]
    seen = camera.project(points_N3, side)
    depth_N = 1 / seen[:, 2]
    columns, rows = np.floor(seen[:, :2]).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < side) & (rows < side)
    nearest_N = np.full(len(points_N3), -np.inf)
    # The furthest of nine samples: a point at an outline may fall beside its own surface.
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            row, column = np.clip(rows + down, 0, side - 1), np.clip(columns + across, 0, side - 1)
            nearest_N = np.maximum(nearest_N, depth_HW[row, column])
    return np.asarray(inside & (depth_N <= nearest_N + _VISIBLE_WITHIN_DM))


def _seen(points_N3: Floats, camera: Camera, size_px: int, depth_HW: Floats32) -> Landmarks:
    xy = camera.project(points_N3, size_px)[:, :2] - _TO_PIXEL_CENTRES
    shown = visible(points_N3, camera, depth_HW)
    return Landmarks(
        _rounded(xy, 3), _rounded(camera.to_camera(points_N3), 4), shown.astype(int).tolist()
    )


def _face_box(rendered: Rendered) -> list[int] | None:
    rows, columns = np.nonzero(rendered.face_mask_HW > 0.5)
    if not len(rows):
        return None
    return [
        int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
    ]  # fmt: skip


def _rounded(values: Floats, digits: int) -> list[Any]:
    return np.round(values, digits).tolist()
