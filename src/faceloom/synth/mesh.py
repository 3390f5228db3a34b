"""Everything that is made of triangles, in one list: head, left eye, right eye, glasses, solids.

Legend: N points, T triangles. Head and eyes come first, and are the same of everybody but for the
places of their points.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from faceloom.synth.assets import BODY, Head, load_head, vertex_normals
from faceloom.synth.glasses import glasses_mesh
from faceloom.synth.kernels import shade
from faceloom.synth.kernels.raster import facing
from faceloom.synth.pose import Posed, eyeball
from faceloom.synth.scene import Floats, Floats32, Indices, Person, Solid

_MATERIAL_OF_PART = {0: shade.SKIN, 3: shade.UPPER_TEETH, 4: shade.LOWER_TEETH, 5: shade.TONGUE}
_HEM_DM = 0.045
_FACE_FROM = 0.3
"""Value of the face's mask from which on skin is labelled face (`kernels.shade`)."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """All triangles of a picture."""

    points_N3: Floats
    normals_N3: Floats
    rest_N3: Floats
    uv_N2: Floats32
    neck_N: Floats
    """Height over the collar."""
    face_N: Floats32
    triangles_T3: Indices
    materials_T: NDArray[np.int32]
    kinds_T: NDArray[np.uint8]
    """Kinds of even surface: face, other skin, a shirt of one colour; 0 is none of them."""
    solids_T4: Floats
    """Albedo and gloss, of solids and frames."""
    closed: int
    """How many triangles, from the first, are closed surfaces (but for the bust's lower end)."""
    blocking_T3: Indices
    """Triangles that stand in the sky's way: the body, then everything but eyes and teeth."""
    blocking_closed: int


@dataclass(frozen=True, eq=False)
class _Fixed:
    """What is the same of everybody."""

    rest_N3: Floats
    uv_N2: Floats32
    neck_N: Floats
    face_N: Floats32
    triangles_T3: Indices
    materials_T: NDArray[np.int32]
    body_T3: Indices
    mouth_N: NDArray[np.intp]
    """Points of teeth and tongue."""
    eyes_N: NDArray[np.intp]

    def kinds(self, plain_cloth: bool) -> NDArray[np.uint8]:
        skin = self.materials_T == shade.SKIN
        face = self.face_N[self.triangles_T3] > _FACE_FROM
        neck, low = self.neck_N[self.triangles_T3], self.rest_N3[self.triangles_T3][..., 1] < 6.6
        bare = skin & ((neck > 0) | ~low).all(axis=1)
        kinds = np.zeros(len(skin), np.uint8)
        kinds[bare & face.all(axis=1)] = 1
        kinds[bare & ~face.any(axis=1)] = 2
        if plain_cloth:
            kinds[skin & ((neck < -_HEM_DM) & low).all(axis=1)] = 3
        return kinds


@cache
def fixed_part() -> _Fixed:
    """Head and eyes."""
    head, ball = load_head(), eyeball()
    rows, spots = head.render_vertex_R, len(ball.directions_E3)
    count = len(rows)
    triangles = [head.render_triangles_T3] + [
        ball.triangles_T3 + count + eye * spots for eye in range(2)
    ]
    of_part = np.zeros(max(_MATERIAL_OF_PART) + 1, np.int32)
    for part, material in _MATERIAL_OF_PART.items():
        of_part[part] = material
    eyes = np.full(2 * len(ball.triangles_T3), shade.EYE, np.int32)
    body = head.render_part_T == BODY
    total = count + 2 * spots
    uv = np.full((total, 2), -1, np.float32)
    uv[:count] = head.uv_R2
    neck, face = np.ones(total), np.zeros(total, np.float32)
    neck[:count] = head.collar_V[rows]
    # The lips' inner side belongs to the face as much as their outer.
    face[:count] = np.maximum(head.masks_R["face"], head.masks_R["inside-mouth"])
    return _Fixed(
        np.concatenate([head.base_V3[rows], ball.directions_E3, ball.directions_E3]),
        uv,
        neck,
        face,
        np.concatenate(triangles).astype(np.int32),
        np.concatenate([of_part[head.render_part_T], eyes]),
        head.render_triangles_T3[body],
        np.unique(head.render_triangles_T3[~body]).astype(np.intp),
        np.arange(count, total),
    )


@cache
def _kinds(plain_cloth: bool) -> NDArray[np.uint8]:
    return fixed_part().kinds(plain_cloth)


def make_mesh(head: Head, person: Person, posed: Posed, solids: tuple[Solid, ...]) -> Mesh:
    """A person, with what they wear and what stands before them."""
    fixed, rows = fixed_part(), head.render_vertex_R
    points = [posed.vertices_V3[rows], *posed.eye_points_2E3]
    normals = [posed.normals_V3[rows], *posed.eye_normals_2E3]
    added = [(solid, shade.FRAME) for solid in glasses_mesh(head, person, posed)]
    added += [(solid, shade.SOLID) for solid in solids]
    triangles, materials, looks, rest = [], [], [np.zeros((len(fixed.triangles_T3), 4))], []
    count = len(fixed.rest_N3)
    for solid, material in added:
        points.append(solid.vertices_V3)
        normals.append(vertex_normals(solid.vertices_V3, solid.triangles_T3))
        rest.append(solid.vertices_V3)
        triangles.append(solid.triangles_T3 + count)
        materials.append(np.full(len(solid.triangles_T3), material, np.int32))
        looks.append(np.tile([*solid.albedo, solid.gloss], (len(solid.triangles_T3), 1)))
        count += len(solid.vertices_V3)
    more = count - len(fixed.rest_N3)
    added_T3 = np.concatenate([np.zeros((0, 3), np.int32), *triangles]).astype(np.int32)
    kinds = _kinds(person.cloth.share >= 1)
    return Mesh(
        np.concatenate(points),
        np.concatenate(normals),
        np.concatenate([fixed.rest_N3, *rest]),
        np.concatenate([fixed.uv_N2, np.full((more, 2), -1, np.float32)]),
        np.concatenate([fixed.neck_N, np.ones(more)]),
        np.concatenate([fixed.face_N, np.zeros(more, np.float32)]),
        np.concatenate([fixed.triangles_T3, added_T3]),
        np.concatenate([fixed.materials_T, *materials]),
        np.concatenate([kinds, np.zeros(len(added_T3), np.uint8)]),
        np.concatenate(looks),
        len(fixed.triangles_T3),
        np.concatenate([fixed.body_T3, added_T3]),
        len(fixed.body_T3),
    )


def facing_points(mesh: Mesh, seen_N3: Floats32) -> NDArray[np.bool_]:
    """Which points (N,) a camera can see a triangle of; `seen_N3` as projected for it, y down."""
    return np.asarray(facing(seen_N3, mesh.triangles_T3, mesh.closed))
