"""The skin of a person on the head's chart: colour, gloss and fine relief.

Colour starts from the tone that melanin gives and is absorbed by maps of blood and pigment (after
Donner & Jensen 2006: what makes a face look alive is how unevenly they lie). Legend: X texels of
the chart; positions are rest positions, so that two persons' maps match place by place.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from faceloom.synth.anatomy import beard_field, brow_field, bump, over_hairline, smoothstep
from faceloom.synth.assets import Chart
from faceloom.synth.kernels.noise import fbm
from faceloom.synth.scene import Floats, Floats32, Vector
from faceloom.synth.traits import Traits

_MELANIN = (0.0, 0.15, 0.33, 0.52, 0.74, 1.0)
_TONES = (
    (0.62, 0.41, 0.31), (0.55, 0.335, 0.24), (0.42, 0.245, 0.165), (0.29, 0.155, 0.098),
    (0.165, 0.085, 0.053), (0.075, 0.038, 0.026),
)  # fmt: skip
_BLOOD = np.array([0.12, 0.75, 0.62])
"""What blood takes of red, green and blue."""
_PIGMENT = np.array([0.55, 0.85, 1.10])
_STUBBLE = np.array([0.42, 0.36, 0.30])
_MOUTH_INSIDE = (0.20, 0.055, 0.05)
_STEP_DM = 0.006


@dataclass(frozen=True, eq=False)
class SkinLayers:
    """What a swap mixes: everything a texel, before it is written onto the chart."""

    albedo_X3: Floats
    """Without the painted scalp."""
    specular_X: Floats
    relief_X3: Floats
    """Gradient of the height along the surface."""
    scalp_X: Floats
    """Share of the scalp's hair colour."""
    scalp_colour: Vector


def skin_tone(traits: Traits) -> Floats:
    """The even tone under all maps, linear RGB."""
    tones = np.log(_TONES)
    tone = np.exp([np.interp(traits.skin.melanin, _MELANIN, tones[:, c]) for c in range(3)])
    return np.asarray(tone * np.exp(-0.25 * traits.skin.blood * _BLOOD))


def make_skin(chart: Chart, traits: Traits) -> SkinLayers:
    """All layers of a person's skin."""
    maps = _Maps(chart, traits)
    albedo = _tone_and_maps(maps)
    albedo = _with_stubble(maps, albedo)
    albedo = _with_lips(maps, albedo)
    inside = smoothstep(0.3, 0.8, chart.masks_X["inside-mouth"])[:, None]
    albedo = albedo * (1 - inside) + inside * np.array(_MOUTH_INSIDE)
    hairline = over_hairline(chart.rest_X3, traits) - 0.25 * chart.masks_X["ears"]
    cover = 0.25 if traits.hair.style == "bald" else 0.78 if traits.hair.style == "buzz" else 0.96
    ears = 1 - smoothstep(0.1, 0.5, chart.masks_X["ears"])
    scalp = cover * smoothstep(-0.03, 0.07, hairline + 0.02 * maps.fine) * ears
    x, y = maps.x, maps.y
    specular = 0.42 + 0.16 * bump(x, 0, 0.14) * bump(y, 7.0, 0.3) * maps.front
    specular += 0.12 * bump(x, 0, 0.35) * bump(y, 7.75, 0.2) * maps.front
    specular += 0.30 * maps.lips - 0.10 * maps.middle
    specular *= (1 - 0.95 * scalp) * (1 - 0.5 * inside[:, 0]) * (1 + 0.25 * maps.fine)
    colour = np.array(traits.hair.colour) * 0.35 * (1 - traits.hair.grey) + 0.13 * traits.hair.grey
    red, green, blue = (float(c) for c in colour)
    return SkinLayers(
        np.clip(albedo, 0.002, 0.95),
        np.clip(specular, 0, 2),
        _relief(maps),
        np.asarray(scalp),
        (red, green, blue),
    )


def write_chart(chart: Chart, layers: SkinLayers) -> tuple[Floats32, Floats32]:
    """Albedo with specular strength, and relief, as the renderer reads them: (H, W, 4) each."""
    share = layers.scalp_X[:, None]
    colour = layers.albedo_X3 * (1 - share) + share * np.array(layers.scalp_colour)
    width, height = chart.size_px
    albedo, relief = (np.zeros((height, width, 4), np.float32) for _ in range(2))
    albedo[chart.rows_X, chart.columns_X] = np.column_stack([colour, layers.specular_X])
    relief[chart.rows_X, chart.columns_X, :3] = layers.relief_X3
    known = np.zeros((height, width), np.float32)
    known[chart.rows_X, chart.columns_X] = 1
    return _spread(albedo, known), _spread(relief, known)


def _spread(image_HWC: Floats32, known_HW: Floats32) -> Floats32:
    """Carry values two texels beyond the chart's edges, so that seams do not show."""
    kernel = np.ones((5, 5), np.float32)
    weight = cv2.filter2D(known_HW, -1, kernel)
    around = cv2.filter2D(image_HWC, -1, kernel)
    edge = (known_HW == 0) & (weight > 0)
    image_HWC[edge] = around[edge] / weight[edge][:, None]
    return image_HWC


class _Maps:
    """Fields that several layers share."""

    def __init__(self, chart: Chart, traits: Traits) -> None:
        self.chart, self.traits = chart, traits
        self.seed = traits.seed * 101
        self.rest = chart.rest_X3
        self.x, self.y, self.z = np.abs(self.rest[:, 0]), self.rest[:, 1], self.rest[:, 2]
        self.front = smoothstep(0.7, 1.1, self.z)
        self.coarse = fbm(self.rest, 2.2, 3, self.seed)
        self.middle = fbm(self.rest, 9.0, 3, self.seed + 20, 0.55)
        self.fine = fbm(self.rest, 34.0, 3, self.seed + 40, 0.6)
        lips = np.clip(chart.masks_X["lips"], 0, 1)
        self.lips = smoothstep(0.25, 0.8, lips + 0.10 * self.middle * (lips > 0.05))
        self.rng = np.random.default_rng([traits.seed, 0x5C])

    def spot(self, x: float, y: float, wide: float, high: float) -> Floats:
        """A soft patch on both halves of the face."""
        return bump(self.x, x, wide) * bump(self.y, y, high) * self.front

    def strength(self, mean: float, spread: float) -> float:
        """A person's own strength of a patch."""
        return float(mean * np.exp(self.rng.normal(0, spread)))


def _tone_and_maps(maps: _Maps) -> Floats:
    skin, masks = maps.traits.skin, maps.chart.masks_X
    blood = maps.strength(0.20, 0.4) * maps.spot(0.42, 6.95, 0.22, 0.17)
    blood += maps.strength(0.20, 0.4) * maps.spot(0.0, 6.97, 0.11, 0.09)
    blood += maps.strength(0.08, 0.4) * maps.spot(0.0, 6.35, 0.15, 0.1)
    blood += 0.25 * masks["ears"] + 0.10 * masks["eyelids"]
    blood += maps.strength(0.10, 0.4) * maps.spot(0.14, 6.92, 0.06, 0.06)
    blood += skin.blotches * (0.06 * maps.coarse + 0.05 * maps.middle)
    pigment = 0.38 * skin.under_eyes * maps.spot(0.29, 7.13, 0.14, 0.055)
    pigment += maps.strength(0.10, 0.5) * maps.spot(0.31, 7.36, 0.16, 0.05)
    pigment += 0.35 * maps.spot(0.075, 6.875, 0.035, 0.022)  # In the nostrils.
    pigment += skin.blotches * (0.06 * maps.coarse + 0.05 * maps.middle)
    pigment -= 0.05 * maps.spot(0.0, 7.75, 0.4, 0.25)
    if skin.freckles > 0:
        seeds = fbm(maps.rest, 30.0, 2, maps.seed + 80)
        dots = smoothstep(1.05, 1.5, 1.2 * seeds + 0.2 * maps.middle + 0.5)
        pigment += 0.4 * skin.freckles * dots * maps.spot(0.25, 7.08, 0.4, 0.3)
    if skin.age_spots > 0:
        spots = smoothstep(0.72, 1.15, fbm(maps.rest, 10.0, 3, maps.seed + 90) + 0.1)
        pigment += 0.35 * skin.age_spots * spots * maps.front
    for _ in range(skin.moles):
        place = maps.rng.uniform((-0.6, 6.3), (0.6, 7.9))
        size = maps.rng.uniform(0.007, 0.014)
        away = (maps.rest[:, 0] - place[0]) ** 2 + (maps.y - place[1]) ** 2
        pigment += maps.rng.uniform(0.4, 1.1) * np.exp(-away / (2 * size**2)) * maps.front
    grain = 1 + 0.03 * maps.fine + 0.03 * maps.middle
    grain += 0.03 * skin.pores * fbm(maps.rest, 75.0, 2, maps.seed + 60, 0.6)
    # Where melanin is dense, blood shows less.
    seen = 1 - 0.55 * skin.melanin
    absorbed = (blood * seen)[:, None] * _BLOOD + pigment[:, None] * _PIGMENT
    return skin_tone(maps.traits) * grain[:, None] * np.exp(-absorbed)


def _with_stubble(maps: _Maps, albedo: Floats) -> Floats:
    traits = maps.traits
    beard = traits.beard
    grows = beard_field(maps.rest, "full") * (1 - maps.lips) if traits.sex == "male" else 0.0
    shadow = beard.stubble * 0.75 * grows * (1 + 0.4 * maps.fine)
    if beard.style != "none":
        under = beard_field(maps.rest, beard.style) * (1 - maps.lips)
        shadow = np.maximum(shadow, 0.9 * beard.density * under)
    albedo = (
        albedo * (1 - np.clip(shadow, 0, 1.2)[..., None] * _STUBBLE)
        if traits.sex == "male"
        else albedo
    )
    brows = brow_field(maps.rest[:, 0], maps.y, traits.brows).density * maps.front
    share = (0.40 * np.clip(brows * traits.brows.density, 0, 1) ** 1.5)[:, None]
    return np.asarray(albedo * (1 - share) + share * np.array(traits.hair.colour) * 1.3)


def _with_lips(maps: _Maps, albedo: Floats) -> Floats:
    skin = maps.traits.skin
    tone = skin_tone(maps.traits) * np.array([0.86, 0.60, 0.59]) * (1 - 0.18 * skin.lip_pigment)
    tone = tone * np.exp(-0.35 * skin.lip_blood * _BLOOD)
    creases = fbm(maps.rest * np.array([3, 0.5, 0.5], np.float32), 25.0, 2, maps.seed + 33)
    share = (0.82 * maps.lips)[:, None]
    return np.asarray(albedo * (1 - share) + share * tone * (1 + 0.06 * creases)[:, None])


def _relief(maps: _Maps) -> Floats:
    """The height's gradient by differences, its part along the normal taken off."""
    base = _height(maps, maps.rest)
    gradient = np.stack(
        [
            (_height(maps, maps.rest + _STEP_DM * np.eye(3, dtype=np.float32)[axis]) - base)
            / _STEP_DM
            for axis in range(3)
        ],
        axis=1,
    )
    normals = maps.chart.normals_X3
    return np.asarray(gradient - normals * (gradient * normals).sum(axis=1, keepdims=True))


def _height(maps: _Maps, points: Floats32) -> Floats:
    """Pores, creases of age on forehead and by the eyes, furrows of the lips; decimetres."""
    skin, seed = maps.traits.skin, maps.seed
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    height = 0.0016 * (0.5 + 0.8 * skin.pores) * fbm(points, 26.0, 3, seed + 40, 0.6)
    height = height.astype(np.float64)
    if skin.wrinkles > 0:
        slack = fbm(points * np.array([0.35, 1, 0.5], np.float32), 18.0, 3, seed + 44, 0.6)
        height += 0.0028 * skin.wrinkles * slack
        forehead = np.exp(-((x / 0.38) ** 4) - ((y - 7.76) / 0.17) ** 2) * smoothstep(1.0, 1.2, z)
        bent = y + 0.03 * fbm(points, 3.0, 2, seed + 55)
        height += 0.009 * skin.wrinkles * np.sin(bent * 2 * np.pi / 0.095) * forehead
        beside = np.exp(-(((x - 0.54) / 0.08) ** 2) - ((y - 7.26) / 0.12) ** 2)
        fan = y + 0.25 * (x - 0.5) * np.sign(y - 7.28) + 0.02 * fbm(points, 6.0, 2, seed + 56)
        crow = beside * smoothstep(0.8, 1.0, z)
        height += 0.005 * skin.wrinkles * np.sin(fan * 2 * np.pi / 0.05) * crow
    furrows = fbm(points * np.array([3, 0.4, 0.4], np.float32), 22.0, 2, seed + 34)
    return np.asarray(height + 0.004 * maps.lips * furrows)
