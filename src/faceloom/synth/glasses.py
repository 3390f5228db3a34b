"""Glasses: two rims with bridge and temples that follow the head, and what their lenses mirror.

Convention: built on the unposed face from its eyes, ears and nose, then turned with the head.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom.synth.assets import Head, load_head, vertex_normals
from faceloom.synth.lighting import Environment
from faceloom.synth.pose import Posed, eye_spheres
from faceloom.synth.scene import Floats, Floats32, Glasses, Indices, Person, Shot, Solid

_TUBE_SIDES = 6
_RIM_POINTS = 28
_CLEAR_DM = 0.16
"""From the eyeball's front to the lens."""
_SHAPES = {
    "round": (0.225, 0.215, 2.0),
    "square": (0.25, 0.185, 3.6),
    "half-rim": (0.245, 0.175, 3.0),
}
"""Half-width, half-height, and the exponent of the superellipse."""
_RIM_DM = {"round": 0.012, "square": 0.022, "half-rim": 0.014}
_TEMPLE_Z_DM = 0.35
_OVER_EARS_DM = ((7.25, 7.5), (0.3, 0.7))
"""Heights and depths on the head at rest between which the temples lie on its sides."""


def glasses_mesh(head: Head, person: Person, posed: Posed) -> list[Solid]:
    """The frame in world coordinates; none without glasses."""
    if person.glasses is None:
        return []
    paths, closed = _frame_paths(head, person, person.glasses)
    radius = _RIM_DM[person.glasses.kind]
    solids = []
    for path, is_closed in zip(paths, closed, strict=True):
        vertices, triangles = _tube(path, radius, is_closed)
        vertices = _with_head(vertices, person, posed)
        solids.append(Solid("glasses", vertices, triangles, person.glasses.colour, 0.55))
    return solids


def lens_glare(
    person: Person, posed: Posed, shot: Shot, size_px: int, nearness_HW: Floats32,
    supersampling: int,
) -> Floats32:  # fmt: skip
    """Light (S, S, 3) that the lenses add: the environment mirrored by Fresnel's share."""
    out = np.zeros((size_px, size_px, 3), np.float32)
    glasses = person.glasses
    if glasses is None:
        return out
    environment = Environment.of(shot.light)
    viewer = np.asarray(shot.camera.position_dm)
    for outline in _lens_outlines(load_head(), person, glasses):
        rim = _with_head(outline, person, posed)
        centre = rim.mean(axis=0)
        normal = np.linalg.svd(rim - centre)[2][2]
        normal *= np.sign(normal @ (viewer - centre))
        seen = shot.camera.project(rim, size_px)
        mask = np.zeros((size_px, size_px), np.float32)
        shape = np.round((seen[:, :2] - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(mask, [shape], 1.0, lineType=cv2.LINE_AA, shift=4)
        mask = np.clip(mask, 0, 1) * _unhidden(nearness_HW, float(seen[:, 2].min()), supersampling)
        rows, columns = np.nonzero(mask > 0)
        if len(rows) == 0:
            continue
        mirrored, fresnel = _mirrored(shot, normal, centre, rows, columns, size_px)
        light = environment.towards(mirrored, 0.004) * shot.light.exposure
        share = glasses.glare * (0.04 + 0.96 * (1 - fresnel) ** 5)
        out[rows, columns] += (mask[rows, columns, None] * share[:, None] * light).astype(
            np.float32
        )
    return out


def _unhidden(nearness_HW: Floats32, lens_nearness: float, supersampling: int) -> Floats32:
    """Coverage (S, S) of samples that lie behind the lens: no occluder in front of it."""
    behind = (nearness_HW < lens_nearness * 1.03).astype(np.float32)
    size = nearness_HW.shape[0] // supersampling
    return np.asarray(cv2.resize(behind, (size, size), interpolation=cv2.INTER_AREA), np.float32)


def _mirrored(
    shot: Shot,
    normal: Floats,
    centre: Floats,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    size_px: int,
) -> tuple[Floats, Floats]:
    """Directions (N, 3) in which the lens mirrors, slightly bulged, and cosines to the viewer."""
    camera = shot.camera
    scale = camera.focal * size_px
    rays = np.stack(
        [
            (columns + 0.5 - size_px / 2) / scale,
            (size_px / 2 - rows - 0.5) / scale,
            -np.ones(len(rows)),
        ],
        axis=1,
    ) @ camera.rotation_33  # fmt: skip
    distance = ((centre - np.asarray(camera.position_dm)) @ normal) / (rays @ normal)
    places = np.asarray(camera.position_dm) + rays * distance[:, None]
    bulged = normal + 0.35 * (places - centre)
    bulged /= np.linalg.norm(bulged, axis=1, keepdims=True)
    view = -rays / np.linalg.norm(rays, axis=1, keepdims=True)
    cosine = np.clip((view * bulged).sum(axis=1), 0, 1)
    return 2 * cosine[:, None] * bulged - view, cosine


def _with_head(points_N3: Floats, person: Person, posed: Posed) -> Floats:
    """Points of the unposed face, moved as the eyes' centres moved."""
    spheres = eye_spheres(load_head(), person.vertices_V3)
    centre = (spheres[0][0] + spheres[1][0]) / 2
    return (points_N3 - centre) @ posed.rotation_33.T + posed.eye_centres_23.mean(axis=0)


def _lens_outlines(head: Head, person: Person, glasses: Glasses) -> list[Floats]:
    """Closed outlines (28, 3) before each eye, left then right."""
    half_width, half_height, power = _SHAPES[glasses.kind]
    around = np.linspace(0, 2 * np.pi, _RIM_POINTS, endpoint=False)
    cos, sin = np.cos(around), np.sin(around)
    x = half_width * np.sign(cos) * np.abs(cos) ** (2 / power)
    y = half_height * np.sign(sin) * np.abs(sin) ** (2 / power)
    outlines = []
    spheres = eye_spheres(head, person.vertices_V3)
    front = max(centre[2] + radius for centre, radius in spheres) + _CLEAR_DM
    bridge = _bridge_z(head, person)
    for (centre, _), side in zip(spheres, (1, -1), strict=True):
        outline = np.stack(
            [
                centre[0] + 0.012 * side + x,
                centre[1] - 0.02 + y,
                np.full(len(x), max(front, bridge - 0.06)),
            ],
            axis=1,
        )  # fmt: skip
        outline[:, 2] -= 0.32 * (outline[:, 0] - centre[0]) ** 2 + 0.05 * (side * x + half_width)
        outlines.append(outline)
    return outlines


def _bridge_z(head: Head, person: Person) -> float:
    """How far the nose's bridge comes forward between the eyes."""
    return float(person.vertices_V3[head.landmarks_68[27], 2])


def _beside_x(head: Head, person: Person) -> float:
    """Half of the head's width where temples lie on it."""
    rest = head.base_V3[head.body_vertices]
    (low, high), (behind, before) = _OVER_EARS_DM
    taken = (rest[:, 1] > low) & (rest[:, 1] < high)
    taken &= (rest[:, 2] > behind) & (rest[:, 2] < before)
    taken &= head.masks_V["ears"][head.body_vertices] < 0.05
    return float(np.abs(person.vertices_V3[head.body_vertices[taken], 0]).max())


def _frame_paths(head: Head, person: Person, glasses: Glasses) -> tuple[list[Floats], list[bool]]:
    """Centre lines of the rims, the bridge and the temples."""
    left, right = _lens_outlines(head, person, glasses)
    paths, closed = [], []
    for outline in (left, right):
        if glasses.kind == "half-rim":
            paths.append(outline[: _RIM_POINTS // 2 + 1])
            closed.append(False)
        else:
            paths.append(outline)
            closed.append(True)
    inner_left, inner_right = left[np.argmin(left[:, 0])], right[np.argmax(right[:, 0])]
    arch = np.linspace(inner_left, inner_right, 7)
    rise = np.sin(np.linspace(0, np.pi, 7))
    arch[:, 1] += 0.035 + 0.02 * rise
    arch[:, 2] = np.maximum(arch[:, 2], _bridge_z(head, person) + 0.012) + 0.015 * rise
    paths.append(arch)
    closed.append(False)
    beside = _beside_x(head, person)
    for outline, side in ((left, 1), (right, -1)):
        hinge = outline[np.argmax(side * outline[:, 0])] + np.array([0, 0.07, 0.0])
        ear = np.array([side * beside, hinge[1] + 0.0, _TEMPLE_Z_DM])
        paths.append(np.linspace(hinge, ear, 8))
        closed.append(False)
    return paths, closed


def _tube(path_N3: Floats, radius: float, closed: bool) -> tuple[Floats, Indices]:
    """A tube along a polyline: vertices and triangles."""
    count = len(path_N3)
    ahead = np.roll(path_N3, -1, axis=0) - np.roll(path_N3, 1, axis=0)
    if not closed:
        ahead[0], ahead[-1] = path_N3[1] - path_N3[0], path_N3[-1] - path_N3[-2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-9
    aside = np.cross(ahead, [0.0, 0.13, 1.0])
    aside /= np.linalg.norm(aside, axis=1, keepdims=True) + 1e-9
    up = np.cross(ahead, aside)
    turn = np.linspace(0, 2 * np.pi, _TUBE_SIDES, endpoint=False)
    ring = np.cos(turn)[None, :, None] * aside[:, None] + np.sin(turn)[None, :, None] * up[:, None]
    vertices = (path_N3[:, None] + radius * ring).reshape(-1, 3)
    triangles = []
    for step in range(count if closed else count - 1):
        here, there = step * _TUBE_SIDES, (step + 1) % count * _TUBE_SIDES
        for k in range(_TUBE_SIDES):
            after = (k + 1) % _TUBE_SIDES
            triangles += [
                (here + k, there + k, there + after),
                (here + k, there + after, here + after),
            ]
    solid = np.array(triangles, np.int32)
    # Outwards, so that light falls on the right side.
    normals = vertex_normals(vertices, solid)
    if ((vertices - path_N3.repeat(_TUBE_SIDES, axis=0)) * normals).sum() < 0:
        solid = solid[:, ::-1].copy()
    return vertices, solid
