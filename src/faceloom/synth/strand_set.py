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
    """Strands of one number of joints."""

    points_NK3: Floats
    width_N_dm: Floats32
    colour_N3: Floats32
    variation_N: Floats32
    label_N: NDArray[np.uint8]
    is_hair: bool
    """Hair of the head; else they grow on the face."""


def all_strands(person: Person, posed: Posed) -> list[StrandSet]:
    """Brows, lashes and beard, then hair."""
    grown, hair = person.attached, person.hair
    sets = [
        StrandSet(
            posed.attached_NK3, grown.width_N_dm, grown.colour_N3, grown.variation_N,
            grown.label_N, False,
        )
    ]  # fmt: skip
    if hair is not None and posed.hair_NK3 is not None:
        labels = np.full(len(hair.points_NK3), int(Label.HAIR), np.uint8)
        sets.append(
            StrandSet(
                posed.hair_NK3, hair.width_N_dm, hair.colour_N3, hair.variation_N, labels, True
            )
        )
    return sets


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
