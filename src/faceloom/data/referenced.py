"""Which reference goes with which face of a training batch.

Pair: each side has a gallery (`reference`). A face is restored with a picture of its own person
from another time; the other person's is laid onto it for the swap. Crowd: each face gets another
picture of the person it is to become, out of all that the first set has of them.

Some faces get none, so that a decoder can do without.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from faceloom.data import augment
from faceloom.data.bank import FaceBank
from faceloom.data.description import IDENTITY_SIZE, SAME_PERSON, SHAPE_SIZE
from faceloom.data.movement import COVERAGE, POINTS
from faceloom.data.reference import (
    NODES,
    FacePlaces,
    Gallery,
    Laying,
    answer_moves,
)
from faceloom.data.shape_match import own_shares

_NONE = 0.08
"""Probability that a face gets no reference."""
_MISSED = 0.4
"""Probability that a picture cannot be chosen: another performance has no picture so near."""
_SAME_MOMENT = 15
"""Faces of one clip that are nearer than this in its order are of the same moment."""
_MISLAID = 0.007
"""How far references stray, as `AugmentConfig.warp`: the mesh is no nearer to the truth."""


class Drawn(NamedTuple):
    """The faces of one side of a batch, and how they are sampled."""

    side: int
    rows: Tensor
    grid: Tensor
    """The target's."""
    straight: Tensor
    """The same before the other's mean shape bends it."""
    bent_B: Tensor
    """How far towards that shape the input is bent."""
    generator: Generator


class References(Protocol):
    """What `PairBatches` asks for references."""

    def __call__(self, drawn: Drawn) -> tuple[Tensor, Laying | None]:
        """References of the faces (B, 3, S, S), and of the other person to be laid onto them."""
        ...


class PairReferences:
    """Two people, each with a gallery out of their bank."""

    def __init__(self, a: FaceBank, b: FaceBank, size_px: int) -> None:
        banks = (a, b)
        self._scales = [bank.coverage / COVERAGE for bank in banks]
        self._sources = [np.array(bank.table.sources) for bank in banks]
        self._places = [
            face_places(bank).widened(1 / scale)
            for bank, scale in zip(banks, self._scales, strict=True)
        ]
        self.galleries = [Gallery(size_px) for _ in banks]
        self.rows = [
            gallery.fill(
                bank.planes[:, :3], bank.coverage, places,
                torch.from_numpy(bank.shape_M2() * scale).float(),
            )
            for gallery, bank, places, scale in zip(
                self.galleries, banks, self._places, self._scales, strict=True
            )
        ]  # fmt: skip
        one, two = (gallery.mean_N2 for gallery in self.galleries)
        self._offsets: list[Tensor] = []
        self.place((answer_moves(one, two), answer_moves(two, one)))
        self._apart = [(two - one)[POINTS], (one - two)[POINTS]]
        self._misfits = [
            [gallery.misfit(places, mean) for gallery in self.galleries]
            for places, mean in zip(self._places, (one, two), strict=True)
        ]

    def place(self, moves: tuple[Tensor, Tensor]) -> None:
        """Lay each side's references so from now on (`Gallery.moves_N2`)."""
        self._offsets = [moves_N2[POINTS] for moves_N2 in moves]
        for gallery, moves_N2 in zip(self.galleries, moves, strict=True):
            gallery.moves_N2.copy_(moves_N2)

    def __call__(self, drawn: Drawn) -> tuple[Tensor, Laying | None]:
        side, rows, generator = drawn.side, drawn.rows, drawn.generator
        own, other = self.galleries[side], self.galleries[1 - side]
        own_misfit, other_misfit = (self._misfits[side][of][rows] for of in (side, 1 - side))
        places, scale = self._places[side].rows(rows), self._scales[side]
        missed = torch.rand(2, len(rows), len(own.pictures_K3PP), generator=generator) < _MISSED
        same = torch.from_numpy(self._same_moment(side, rows.numpy()))
        barred = missed[0] | same
        chosen = own_misfit.masked_fill(barred, torch.inf).argmin(dim=1)
        at = places.points_BM2
        reference = own.laying(chosen, at, _scaled(drawn.grid, scale), stray(drawn, COVERAGE))()
        reference[barred.all(dim=1)] = 0
        chosen = other_misfit.masked_fill(missed[1], torch.inf).argmin(dim=1)
        bent = drawn.bent_B.view(-1, 1, 1)
        offset = torch.lerp(self._offsets[side], self._apart[side], bent)
        swapped = other.laying(chosen, places.moved(offset), _scaled(drawn.straight, scale))
        return without_some(reference, generator), swapped

    def _same_moment(self, side: int, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        taken, sources = self.rows[side], self._sources[side]
        near = np.abs(rows[:, None] - taken[None]) < _SAME_MOMENT
        return near & (sources[rows][:, None] == sources[taken][None])


class CrowdReferences:
    """Two banks of the same moments (`aligned`): the second shows other people's faces, of whom the
    first has pictures."""

    def __init__(self, a: FaceBank, b: FaceBank) -> None:
        """Raises ValueError if the banks' people are not described."""
        self._bank = a
        self._places = face_places(a)
        described = [bank.table.people_NE for bank in (a, b)]
        if described[0] is None or described[1] is None:
            raise ValueError("the people of a crowd must be described")
        self._others = [_pictures_of(bank, a) for bank in (a, b)]
        shapes = [
            people[:, IDENTITY_SIZE : IDENTITY_SIZE + SHAPE_SIZE].unflatten(1, (-1, 2))[:, POINTS]
            for people in described
            if people is not None
        ]
        shares = torch.from_numpy(own_shares()[POINTS].astype(np.float32))
        self._offsets = [torch.zeros_like(shapes[0]), (shapes[1] - shapes[0]) * shares]
        traits = a.table.traits
        self._traits = torch.from_numpy(np.concatenate([traits.pose, traits.expression], axis=1))

    def __call__(self, drawn: Drawn) -> tuple[Tensor, Laying | None]:
        chosen = torch.tensor([self._choose(drawn, int(row)) for row in drawn.rows])
        places = self._places.rows(drawn.rows)
        at = places.moved(self._offsets[drawn.side][drawn.rows])
        points, pictures = self._places.points_BM2, self._bank.planes[:, :3]
        reference = Laying(
            pictures, points, chosen, at, drawn.grid, stray(drawn, self._bank.coverage)
        )()
        reference[chosen == drawn.rows] = 0  # There is no other picture.
        return without_some(reference, drawn.generator), None

    def _choose(self, drawn: Drawn, row: int) -> int:
        others = self._others[drawn.side][row]
        others = others[others != row]
        if not len(others):
            return row
        misfit = (self._traits[others] - self._traits[row]).square().sum(dim=1)
        missed = torch.rand(len(others), generator=drawn.generator) < _MISSED
        missed[torch.randint(len(others), (), generator=drawn.generator)] = False
        return int(others[misfit.masked_fill(missed, torch.inf).argmin()])


def face_places(bank: FaceBank) -> FacePlaces:
    """Of all faces of a bank, over its stored crops."""
    return FacePlaces.of(bank.table.meshes_N4683, bank.table.crop_px)


def stray(drawn: Drawn, coverage: float) -> Tensor:
    """Small smooth moves (B, 2, nodes, nodes) over crops of this coverage, by which references are
    mislaid."""
    points = torch.randn(len(drawn.rows), 2, 5, 5, generator=drawn.generator)
    return augment.smooth_field(points * (2 * _MISLAID / coverage), NODES)


def _scaled(grid: Tensor, scale: float) -> Tensor:
    return grid if scale == 1 else grid * scale


def without_some(references_BCHW: Tensor, generator: Generator) -> Tensor:
    """Some of them taken away."""
    none = torch.rand(len(references_BCHW), generator=generator) < _NONE
    references_BCHW[none] = 0
    return references_BCHW


def _pictures_of(bank: FaceBank, lenders: FaceBank) -> list[Tensor]:
    """For each face of a bank, the rows of `lenders` that show the person it shows."""
    people, known = bank.table.people_NE, lenders.table.people_NE
    assert people is not None
    assert known is not None
    sources = np.array(lenders.table.sources)
    by_source = {name: torch.from_numpy(np.flatnonzero(sources == name)) for name in set(sources)}
    found = []
    for row, name in enumerate(bank.table.shown):
        rows = by_source.get(name, torch.zeros(0, dtype=torch.int64))
        alike = known[rows, :IDENTITY_SIZE] @ people[row, :IDENTITY_SIZE]
        found.append(rows[alike > SAME_PERSON])
    return found
