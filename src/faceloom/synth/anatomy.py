"""Where brows, beard and hair grow on the head at rest, as fields over rest positions.

Every head is a morph of one mesh, so a rest position names the same place of every person: fields
are written once, in rest coordinates, and serve skin, strands and swaps alike.

Convention: positions are (N, 3) float32 in decimetres (`scene`); fields are float32 (N,), 0 to 1
where they are coverages. `x` is folded: both halves of the face share a field.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from faceloom.synth.kernels.noise import fbm
from faceloom.synth.scene import Floats, Floats32
from faceloom.synth.traits import BeardStyle, BrowTraits, Traits

CROWN = (0.06, 8.46, 0.22)
"""The whorl from which short hair runs out."""


def smoothstep(low: float, high: float, values: ArrayLike) -> Floats:
    """0 at `low`, 1 at `high` (either may be the greater), smooth between."""
    share = np.clip((np.asarray(values, np.float64) - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def bump(values: ArrayLike, centre: float | Floats, width: float | Floats) -> Floats:
    """A Gaussian of half-width `width` (where it falls to 1/e)."""
    return np.exp(-(((np.asarray(values, np.float64) - centre) / width) ** 2))


# -- scalp ----------------------------------------------------------------------------------------

_AZIMUTH = (0.0, 0.3, 0.55, 0.8, 1.0, 1.12, 1.24, 1.36, 1.55, 1.9, 2.3, 2.7, 3.15)
"""From the forehead (0) by the ear (1.3) to the nape (pi), radians."""
_HAIRLINE_DM = (7.98, 7.97, 7.94, 7.82, 7.62, 7.42, 7.26, 7.26, 7.36, 7.00, 6.74, 6.64, 6.62)
_RECESSION_DM = (0.10, 0.20, 0.30, 0.22, 0.06, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
_SIDEBURN_DM = (0.0, 0.0, 0.0, 0.0, -0.02, -0.08, -0.16, -0.12, 0.0, 0.0, 0.0, 0.0, 0.0)
_BALD_DM = (0.75, 0.75, 0.72, 0.62, 0.30, 0.14, 0.06, 0.10, 0.10, 0.10, 0.10, 0.05, 0.0)
_BALD_TOP_DM = 7.95


def over_hairline(points_N3: Floats32, traits: Traits) -> Floats:
    """Height over the hairline in decimetres, roughly; positive is scalp."""
    x, y, z = np.abs(points_N3[:, 0]), points_N3[:, 1], points_N3[:, 2]
    line_dm = np.array(_HAIRLINE_DM) + traits.hair.recession * np.array(_RECESSION_DM)
    line_dm += traits.masculinity * np.array(_SIDEBURN_DM)
    if traits.hair.style == "bald":
        line_dm += np.array(_BALD_DM)
    azimuth = np.arctan2(x, z - 0.35)
    ragged = 0.03 * fbm(points_N3, 5.0, 2, traits.seed * 7, 0.5)
    ragged += 0.018 * fbm(points_N3, 19.0, 2, traits.seed * 7 + 3, 0.6)
    height = y - np.interp(azimuth, _AZIMUTH, line_dm) + ragged
    if traits.hair.style == "bald":
        height = np.minimum(height, _BALD_TOP_DM + 2 * ragged - y)
    return height


# -- brows ----------------------------------------------------------------------------------------


class BrowField(NamedTuple):
    """Of each place: how densely brow hair grows, and where in the brow it is."""

    density: Floats
    along: Floats
    """0 at the nose, 1 at the tail."""
    across: Floats
    """-1 at the lower edge, 1 at the upper."""


def brow_field(x: ArrayLike, y: ArrayLike, brows: BrowTraits) -> BrowField:
    """The brows, seen from the front."""
    side = np.abs(np.asarray(x, np.float64))
    along = (side - 0.105) / (0.445 * brows.length)
    inside = np.clip(along, 0, 1)
    centre_dm = (
        7.478 + brows.raise_dm + 0.042 * np.sin(np.pi * 0.78 * inside) * (1 + 0.55 * brows.arch)
    )
    centre_dm = centre_dm - 0.060 * smoothstep(0.55, 1.0, inside)
    profile = np.interp(inside, (0, 0.15, 0.45, 0.72, 1), (0.72, 1.0, 0.92, 0.62, 0.20))
    across = (np.asarray(y, np.float64) - centre_dm) / (0.033 * brows.thickness * profile)
    ends = smoothstep(-0.06, 0.24, along) * smoothstep(1.06, 0.66, along)
    return BrowField(np.exp(-(np.abs(across) ** 2.2)) * ends, inside, across)


# -- beard ----------------------------------------------------------------------------------------


def beard_field(points_N3: Floats32, style: BeardStyle) -> Floats:
    """Where the beard of a style grows; lips must be taken off by who knows them."""
    x, y, z = np.abs(points_N3[:, 0]), points_N3[:, 1], points_N3[:, 2]
    front = smoothstep(0.9, 1.15, z)
    # It follows the lip, thins out towards its ends and leaves the nose's foot bare.
    middle_dm = 6.778 - 0.55 * x * x
    moustache = bump(y, middle_dm, 0.050 - 0.06 * x) * smoothstep(0.34, 0.12, x) * front
    moustache = moustache * smoothstep(6.845, 6.80, y)
    philtrum = 1 - 0.65 * bump(x, 0, 0.028) * smoothstep(6.73, 6.79, y)
    moustache = moustache * philtrum
    if style == "moustache":
        return moustache
    cheek_line = y - 0.36 * smoothstep(0.36, 0.72, x)
    jaw = smoothstep(6.88, 6.60, cheek_line) * smoothstep(0.42, 0.66, z)
    under_lip = 1 - 0.85 * bump(x, 0.085, 0.055) * bump(y, 6.475, 0.045) * front
    jaw = jaw * under_lip * smoothstep(5.96, 6.16, y)  # The neck is shaven.
    if style == "goatee":
        jaw = jaw * smoothstep(0.36, 0.22, x) * front
    return np.clip(jaw + moustache, 0, 1)
