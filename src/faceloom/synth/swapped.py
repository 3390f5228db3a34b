"""The exact answer of a swap: one person's inner face on another's head.

Inside lie the shape, skin, brows, lashes, beard, eyes, lips and teeth of the face's person; head,
hair, neck, ears, clothes, glasses and the outline of jaw and cheeks stay the footage's. Between the
two runs a soft seam; outside it every value is the footage person's own, to the bit.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from faceloom.synth.anatomy import over_hairline, smoothstep
from faceloom.synth.assets import BODY, Head, load_head
from faceloom.synth.people import BuiltPerson, fine_occlusion
from faceloom.synth.scene import Floats, Floats32
from faceloom.synth.skin import SkinLayers, write_chart
from faceloom.synth.strands import over_skin_of
from faceloom.synth.traits import Traits

Tone = Literal["footage", "own"]
_OUTLINE = slice(0, 17)
"""Of iBUG's 68 points, the jaw from ear to ear."""
_HIGH_DM = 5.0
"""Beyond any hairline: there the outline is open."""
_RIM_DM = 0.32
"""From the outline to where the face's own shape holds in full."""
_FEATURES = slice(17, 68)
"""Of iBUG's 68 points, all but the outline."""


def swapped_person(face: BuiltPerson, footage: BuiltPerson, tone: Tone = "footage") -> BuiltPerson:
    """`face` on the head of `footage`, in the footage's skin tone or in the face's own."""
    head = load_head()
    assert footage.drawn is not None
    inner_V = _inner(head.base_V3.astype(np.float32), head.masks_V["face"], footage.drawn)
    inner_V[np.unique(head.triangles_T3[head.part_T != BODY])] = 1.0
    inner_V[_enclosed(head.base_V3)] = 1.0
    vertices_V3 = _mixed_shape(head, face, footage, inner_V)
    assert face.drawn is not None
    gain_3 = _tone_gain(head, face, footage) if tone == "footage" else np.ones(3)
    layers = _mixed_skin(head, face, footage, gain_3)
    albedo, relief = write_chart(head.chart, layers)
    occlusion = fine_occlusion(head, vertices_V3)
    outside = np.zeros(len(occlusion), bool)
    outside[: len(head.render_vertex_R)] = inner_V[head.render_vertex_R] == 0
    occlusion[outside] = footage.occlusion_R[outside]
    return replace(
        footage,
        name=f"{face.name} on {footage.name}",
        vertices_V3=vertices_V3,
        albedo_HW4=albedo,
        bump_HW4=relief,
        eyes=face.eyes,
        teeth=face.teeth,
        attached=over_skin_of(face.attached, face.drawn, gain_3),
        occlusion_R=occlusion,
        traits={"face": dict(face.traits), "footage": dict(footage.traits)},
        layers=layers,
        drawn=None,
    )


def _enclosed(rest_N3: Floats) -> NDArray[np.bool_]:
    """What lies behind the inner face: mouth, nostrils and the backs of lips and lids are not of
    the face mask, and would pierce another's face if they stayed behind."""
    x, y, z = np.abs(rest_N3[:, 0]), rest_N3[:, 1], rest_N3[:, 2]
    return np.asarray((x < 0.44) & (y > 6.42) & (y < 7.42) & (z > 0.55))


def _inner(points_N3: Floats32, face_N: Floats32, footage: Traits) -> Floats:
    """Share of the face's person, 0 to 1: the head's face mask, below the footage's hairline."""
    below = smoothstep(0.03, -0.16, over_hairline(points_N3, footage))
    return np.asarray(smoothstep(0.02, 0.9, face_N) * below)


def _mixed_shape(head: Head, face: BuiltPerson, footage: BuiltPerson, inner_V: Floats) -> Floats:
    """The face's shape, scaled and placed so that brows, eyes, nose and mouth lie as near to the
    footage's as they can, seen from the front, least squares: what a swap aligns faces by. In depth
    their means agree."""
    features = head.landmarks_68[_FEATURES]
    own, other = face.vertices_V3[features], footage.vertices_V3[features]
    own_centre, other_centre = own.mean(axis=0), other.mean(axis=0)
    own_F2, other_F2 = (own - own_centre)[:, :2], (other - other_centre)[:, :2]
    scale = (own_F2 * other_F2).sum() / (own_F2**2).sum()
    placed = (face.vertices_V3 - own_centre) * scale + other_centre
    share = (inner_V * _inwards(head, inner_V))[:, None]
    mixed = footage.vertices_V3 * (1 - share) + placed * share
    return np.where(share == 0, footage.vertices_V3, mixed)


def _inwards(head: Head, inner_V: Floats) -> Floats:
    """0 at the outline and beyond, which stay the footage's, 1 well within it.

    The outline is the edge of the inner face, and the jaw line from ear to ear: a swap paints on
    the head that is there, and makes no chin longer and no cheek wider.
    """
    outside = np.zeros(len(inner_V), bool)
    outside[head.body_vertices] = True
    outside &= inner_V < 0.05
    away_dm = np.asarray(cKDTree(head.base_V3[outside]).query(head.base_V3)[0])
    jaw_J3 = _jaw_line(head)
    away_dm = np.minimum(away_dm, cKDTree(jaw_J3).query(head.base_V3)[0])
    return smoothstep(0.0, _RIM_DM, np.where(_above(head.base_V3, jaw_J3), away_dm, 0.0))


def _jaw_line(head: Head) -> Floats:
    """The jaw from ear to ear through iBUG's outline points, (J, 3), a point every half millimetre
    or so."""
    corners_3 = head.base_V3[head.landmarks_68[_OUTLINE]]
    steps = np.linspace(0, 1, 24, endpoint=False)[:, None]
    pieces = [a + steps * (b - a) for a, b in pairwise(corners_3)]
    return np.concatenate([*pieces, corners_3[-1:]])


def _above(points_N3: Floats, jaw_J3: Floats) -> NDArray[np.bool_]:
    """Whether points lie within the jaw line as seen from the front, which is open to the top."""
    top = jaw_J3[[-1, 0], :2] + [0.0, _HIGH_DM]
    outline = np.concatenate([jaw_J3[:, :2], top]).astype(np.float32)
    places = points_N3[:, :2].astype(np.float64).tolist()
    return np.array([cv2.pointPolygonTest(outline, place, False) > 0 for place in places])


def _tone_gain(head: Head, face: BuiltPerson, footage: BuiltPerson) -> Floats:
    """What takes the face's skin to the footage's, a factor a channel."""
    assert face.layers is not None
    assert footage.layers is not None
    own, other = face.layers, footage.layers
    skin = (head.chart.masks_X["face"] > 0.4) & (own.scalp_X < 0.05) & (other.scalp_X < 0.05)
    gain = np.median(other.albedo_X3[skin], axis=0) / np.median(own.albedo_X3[skin], axis=0)
    return np.asarray(gain, np.float64)


def _mixed_skin(head: Head, face: BuiltPerson, footage: BuiltPerson, gain_3: Floats) -> SkinLayers:
    assert face.layers is not None
    assert footage.layers is not None
    assert footage.drawn is not None
    chart, own, other = head.chart, face.layers, footage.layers
    inner = _inner(chart.rest_X3, np.clip(chart.masks_X["face"], 0, 1), footage.drawn)
    inner = np.where(_enclosed(chart.rest_X3.astype(np.float64)), 1.0, inner)
    share = inner[:, None]
    return SkinLayers(
        _lerp(other.albedo_X3, np.clip(own.albedo_X3 * gain_3, 0.002, 0.95), share),
        _lerp(other.specular_X, own.specular_X * (face.oil / footage.oil), inner),
        _lerp(other.relief_X3, own.relief_X3, share),
        other.scalp_X,
        other.scalp_colour,
    )


def _lerp(outer: Floats, inner: Floats, share: Floats) -> Floats:
    return np.where(share == 0, outer, outer * (1 - share) + inner * share)
