"""A person in a moment of a motion: the posed mesh, eyeballs and strands in world coordinates.

Legend: V base vertices, E points of an eyeball, N strands, K joints of a strand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from faceloom.synth.assets import TONGUE, TURN_PIVOT, Head, vertex_normals
from faceloom.synth.kernels.sway import carried, on_skin
from faceloom.synth.scene import FaceState, Floats, HeadPose, Indices, Person

_EYE_RINGS, _EYE_SPOKES = 26, 32
_CORNEA_RISE, _CORNEA_WIDTH_RAD = 0.05, 0.38
_EYE_FIT = 0.985
"""Rendered eyeball over the mesh's helper sphere: lids must not be pierced."""
_KAPPA_RAD = 0.037
"""Each eye's optical axis turns outwards from its line of sight; here, seen from the front."""
_CLOTH_DM = 0.05
_TONGUE_BACK = np.array([0.0, -0.05, -0.13])


@dataclass(frozen=True, eq=False)
class Posed:
    """World coordinates of everything that moves."""

    vertices_V3: Floats
    normals_V3: Floats
    rotation_33: Floats
    eye_points_2E3: Floats
    """Left, then right."""
    eye_normals_2E3: Floats
    eye_centres_23: Floats
    attached_NK3: Floats
    hair_NK3: Floats | None


@dataclass(frozen=True, eq=False)
class Eyeball:
    """A unit eyeball looking along +z, with the cornea's bulge; open at the back."""

    directions_E3: Floats
    radius_E: Floats
    triangles_T3: Indices


@cache
def eyeball() -> Eyeball:
    """The one shape of all eyes."""
    polar = np.linspace(0, 0.75 * np.pi, _EYE_RINGS)
    around = np.linspace(0, 2 * np.pi, _EYE_SPOKES, endpoint=False)
    directions = np.stack(
        [
            np.outer(np.sin(polar), np.cos(around)),
            np.outer(np.sin(polar), np.sin(around)),
            np.outer(np.cos(polar), np.ones(_EYE_SPOKES)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    radius = 1 + _CORNEA_RISE * np.exp(-((polar / _CORNEA_WIDTH_RAD) ** 2))
    ring, spoke = np.divmod(np.arange((_EYE_RINGS - 1) * _EYE_SPOKES), _EYE_SPOKES)
    here = ring * _EYE_SPOKES + spoke
    beside = ring * _EYE_SPOKES + (spoke + 1) % _EYE_SPOKES
    below, across = here + _EYE_SPOKES, beside + _EYE_SPOKES
    triangles = np.concatenate(
        [np.stack([here, below, across], 1), np.stack([here, across, beside], 1)]
    )
    return Eyeball(directions, np.repeat(radius, _EYE_SPOKES), triangles.astype(np.int32))


def eye_spheres(head: Head, vertices_V3: Floats) -> list[tuple[Floats, float]]:
    """Centre (3,) and radius of both eyeballs, left then right, of an unposed face."""
    found = []
    for rows in head.eye_vertices:
        low, high = vertices_V3[rows].min(axis=0), vertices_V3[rows].max(axis=0)
        found.append(((low + high) / 2, float((high - low)[:2].mean() / 2)))
    return found


def pose_person(head: Head, person: Person, state: FaceState) -> Posed:
    """Expression, then the head's turn, then what hangs on it."""
    expressed_V3 = _expressed(head, person.vertices_V3, state)
    vertices_V3 = turned(expressed_V3, state.pose, head.neck_turn_V)
    normals_V3 = vertex_normals(vertices_V3, head.solid_triangles)
    rotation_33 = state.pose.rotation_33
    ball = eyeball()
    points, normals, centres = [], [], []
    spheres = eye_spheres(head, person.vertices_V3)
    for (centre, radius), outwards in zip(spheres, (-1, 1), strict=True):
        gaze_33 = HeadPose(
            state.gaze_deg[0] + np.degrees(outwards * _KAPPA_RAD), state.gaze_deg[1]
        ).rotation_33
        sphere_E3 = (ball.directions_E3 * ball.radius_E[:, None]) @ gaze_33.T
        points.append(turned(centre + sphere_E3 * radius * _EYE_FIT, state.pose))
        normals.append(ball.directions_E3 @ gaze_33.T @ rotation_33.T)
        centres.append(turned(centre[None], state.pose)[0])
    attached = person.attached
    return Posed(
        vertices_V3,
        normals_V3,
        rotation_33,
        np.stack(points),
        np.stack(normals),
        np.stack(centres),
        np.asarray(
            on_skin(
                attached.vertices_NK4, attached.weights_NK4, attached.lift_NK_dm, vertices_V3,
                normals_V3,
            )
        ),
        _swayed(person, state),
    )  # fmt: skip


def turned(points_N3: Floats, pose: HeadPose, share_N: Floats | None = None) -> Floats:
    """Points (..., 3) turned with the head about its pivot, each by its share (1 by default)."""
    pivot = np.array(TURN_PIVOT)
    shift = np.asarray(pose.shift_dm)
    rotation_33 = pose.rotation_33
    if share_N is None:
        return (points_N3 - pivot) @ rotation_33.T + pivot + shift
    angle = np.arccos(np.clip((np.trace(rotation_33) - 1) / 2, -1, 1))
    axis = np.array(
        [
            rotation_33[2, 1] - rotation_33[1, 2],
            rotation_33[0, 2] - rotation_33[2, 0],
            rotation_33[1, 0] - rotation_33[0, 1],
        ]
    )
    length = np.linalg.norm(axis)
    axis = axis / length if length > 1e-9 else np.array([0.0, 1.0, 0.0])
    # Rodrigues' formula, an angle a point.
    angles = (angle * share_N)[:, None]
    arm = points_N3 - pivot
    swung = (
        arm * np.cos(angles)
        + np.cross(axis, arm) * np.sin(angles)
        + axis * (arm @ axis)[:, None] * (1 - np.cos(angles))
    )
    return pivot + swung + np.outer(share_N, shift)


def _expressed(head: Head, neutral_V3: Floats, state: FaceState) -> Floats:
    vertices_V3 = neutral_V3.copy()
    for unit, weight in state.expression.items():
        head.morph(vertices_V3, f"expr/{unit}", weight)
    tongue = np.unique(head.triangles_T3[head.part_T == TONGUE])
    vertices_V3[tongue] += _TONGUE_BACK * min(1.0, 2 * state.expression.get("jawOpen", 0.0))
    # The shirt lies over the skin.
    under = np.clip((0.02 - head.collar_V) / 0.12, 0, 1)
    under = under * under * (3 - 2 * under) * (head.base_V3[:, 1] < 6.6)
    normals_V3 = vertex_normals(vertices_V3, head.solid_triangles)
    return vertices_V3 + normals_V3 * (_CLOTH_DM * under)[:, None]


def _swayed(person: Person, state: FaceState) -> Floats | None:
    """Strands turn with the head; the further from the root, the more they keep hanging down."""
    hair = person.hair
    if hair is None:
        return None
    return np.asarray(
        carried(
            np.ascontiguousarray(hair.points_NK3), hair.sway_NK, state.pose.rotation_33,
            HeadPose(state.pose.yaw_deg).rotation_33, np.array(TURN_PIVOT),
            np.array(state.pose.shift_dm, np.float64),
        )
    )  # fmt: skip
