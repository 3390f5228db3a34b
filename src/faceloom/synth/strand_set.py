"""The strands of a person in a moment: all of them as one list, and those that a size can show.

Legend: N strands, K joints of each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from faceloom.synth.pose import Posed
from faceloom.synth.scene import Floats, Floats32, Label, Person, Strands

Number = TypeVar("Number", bound=np.floating)

_LEAST_HAIRS, _ALL_HAIRS_FROM_PX = 0.4, 1280
"""Least share of a person's hairs, and samples a side from which on all are drawn."""


@dataclass(frozen=True, eq=False)
class StrandSet:
    """All strands, brought to one number of joints."""

    points_NK3: Floats
    width_N_dm: Floats32
    colour_N3: Floats32
    variation_N: Floats32
    label_N: NDArray[np.uint8]
    attached: int
    """How many of them, from the first, grow on the face."""


def all_strands(person: Person, posed: Posed) -> StrandSet:
    """Brows, lashes and beard, then hair."""
    attached, hair = person.attached, person.hair
    points, widths = posed.attached_NK3, attached.width_N_dm
    colours, variation, labels = attached.colour_N3, attached.variation_N, attached.label_N
    if hair is not None and posed.hair_NK3 is not None:
        joints = hair.points_NK3.shape[1]
        points = np.concatenate([_rejointed(points, joints), posed.hair_NK3])
        widths = np.concatenate([widths, hair.width_N_dm])
        colours = np.concatenate([colours, hair.colour_N3])
        variation = np.concatenate([variation, hair.variation_N])
        labels = np.concatenate([labels, np.full(len(hair.points_NK3), int(Label.HAIR), np.uint8)])
    return StrandSet(
        points, widths.astype(np.float32), colours.astype(np.float32),
        variation.astype(np.float32), labels.astype(np.uint8), len(attached.label_N),
    )  # fmt: skip


def with_fewer_hairs(person: Person, side_px: int) -> Person:
    """Fewer, wider hairs where the samples are coarse; hairs come in no order."""
    hair = person.hair
    share = min(1.0, max(_LEAST_HAIRS, side_px / _ALL_HAIRS_FROM_PX))
    if hair is None or share == 1.0:
        return person
    kept = slice(0, round(share * len(hair.width_N_dm)))
    thinned = Strands(
        hair.points_NK3[kept], hair.width_N_dm[kept] * np.float32(share**-0.5),
        hair.colour_N3[kept], hair.variation_N[kept], hair.sway_NK[kept],
    )  # fmt: skip
    return replace(person, hair=thinned)


def _root_and_middle(values_NK: NDArray[Number]) -> NDArray[Number]:
    """Of strands (N, K, ...), the first joint and the one in the middle."""
    return values_NK[:, [0, values_NK.shape[1] // 2]]


def with_thin_hair(person: Person) -> Person:
    """With no more of the hair than its motion needs."""
    hair = person.hair
    if hair is None:
        return person
    points_N23, sway_N2 = _root_and_middle(hair.points_NK3), _root_and_middle(hair.sway_NK)
    return replace(person, hair=replace(hair, points_NK3=points_N23, sway_NK=sway_N2))


def middles(posed: Posed) -> Floats:
    """A place in the middle of each strand: of what grows on the face, then of the hair."""
    kinds = [posed.attached_NK3] + ([] if posed.hair_NK3 is None else [posed.hair_NK3])
    return np.concatenate([points[:, points.shape[1] // 2] for points in kinds])


def _rejointed(points_NK3: Floats, joints: int) -> Floats:
    """Polylines resampled to another number of joints."""
    if points_NK3.shape[1] == joints:
        return points_NK3
    place = np.linspace(0, points_NK3.shape[1] - 1, joints)
    low = np.minimum(place.astype(int), points_NK3.shape[1] - 2)
    share = (place - low)[None, :, None]
    return points_NK3[:, low] * (1 - share) + points_NK3[:, low + 1] * share
