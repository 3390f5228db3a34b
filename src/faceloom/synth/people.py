"""From a seed to a person ready to be rendered; the same seed gives the same person."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from faceloom.synth.assets import BODY, Head, load_head, vertex_normals
from faceloom.synth.hair import make_hair
from faceloom.synth.kernels.light import sky_visibility
from faceloom.synth.lighting import projection_along, sphere_directions
from faceloom.synth.pose import eye_spheres, eyeball
from faceloom.synth.scene import Eyes, Floats, Floats32, Person
from faceloom.synth.shape import neutral_vertices
from faceloom.synth.skin import SkinLayers, make_skin, skin_tone, write_chart
from faceloom.synth.strands import make_attached
from faceloom.synth.traits import Traits, draw_traits

_OCCLUSION_DIRECTIONS, _OCCLUSION_PX, _OCCLUSION_HALF_DM = 96, 448, 1.3
_OPEN = 0.80
"""Openness of an even forehead, which counts as fully lit."""
_KEPT_PEOPLE = 6


@dataclass(frozen=True, eq=False)
class BuiltPerson(Person):
    """A person with what an exact swap mixes."""

    layers: SkinLayers | None = None
    drawn: Traits | None = None


@lru_cache(maxsize=_KEPT_PEOPLE)
def make_person(seed: int) -> BuiltPerson:
    """The person of a seed."""
    return make_person_from(draw_traits(seed))


def make_person_from(traits: Traits) -> BuiltPerson:
    """The person of given traits."""
    head = load_head()
    vertices_V3 = neutral_vertices(head, traits)
    layers = make_skin(head.chart, traits)
    albedo, relief = write_chart(head.chart, layers)
    tone = skin_tone(traits)
    return BuiltPerson(
        name=traits.name,
        vertices_V3=vertices_V3,
        albedo_HW4=albedo,
        bump_HW4=relief,
        neck_skin=(float(tone[0]), float(tone[1]), float(tone[2])),
        eyes=Eyes(
            traits.eyes.iris_inner, traits.eyes.iris, traits.eyes.iris_radius,
            traits.eyes.pupil_radius, traits.eyes.redness, traits.seed,
        ),
        teeth=traits.teeth,
        oil=traits.skin.oil,
        cloth=traits.cloth,
        attached=make_attached(head, traits),
        hair=make_hair(head, vertices_V3, traits),
        glasses=traits.glasses,
        occlusion_R=fine_occlusion(head, vertices_V3),
        traits=traits.record(),
        layers=layers,
        drawn=traits,
    )  # fmt: skip


def fine_occlusion(head: Head, vertices_V3: Floats) -> Floats32:
    """How open each render vertex, then each point of both eyes, lies at rest: 0 to 1. A finer
    measure than the renderer takes every frame."""
    rows = head.render_vertex_R
    ball = eyeball()
    points = [vertices_V3[rows]]
    normals = [vertex_normals(vertices_V3, head.solid_triangles)[rows]]
    triangles, count = [head.render_triangles_T3], len(rows)
    for centre, radius in eye_spheres(head, vertices_V3):
        points.append(centre + ball.directions_E3 * ball.radius_E[:, None] * radius * 0.985)
        normals.append(ball.directions_E3)
        triangles.append(ball.triangles_T3 + count)
        count += len(ball.directions_E3)
    directions = sphere_directions(_OCCLUSION_DIRECTIONS)
    maps = np.stack([projection_along(d, _OCCLUSION_PX, _OCCLUSION_HALF_DM) for d in directions])
    seen, facing = sky_visibility(
        np.concatenate(points), np.concatenate(normals), np.arange(count),
        np.concatenate(triangles).astype(np.int32), 0, np.zeros((0, 3)), maps, directions,
        _OCCLUSION_PX, 0.02,
    )  # fmt: skip
    openness = seen.sum(axis=0) / (facing.sum(axis=0) + 1e-6)
    rest_y = head.base_V3[rows, 1]
    skin = len(rows)
    openness[:skin][rest_y < 6.0] = 1.0  # The map's lower edge.
    in_mouth = np.unique(head.render_triangles_T3[head.render_part_T != BODY])
    openness[in_mouth] = 0.8
    inside = (head.masks_R["inside-mouth"] > 0.3) & (rest_y < 6.9)
    openness[:skin][inside] = np.maximum(openness[:skin][inside], 0.45)
    openness[skin:] = np.maximum(openness[skin:], 0.62)
    return np.clip(openness / _OPEN, 0.05, 1).astype(np.float32)
