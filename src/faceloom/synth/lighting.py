"""Light on a posed person: the key's shadow map, and how much of the sky each point sees.

Convention: the environment is sampled in directions spread evenly over the sphere (Fibonacci);
ambient light is irradiance over pi, so that albedo times it is what a matt surface sends out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from faceloom.synth.kernels.light import radiances, sky_visibility
from faceloom.synth.kernels.raster import Target, draw_depth_map, draw_strands
from faceloom.synth.scene import Floats, Floats32, Indices, Light

CENTRE = np.array([0.0, 7.2, 0.4])
_SHADOW_PX, _SHADOW_HALF_DM = 512, 2.3
_SKY_PX, _SKY_HALF_DM, _SKY_BIAS_DM = 112, 2.0, 0.06
_SKY_DIRECTIONS = 24
_NEAR_OFFSET = 20.0
"""Added to nearness, so that it is positive."""


@dataclass(frozen=True, eq=False)
class Environment:
    """A rig's arrays, as the kernels take them."""

    key_direction: Floats
    key_colour: Floats
    tones_33: Floats
    lamp_directions_L3: Floats
    lamp_colours_L3: Floats
    lamp_sharpness_L: Floats

    @classmethod
    def of(cls, light: Light) -> Environment:
        direction = np.asarray(light.key_direction, np.float64)
        lamps = light.lamps
        return cls(
            direction / np.linalg.norm(direction),
            np.asarray(light.key_colour, np.float64),
            np.array([light.sky, light.horizon, light.ground], np.float64),
            np.array([lamp.direction for lamp in lamps], np.float64).reshape(-1, 3),
            np.array([lamp.colour for lamp in lamps], np.float64).reshape(-1, 3),
            np.array([lamp.sharpness for lamp in lamps], np.float64),
        )

    def towards(self, directions_N3: Floats, rough: float) -> Floats:
        """Radiance (N, 3) from directions, blurred by a lobe of variance `rough`."""
        return radiances(
            directions_N3, self.tones_33, self.lamp_directions_L3, self.lamp_colours_L3,
            self.lamp_sharpness_L, rough,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class ShadowMap:
    """Nearness to the key light, and the projection (3, 4) that finds a place in it."""

    depth_HW: Floats32
    projection_34: Floats
    step: float
    """Texels between the samples that soften its edges."""


def sphere_directions(count: int) -> Floats:
    """Evenly spread unit vectors (count, 3)."""
    place = np.arange(count) + 0.5
    height = 1 - 2 * place / count
    around = place * np.pi * (1 + 5**0.5)
    radius = np.sqrt(1 - height * height)
    return np.stack([radius * np.cos(around), height, radius * np.sin(around)], axis=1)


def projection_along(direction: Floats, size_px: int, half_dm: float) -> Floats:
    """(3, 4): to the pixels of a square map that looks along -direction, and nearness to it."""
    aside = np.array([1.0, 0.0, 0.0]) if abs(direction[1]) > 0.95 else np.array([0.0, 1.0, 0.0])
    right = np.cross(aside, direction)
    right /= np.linalg.norm(right)
    up = np.cross(direction, right)
    scale = size_px / (2 * half_dm)
    rows = np.stack([right * scale, up * scale, direction])
    offset = np.array([size_px / 2, size_px / 2, _NEAR_OFFSET]) - rows @ CENTRE
    return np.column_stack([rows, offset])


@cache
def _sky() -> tuple[Floats, Floats]:
    directions = sphere_directions(_SKY_DIRECTIONS)
    return directions, np.stack([projection_along(d, _SKY_PX, _SKY_HALF_DM) for d in directions])


def shadow_map(
    environment: Environment, softness: float, points_N3: Floats, triangles_T3: Indices,
    one_sided: int, hair_NK3: Floats | None, hair_dm: float,
) -> ShadowMap:  # fmt: skip
    """Draw what stands in the key's way; every other strand, twice as wide. The first `one_sided`
    triangles are a closed surface but for its lower end."""
    projection = projection_along(environment.key_direction, _SHADOW_PX, _SHADOW_HALF_DM)
    target = Target.blank(_SHADOW_PX, _SHADOW_PX)
    closed = one_sided if environment.key_direction[1] > 0 else 0
    draw_depth_map(_flat(points_N3, projection), triangles_T3, closed, target.nearness_HW)
    if hair_NK3 is not None:
        some = hair_NK3[::2, ::2]
        width_px = 2 * hair_dm * _SHADOW_PX / (2 * _SHADOW_HALF_DM)
        widths = np.full(len(some), width_px, np.float32)
        draw_strands(_flat(some, projection), widths, target, first=0)
    return ShadowMap(target.nearness_HW, projection, 0.6 + 3.0 * softness)


def sky_light(
    environment: Environment, points_N3: Floats, normals_N3: Floats, wanted_W: NDArray[np.intp],
    triangles_T3: Indices, one_sided: int, tufts_M3: Floats,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Ambient light (N, 3) and openness (N,), the cosine-weighted share of the sky seen, of the
    points `wanted_W`; `triangles_T3` stand in the way, see `shadow_map` of `one_sided`."""
    directions, projections = _sky()
    seen_DN, facing_DN = sky_visibility(
        points_N3, normals_N3, wanted_W, triangles_T3, one_sided, tufts_M3, projections, directions,
        _SKY_PX, _SKY_BIAS_DM,
    )  # fmt: skip
    colours_D3 = environment.towards(directions, 0.15)
    light_N3 = np.einsum("dn,dc->nc", seen_DN, colours_D3.astype(np.float32), dtype=np.float64)
    openness = seen_DN.sum(axis=0) / (facing_DN.sum(axis=0) + 1e-6)
    return light_N3 * (4.0 / len(directions)), openness.astype(np.float64)


def _flat(points: Floats, projection_34: Floats) -> Floats32:
    return (points @ projection_34[:, :3].T + projection_34[:, 3]).astype(np.float32)
