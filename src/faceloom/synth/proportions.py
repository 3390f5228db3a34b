"""Widths of head, cheek bones and jaw, brought to those of people.

The head's targets are drawn one by one, and together they make heads wider than any person's. Here
the widths are measured and the sides are moved in or out, so that width over height of the face,
and skull and jaw over the cheek bones, lie where people's do. Eyes, nose and mouth keep their size.

People: Farkas et al. 2005, "International anthropometric study of facial morphology in various
ethnic groups/races" (J Craniofac Surg 16:615); Zhuang & Bradtmiller 2005, "Head-and-face
anthropometric survey of U.S. respirator users" (J Occup Environ Hyg 2:567), whose jaws are measured
over the soft tissue. The bounds are about two standard deviations of theirs over both sexes and all
groups.

Legend: V base vertices. Convention: decimetres, as in `scene`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceloom.synth.assets import Head
from faceloom.synth.scene import Floats

_NASION, _CHIN, _BROWS = 27, 8, slice(17, 27)
"""Of iBUG's 68 points. This nasion lies at the height of the eyes, a few mm below the bone's."""
_BESIDE_EYE = 1.12
"""Radii of the eyeball from its centre, up to where nothing moves."""
_BLEND_DM = 0.05
_LEAST_SLOPE, _MOST_SLOPE = 0.30, 1.25


@dataclass(frozen=True)
class Width:
    """A width across the face, as a share of another length."""

    low_dm: float
    high_dm: float
    """Heights on the head at rest between which it is taken."""
    front_dm: tuple[float, float]
    """Depths on the head at rest, likewise."""
    kept_dm: float
    """Half of what is left as it is in the middle, at least."""
    drawn: tuple[float, float]
    """Mean and standard deviation of the share as the targets are drawn."""
    wanted: tuple[float, float]
    """Mean of the share among people, and the furthest from it."""

    def share(self, drawn: float) -> float:
        """What a drawn share becomes."""
        return _within(drawn, self.drawn, self.wanted)


SKULL = Width(7.60, 8.40, (-9.0, 9.0), 0.20, (0.99, 0.022), (1.035, 0.045))
"""Euryon to euryon, over the cheek bones."""
CHEEKS = Width(6.90, 7.25, (0.45, 1.20), 0.45, (1.43, 0.14), (1.235, 0.115))
"""Zygion to zygion, over the height from nasion to chin."""
JAW = Width(6.40, 6.62, (0.30, 1.00), 0.20, (0.83, 0.045), (0.765, 0.060))
"""Gonion to gonion, over the cheek bones."""
_CROWN_DRAWN, _CROWN_WANTED = (1.11, 0.15), (1.01, 0.09)
"""From nasion to the top of the head, over the height of the face: as `Width.drawn`, `wanted`."""
_OVER_BROWS_DM = 0.04
_NECK_DM, _CHIN_DM, _BROWS_DM, _SKULL_DM = 5.75, 6.22, 7.40, 7.62
"""Heights on the head at rest; below the first, all stays as it is."""


def width_dm(head: Head, vertices_V3: Floats, width: Width) -> float:
    """The width between the outermost places of the skin, ears left out."""
    x_V = vertices_V3[_taken(head, width), 0]
    return float(x_V.max() - x_V.min())


def face_height_dm(head: Head, vertices_V3: Floats) -> float:
    """From nasion to chin."""
    rows = head.landmarks_68[[_NASION, _CHIN]]
    return float(vertices_V3[rows[0], 1] - vertices_V3[rows[1], 1])


def with_human_proportions(head: Head, vertices_V3: Floats) -> Floats:
    """The face (V, 3) with its sides and the top of the head moved to where people's are."""
    return _with_human_crown(head, _with_human_widths(head, vertices_V3))


def _with_human_crown(head: Head, vertices_V3: Floats) -> Floats:
    brows_y = float(vertices_V3[head.landmarks_68[_BROWS], 1].max())
    nasion_y = float(vertices_V3[head.landmarks_68[_NASION], 1])
    height = face_height_dm(head, vertices_V3)
    now = float(vertices_V3[head.body_vertices, 1].max()) - nasion_y
    new = _within(now / height, _CROWN_DRAWN, _CROWN_WANTED) * height
    kept = brows_y - nasion_y + _OVER_BROWS_DM
    out = vertices_V3.copy()
    out[:, 1] = nasion_y + _moved(out[:, 1] - nasion_y, kept, _slope(now, new, kept))
    return out


def _with_human_widths(head: Head, vertices_V3: Floats) -> Floats:
    cheeks = width_dm(head, vertices_V3, CHEEKS)
    height = face_height_dm(head, vertices_V3)
    new_cheeks = CHEEKS.share(cheeks / height) * height
    kept, slopes = [], []
    for width in (JAW, CHEEKS, SKULL):
        now = width_dm(head, vertices_V3, width)
        new = new_cheeks if width is CHEEKS else width.share(now / cheeks) * new_cheeks
        inner = width.kept_dm
        if width is CHEEKS:
            inner = max(inner, _beside_eyes(head, vertices_V3))
        kept.append(inner)
        slopes.append(_slope(now / 2, new / 2, inner))
    # From the chin to the jaw's corners, and from the cheek bones to the brows, all moves alike.
    rest_y = head.base_V3[:, 1]
    jaw, cheek, skull = slopes
    heights = (_NECK_DM, _CHIN_DM, *(_middle_dm(w) for w in (JAW, CHEEKS)), _BROWS_DM, _SKULL_DM)
    slope_V = np.interp(rest_y, heights, (1.0, jaw, jaw, cheek, cheek, skull))
    kept_V = np.interp(rest_y, heights, (*(3 * [kept[0]]), kept[1], kept[1], kept[2]))
    out = vertices_V3.copy()
    out[:, 0] = np.sign(out[:, 0]) * _moved(np.abs(out[:, 0]), kept_V, slope_V)
    return out


def _middle_dm(width: Width) -> float:
    return (width.low_dm + width.high_dm) / 2


def _taken(head: Head, width: Width) -> NDArray[np.intp]:
    rest = head.base_V3[head.body_vertices]
    low, high = width.front_dm
    inside = (rest[:, 1] > width.low_dm) & (rest[:, 1] < width.high_dm)
    inside &= (rest[:, 2] > low) & (rest[:, 2] < high)
    inside &= head.masks_V["ears"][head.body_vertices] < 0.05
    return np.asarray(head.body_vertices[inside])


def _beside_eyes(head: Head, vertices_V3: Floats) -> float:
    """How far from the middle eyeballs and lids reach."""
    reach = []
    for rows in head.eye_vertices:
        x = np.abs(vertices_V3[rows, 0])
        reach.append((x.max() + x.min()) / 2 + _BESIDE_EYE * (x.max() - x.min()) / 2)
    return float(max(reach))


def _moved(x: Floats, kept: Floats | float, slope: Floats | float) -> Floats:
    """Places beyond `kept` drawn nearer to it (or away), without an edge."""
    beyond = np.maximum(x - kept, 0)
    bend = _BLEND_DM * (1 - np.exp(-beyond / _BLEND_DM))
    return np.asarray(np.minimum(x, kept) + slope * beyond + (1 - slope) * bend)


def _slope(now: float, new: float, kept: float) -> float:
    """What takes the half-width `now` to `new`."""
    beyond = now - kept
    bend = _BLEND_DM * (1 - np.exp(-beyond / _BLEND_DM))
    slope = (new - kept - bend) / (beyond - bend)
    return float(np.clip(slope, _LEAST_SLOPE, _MOST_SLOPE))


def _within(drawn: float, is_drawn: tuple[float, float], wanted: tuple[float, float]) -> float:
    """A drawn share as people have it: in the same order, never beyond what is wanted."""
    middle, furthest = wanted
    return middle + furthest * float(np.tanh((drawn - is_drawn[0]) / (1.35 * is_drawn[1])))
