"""From what a pixel shows to its light: albedo, diffuse light, reflection and label, a pixel each.

Skin takes a diffuse light that wraps round (more in red: the cheap half of subsurface scattering;
the blur that is the other half comes later), and two specular lobes; eyes are a limbus-rimmed iris
under a clear cornea.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from faceloom.synth.kernels.light import radiance, shadow
from faceloom.synth.kernels.noise import value_noise

SKIN, EYE, UPPER_TEETH, LOWER_TEETH, TONGUE, SOLID, FRAME, CLOTH = range(8)
"""Materials of triangles; cloth is skin below the collar."""
LABEL_BACKGROUND, LABEL_FACE, LABEL_EYE, LABEL_MOUTH = 0, 1, 3, 5
LABEL_SKIN, LABEL_CLOTH, LABEL_GLASSES, LABEL_OCCLUDER = 7, 8, 10, 11

_KINDS = 4
_SAME_DEPTH = 0.005
_MOST_WRAP = 0.30
"""The widest that a material lets light wrap round."""


@njit(inline="always")
def _ramp(low, high, value):
    t = min(1.0, max(0.0, (value - low) / (high - low)))
    return t * t * (3 - 2 * t)


@njit(cache=True, nogil=True)
def _look_up(chart, u, v, out):
    """Bilinear value of a map (H, W, C) at u, v in [0, 1]."""
    height, width, channels = chart.shape
    x, y = u * width - 0.5, v * height - 0.5
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - x0, y - y0
    left, right = min(max(x0, 0), width - 1), min(max(x0 + 1, 0), width - 1)
    top, bottom = min(max(y0, 0), height - 1), min(max(y0 + 1, 0), height - 1)
    for c in range(channels):
        upper = chart[top, left, c] * (1 - fx) + chart[top, right, c] * fx
        lower = chart[bottom, left, c] * (1 - fx) + chart[bottom, right, c] * fx
        out[c] = upper * (1 - fy) + lower * fy


@njit(cache=True, nogil=True)
def _eye_albedo(rest, eye, seed, out):
    """Sclera with veins, iris with fibres and limbus, pupil; `rest` is in the eyeball's frame."""
    length = np.sqrt(rest[0] ** 2 + rest[1] ** 2 + rest[2] ** 2) + 1e-9
    x, y, z = rest[0] / length, rest[1] / length, rest[2] / length
    off_axis = np.sqrt(x * x + y * y) if z > 0 else 2.0
    iris, pupil, redness = eye[6], eye[7], eye[8]
    angle = np.arctan2(y, x)
    cos_a, sin_a = np.cos(angle), np.sin(angle)
    coarse = value_noise(cos_a * 6 + 7, sin_a * 6, off_axis * 5, seed)
    fine = value_noise(cos_a * 19, sin_a * 19, off_axis * 8, seed + 9)
    veins = max(0.0, value_noise(x * 14, y * 14, z * 14, seed + 3))
    veins *= min(1.0, max(0.0, (off_axis - 0.55) * 2)) * (0.4 + redness)
    rim = max(0.0, off_axis - 0.6)
    out[0] = 0.69 * (1 - 0.05 * veins - 0.12 * rim)
    out[1] = 0.63 * (1 - 0.28 * veins - (0.25 + 0.3 * redness) * rim)
    out[2] = 0.60 * (1 - 0.28 * veins - (0.28 + 0.3 * redness) * rim)
    in_iris = 1 - _ramp(iris - 0.03, iris + 0.025, off_axis)
    if in_iris <= 0:
        return
    depth = off_axis / iris
    fibres = 0.85 + 0.30 * coarse + 0.22 * fine
    limbus = 1 - 0.75 * min(1.0, max(0.0, (depth - 0.74) / 0.26)) ** 1.6
    collarette = 1 - _ramp(pupil / iris, pupil / iris + 0.32, depth)
    dark = _ramp(pupil - 0.02, pupil + 0.02, off_axis)
    for c in range(3):
        colour = (eye[3 + c] * (1 - collarette) + eye[c] * collarette) * max(0.2, fibres) * limbus
        colour = colour * dark + 0.004 * (1 - dark)
        out[c] = out[c] * (1 - in_iris) + colour * in_iris


@njit(cache=True, nogil=True)
def _tooth_albedo(rest, teeth, upper, out):
    """Teeth side by side, narrower towards the back, with gums where they leave the jaw."""
    along = np.arctan2(rest[0], rest[2] - 0.95) * 6.3
    gap = abs(along - np.floor(along) - 0.5) * 2
    shade = 1 - 0.35 * _ramp(0.80, 1.0, gap)
    gum_line = 6.738 + 0.012 * (1 - gap) if upper else 6.542 - 0.012 * (1 - gap)
    gum = _ramp(0.0, 0.02, rest[1] - gum_line if upper else gum_line - rest[1])
    edge = _ramp(0.0, 0.05, 6.66 - rest[1] if upper else rest[1] - 6.60)
    back = 1 - 0.55 * min(1.0, abs(rest[0]) / 0.33) ** 2
    for c in range(3):
        colour = teeth[c] * shade * back * (1 - 0.06 * edge * c)
        pink = (0.40, 0.15, 0.14)[c]
        out[c] = colour * (1 - gum) + pink * back * gum


@njit(cache=True, nogil=True)
def _cloth_albedo(rest, cloth, out):
    """Two woven colours with a fine grain."""
    wave = 0.5 + 0.5 * np.sin(rest[1] * cloth[6] + rest[0] * cloth[7])
    second = 1.0 if wave > cloth[8] else 0.0
    grain = 0.90 + 0.12 * value_noise(rest[0] * 45, rest[1] * 45, rest[2] * 45, 2)
    for c in range(3):
        out[c] = (cloth[c] * (1 - second) + cloth[3 + c] * second) * grain


@njit(cache=True, nogil=True)
def normalise(v):
    """Make a vector's length 1, in place."""
    length = np.sqrt(v[0] ** 2 + v[1] ** 2 + v[2] ** 2) + 1e-9
    for c in range(3):
        v[c] /= length


@njit(inline="always")
def dot(a, b):
    """Of two vectors of three."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True, nogil=True)
def key_share(place, shadow_map, projection, bias, step):
    """How much of the key light reaches a place."""
    x = dot(projection[0], place) + projection[0, 3]
    y = dot(projection[1], place) + projection[1, 3]
    return shadow(shadow_map, x, y, dot(projection[2], place) + projection[2, 3], bias, step)


@njit(cache=True, nogil=True)
def _material(
    material, rest, uv, neck, skin, chart, eye, teeth, cloth, solid, seed, texel, out
):  # fmt: skip
    """Albedo (out[0:3]), specular strength (3), gloss (4), wraps (5:8), bump gradient (8:11);
    gives the
    material, in which skin below the collar has become cloth. `texel` (8,) is working space."""
    out[8] = out[9] = out[10] = 0.0
    out[5] = out[6] = out[7] = 0.0
    if material == SKIN and neck < 0 and rest[1] < 6.6:
        _cloth_albedo(rest, cloth, out)
        if neck > -0.045:  # The hem.
            for c in range(3):
                out[c] *= 0.75
        out[3], out[4] = 0.0, 1.0
        return CLOTH
    if material == SKIN:
        if uv[0] >= 0:
            _look_up(chart, uv[0], uv[1], texel)
            out[0], out[1], out[2], out[3] = texel[0], texel[1], texel[2], texel[3]
            out[8], out[9], out[10] = texel[4], texel[5], texel[6]
        else:
            out[0], out[1], out[2], out[3] = skin[0], skin[1], skin[2], 0.3
        out[4] = 20.0
        out[5], out[6], out[7] = 0.22, 0.10, 0.07
    elif material == EYE:
        _eye_albedo(rest, eye, seed, out)
        out[3], out[4] = 1.0, 600.0
        out[5], out[6], out[7] = 0.10, 0.06, 0.06
    elif material in (UPPER_TEETH, LOWER_TEETH):
        _tooth_albedo(rest, teeth, material == UPPER_TEETH, out)
        out[3], out[4] = 0.7, 90.0
        out[5], out[6], out[7] = 0.30, 0.22, 0.20
    elif material == TONGUE:
        grain = 1 + 0.12 * value_noise(rest[0] * 60, rest[1] * 60, rest[2] * 60, 11)
        out[0], out[1], out[2] = 0.36 * grain, 0.13 * grain, 0.12 * grain
        out[3], out[4] = 0.35, 30.0
        out[5] = 0.20
    else:
        out[0], out[1], out[2] = solid[0], solid[1], solid[2]
        out[3], out[4] = solid[3], 10 + 200 * solid[3]
        if material == SOLID:
            out[5], out[6], out[7] = 0.15, 0.07, 0.05
    return material


@njit(cache=True, nogil=True)
def _label(material, face):
    if material == SKIN:
        return LABEL_FACE if face > 0.3 else LABEL_SKIN
    if material == EYE:
        return LABEL_EYE
    if material in (UPPER_TEETH, LOWER_TEETH, TONGUE):
        return LABEL_MOUTH
    if material == CLOTH:
        return LABEL_CLOTH
    return LABEL_GLASSES if material == FRAME else LABEL_OCCLUDER


@njit(inline="always")
def _copy(albedo, diffuse, specular, labels, from_y, from_x, y, x):
    for c in range(3):
        albedo[y, x, c] = albedo[from_y, from_x, c]
        diffuse[y, x, c] = diffuse[from_y, from_x, c]
        specular[y, x, c] = specular[from_y, from_x, c]
    labels[y, x] = labels[from_y, from_x]


@njit(cache=True, parallel=True, nogil=True)
def shade_triangles(
    index, weights, nearness, factor, triangles, materials, kinds, solids, points, normals, rest,
    uv, neck, face, sky, open_, rotation, viewer, chart, skin, eye, teeth, cloth, oil, seed,
    shadow_map, projection, shadow_step, key_direction, key_colour, tones, lamp_directions,
    lamp_colours, lamp_sharpness, albedo, diffuse, specular, labels,
):  # fmt: skip
    """Fill the outputs (H, W, ...) where a triangle is seen.

    `chart` (H, W, 8) holds albedo, specular strength, the bump's gradient and one channel spare.
    Samples come in blocks of `factor` squared, one a pixel; of those of a block that show the same
    of the `kinds` (T,) of even surface (0 is none) about equally far, one is shaded and stands for
    all.
    """
    block_rows, block_columns = index.shape[0] // factor, index.shape[1] // factor
    half_rows = (block_rows + 1) // 2
    order = np.arange(factor * factor)
    order[0], order[factor // 2 * (factor + 1)] = order[factor // 2 * (factor + 1)], 0
    down, across = order // factor, order % factor  # A block's middle, then the others.
    for turn in prange(block_rows):
        # Each of two threads gets every other row.
        block_row = 2 * turn if turn < half_rows else 2 * (turn - half_rows) + 1
        out, light, mirror = np.zeros(12), np.zeros(3), np.zeros(3)
        place, normal, rest_place = np.zeros(3), np.zeros(3), np.zeros(3)
        view, half, at, texel = np.zeros(3), np.zeros(3), np.zeros(2), np.zeros(8)
        stands_y, stands_x = np.zeros(_KINDS, np.int64), np.zeros(_KINDS, np.int64)
        for block in range(block_columns):
            top, left = block_row * factor, block * factor
            stands_y[:] = -1
            for sample in range(factor * factor):
                y, x = top + down[sample], left + across[sample]
                t = index[y, x]
                if t < 0 or t >= triangles.shape[0]:
                    continue
                kind = kinds[t]
                if kind > 0:
                    other_y, other_x = stands_y[kind], stands_x[kind]
                    if other_y < 0:
                        stands_y[kind], stands_x[kind] = y, x
                    elif abs(nearness[other_y, other_x] / nearness[y, x] - 1) < _SAME_DEPTH:
                        _copy(albedo, diffuse, specular, labels, other_y, other_x, y, x)
                        continue
                i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                w1, w2 = weights[y, x, 0], weights[y, x, 1]
                w0 = 1 - w1 - w2
                for c in range(3):
                    place[c] = w0 * points[i, c] + w1 * points[j, c] + w2 * points[k, c]
                    normal[c] = w0 * normals[i, c] + w1 * normals[j, c] + w2 * normals[k, c]
                    rest_place[c] = w0 * rest[i, c] + w1 * rest[j, c] + w2 * rest[k, c]
                for c in range(2):
                    at[c] = w0 * uv[i, c] + w1 * uv[j, c] + w2 * uv[k, c]
                    if uv[i, c] < 0:
                        at[0] = -1.0
                openness = w0 * open_[i] + w1 * open_[j] + w2 * open_[k]
                material = _material(
                    materials[t], rest_place, at, w0 * neck[i] + w1 * neck[j] + w2 * neck[k], skin,
                    chart, eye, teeth, cloth, solids[t], seed, texel, out,
                )  # fmt: skip
                labels[y, x] = _label(material, w0 * face[i] + w1 * face[j] + w2 * face[k])
                for c in range(3):  # The bump's gradient, turned with the head.
                    normal[c] -= (
                        rotation[c, 0] * out[8] + rotation[c, 1] * out[9] + rotation[c, 2] * out[10]
                    )
                    view[c] = viewer[c] - place[c]
                normalise(normal)
                normalise(view)
                facing = dot(normal, view)
                if facing < 0 and material >= SOLID:
                    for c in range(3):
                        normal[c] = -normal[c]
                    facing = -facing
                to_key = dot(normal, key_direction)
                lit = 0.0
                if to_key > -_MOST_WRAP:  # Further round, no key light comes.
                    bias = 0.025 + 0.02 * (1 - max(0.0, to_key))
                    lit = key_share(place, shadow_map, projection, bias, shadow_step)
                    lit *= min(1.0, 0.25 + 1.1 * openness)
                if UPPER_TEETH <= material <= TONGUE:
                    lit = max(lit, 0.2)
                for c in range(3):
                    wrap = out[5 + c]
                    key = max(0.0, (to_key + wrap) / (1 + wrap)) * lit
                    ambient = w0 * sky[i, c] + w1 * sky[j, c] + w2 * sky[k, c]
                    albedo[y, x, c] = out[c]
                    diffuse[y, x, c] = key * key_colour[c] + ambient
                if out[3] <= 0:
                    specular[y, x, 0] = specular[y, x, 1] = specular[y, x, 2] = 0.0
                    continue
                occlusion = min(1.0, 1.3 * openness) ** 2
                fresnel = 0.03 + 0.97 * (1 - max(facing, 0.02)) ** 5 * (
                    0.40 if material == SKIN else 0.6
                )
                for c in range(3):
                    mirror[c] = 2 * facing * normal[c] - view[c]
                    half[c] = view[c] + key_direction[c]
                rough = 0.16 if material == SKIN else 0.002 if material == EYE else 0.05
                radiance(mirror, tones, lamp_directions, lamp_colours, lamp_sharpness, rough, light)
                normalise(half)
                highlight = max(0.0, dot(normal, half))
                schlick = 0.03 + 0.97 * (1 - max(0.0, dot(view, half))) ** 5
                gloss, strength = out[4], out[3]
                lobe = (gloss + 2) / 8 * highlight**gloss
                if material == SKIN:
                    lobe = 0.82 * lobe + 0.18 * (90 + 2) / 8 * highlight**90
                    strength *= oil
                elif material == EYE:
                    lobe = min(lobe, 40.0)
                lobe = lobe * schlick * lit * to_key if to_key > 0 else 0.0
                for c in range(3):
                    specular[y, x, c] = strength * (
                        fresnel * light[c] * occlusion + lobe * key_colour[c]
                    )
