"""Brows, lashes and beard: strands whose roots are places of the skin, so that they follow it.

Convention: rest coordinates, decimetres; a strand is K joints, each a mix of four vertices and a
lift along the skin's normal.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from faceloom.synth.anatomy import beard_field, brow_field, smoothstep
from faceloom.synth.assets import Head
from faceloom.synth.landmarks import lash_rows
from faceloom.synth.scene import AttachedStrands, Floats, Floats32, Label, Vector
from faceloom.synth.skin import skin_tone
from faceloom.synth.surface import Places, Surface, scatter
from faceloom.synth.traits import Traits

JOINTS = 4
_BROW_HAIRS, _BEARD_HAIRS = 900, 22000
_BROW_DM, _LASH_DM, _BEARD_DM = 0.0036, 0.0042, 0.0036
_COVER = {Label.BROW: 0.64, Label.BEARD: 0.48}
"""A hair is thinner than it can be drawn: this much of it is hair, the rest skin."""
_SHADED = 0.6
"""Skin among hairs lies in their shade."""
_LASHES = {6: (90, 1.0), 7: (40, 0.55), 8: (90, 1.0), 9: (40, 0.55)}
"""Hairs and length of each lash strip: upper and lower, left then right."""


def make_attached(head: Head, traits: Traits) -> AttachedStrands:
    """All strands that grow on the face."""
    rng = np.random.default_rng([traits.seed, 0xB0])
    groups = [_brows(head, traits, rng), *_lashes(head, traits, rng)]
    if traits.beard.style != "none":
        groups.append(_beard(head, traits, rng))
    return AttachedStrands(
        np.concatenate([group.vertices_NK4 for group in groups]),
        np.concatenate([group.weights_NK4 for group in groups]),
        np.concatenate([group.lift_NK_dm for group in groups]),
        np.concatenate([group.width_N_dm for group in groups]),
        np.concatenate([group.colour_N3 for group in groups]),
        np.concatenate([group.variation_N for group in groups]),
        np.concatenate([group.label_N for group in groups]),
    )


def hair_colours(traits: Traits, count: int, grey: float, rng: np.random.Generator) -> Floats32:
    """The hair's colour, each hair a little its own, about `grey` of the way to white."""
    colour = np.tile(np.array(traits.hair.colour), (count, 1))
    colour *= np.exp(rng.normal(0, 0.10, (count, 1)))
    # A strand stands for a lock of hairs, so it is never quite white among dark ones.
    white = np.clip(grey + 0.28 * np.sqrt(grey * (1 - grey)) * rng.normal(0, 1, (count, 1)), 0, 1)
    pale = np.array([0.30, 0.29, 0.27]) * np.exp(rng.normal(0, 0.10, (count, 1)))
    return (colour * (1 - white) + pale * white).astype(np.float32)


def _front_surface(head: Head) -> Surface:
    """The skin seen from the front, without the inside of the mouth."""
    corners = head.base_V3[head.body_triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inner = head.masks_V["inside-mouth"][head.body_triangles].max(axis=1)
    front = (normals[:, 2] > 0) & (corners[..., 2].min(axis=1) > 0.75) & (inner < 0.3)
    front &= (corners[..., 1].min(axis=1) > 6.0) & (corners[..., 1].max(axis=1) < 8.1)
    return Surface(head.base_V3, head.body_triangles[front])


def _brows(head: Head, traits: Traits, rng: np.random.Generator) -> AttachedStrands:
    """Fine hairs that rise at the nose, lie along the arch and fall at the tail."""
    wanted = int(_BROW_HAIRS * traits.brows.density)
    x, y = rng.uniform(0.08, 0.60, 6 * wanted), rng.uniform(7.34, 7.66, 6 * wanted)
    field = brow_field(x, y, traits.brows)
    chosen = np.nonzero(rng.random(len(x)) < field.density**1.4)[0][:wanted]
    x, y, along, across = x[chosen], y[chosen], field.along[chosen], field.across[chosen]
    count = len(x)
    side = np.where(rng.random(count) < 0.5, 1.0, -1.0)
    lean = np.interp(along, (0, 0.2, 0.55, 1), (1.35, 0.72, 0.20, -0.38))
    lean = lean - 0.35 * across * smooth(along) + rng.normal(0, 0.16, count)
    length = rng.uniform(0.032, 0.058, count) * (1 - 0.35 * along)
    share = np.linspace(0, 1, JOINTS)[None]
    reach = length[:, None] * share
    xs = side[:, None] * (x[:, None] + reach * np.cos(lean)[:, None])
    ys = y[:, None] + reach * np.sin(lean)[:, None] - 0.010 * share**2
    places = _front_surface(head).from_front(np.stack([xs, ys], -1).reshape(-1, 2))
    lift = np.tile([0.0, 0.0025, 0.003, 0.002], (count, 1))
    colours = hair_colours(traits, count, 0.5 * traits.hair.grey, rng) * 1.15
    colours = _over_skin(colours, traits, Label.BROW)
    return _group(places, count, lift, _BROW_DM, colours, Label.BROW, rng)


def smooth(along: Floats) -> Floats:
    """0 at the nose, 1 from the brow's middle on: there hairs bend towards its line."""
    return np.clip(along / 0.4, 0, 1)


def _lashes(head: Head, traits: Traits, rng: np.random.Generator) -> list[AttachedStrands]:
    """Curved hairs from the lid's edge to the tips of the mesh's lash strips, in small tufts."""
    groups = []
    for part, (count, longest) in _LASHES.items():
        root, tip = lash_rows(head, part)
        last = len(root) - 1
        at = np.clip(rng.uniform(0, last, count), 0, last - 1e-3)
        to = np.clip(at + rng.normal(0, 0.35, count), 0, last - 1e-3)
        low, low_to = at.astype(int), to.astype(int)
        share, share_to = at - low, to - low_to
        length = rng.uniform(0.6, 1.0, count) * longest * traits.eyes.lash_length
        vertices = np.empty((count, JOINTS, 4), np.int64)
        weights = np.empty((count, JOINTS, 4))
        for joint in range(JOINTS):
            out = joint / (JOINTS - 1) * length
            vertices[:, joint] = np.stack(
                [root[low], root[low + 1], tip[low_to], tip[low_to + 1]], 1
            )
            weights[:, joint] = np.stack(
                [(1 - out) * (1 - share), (1 - out) * share, out * (1 - share_to), out * share_to],
                1,
            )
        width = _LASH_DM * (0.6 + 0.4 * traits.eyes.lash_length) * (1 if longest == 1 else 0.6)
        colour: Vector = (0.010, 0.008, 0.007)
        groups.append(
            AttachedStrands(
                vertices,
                weights,
                np.zeros((count, JOINTS)),
                np.full(count, width, np.float32),
                np.tile(np.array(colour, np.float32), (count, 1)),
                rng.random(count).astype(np.float32),
                np.full(count, int(Label.LASH), np.uint8),
            )
        )
    return groups


def _beard(head: Head, traits: Traits, rng: np.random.Generator) -> AttachedStrands:
    """Short, dense, soft hairs that stand off the skin and fall a little."""
    beard = traits.beard
    triangles = head.body_triangles
    centres = head.base_V3[triangles].mean(axis=1).astype(np.float32)
    bare = np.maximum(head.masks_V["lips"], head.masks_V["inside-mouth"])[triangles].max(axis=1)
    density = beard_field(centres, beard.style) ** 1.4 * (bare < 0.25)
    count = int(_BEARD_HAIRS * beard.density * _REACH[beard.style])
    roots = scatter(head.base_V3, triangles, density, count, rng)
    length = beard.length_dm * rng.uniform(0.45, 1.0, count)
    # Towards the chin: the tip's place on the skin lies below the root's.
    places = roots.of(head.base_V3)
    # Over the lip hairs part in the middle and run outwards.
    aside = 0.5 * np.sign(places[:, 0]) * smoothstep(6.68, 6.76, places[:, 1])
    down = np.stack([aside, np.full(count, -0.55), np.zeros(count)], axis=1)
    tips = places + down * length[:, None] + rng.normal(0, 0.012, (count, 3))
    tip_places = Surface(head.base_V3, triangles).nearest(tips)
    vertices = np.zeros((count, JOINTS, 4), np.int64)
    weights = np.zeros((count, JOINTS, 4))
    lift = np.zeros((count, JOINTS))
    for joint in range(JOINTS):
        out = joint / (JOINTS - 1)
        vertices[:, joint, :3] = roots.vertices_N3 if out < 0.5 else tip_places.vertices_N3
        weights[:, joint, :3] = roots.weights_N3 if out < 0.5 else tip_places.weights_N3
        lift[:, joint] = 0.55 * length * np.sin(out * np.pi * 0.5)
    colours = hair_colours(traits, count, min(1.0, 1.2 * traits.hair.grey), rng) * 1.1
    colours = _over_skin(colours, traits, Label.BEARD)
    return AttachedStrands(
        vertices, weights, lift, np.full(count, _BEARD_DM, np.float32), colours.astype(np.float32),
        rng.random(count).astype(np.float32), np.full(count, int(Label.BEARD), np.uint8),
    )  # fmt: skip


_REACH = {"full": 1.0, "goatee": 0.24, "moustache": 0.060}
"""Share of a full beard's hairs."""


def _over_skin(colours_N3: Floats32, traits: Traits, label: Label) -> Floats32:
    """The colours of hairs that let some of the skin through which they are drawn on."""
    skin = skin_tone(traits) * _SHADED
    return np.asarray(colours_N3 * _COVER[label] + (1 - _COVER[label]) * skin, np.float32)


def over_skin_of(attached: AttachedStrands, traits: Traits, gain_3: Floats) -> AttachedStrands:
    """A person's strands on skin whose colour is `gain_3` times the person's own."""
    colours = attached.colour_N3.copy()
    for label, cover in _COVER.items():
        change = (1 - cover) * _SHADED * skin_tone(traits) * (gain_3 - 1)
        colours[attached.label_N == label] += change.astype(np.float32)
    return replace(attached, colour_N3=np.maximum(colours, 0))


def _group(
    places: Places, count: int, lift_NK: Floats, width_dm: float, colours_N3: Floats32,
    label: Label, rng: np.random.Generator,
) -> AttachedStrands:  # fmt: skip
    vertices, weights = np.zeros((count, JOINTS, 4), np.int64), np.zeros((count, JOINTS, 4))
    vertices[..., :3] = places.vertices_N3.reshape(count, JOINTS, 3)
    weights[..., :3] = places.weights_N3.reshape(count, JOINTS, 3)
    return AttachedStrands(
        vertices, weights, lift_NK, np.full(count, width_dm, np.float32),
        colours_N3.astype(np.float32), rng.random(count).astype(np.float32),
        np.full(count, int(label), np.uint8),
    )  # fmt: skip
