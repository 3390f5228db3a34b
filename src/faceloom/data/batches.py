"""From stored faces to training batches: batch number n of a seed is always the same.

A batch depends on nothing but (seed, step), so a resumed run sees what the unbroken one would have
seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from faceloom.data import augment, degrade
from faceloom.data.augment import AugmentConfig
from faceloom.data.bank import PLANES, FaceBank
from faceloom.data.movement import COVERAGE
from faceloom.data.part_swap import look_alikes, part_points, swapped_parts
from faceloom.data.reference import Laying
from faceloom.data.referenced import Drawn, PairReferences, References
from faceloom.data.shape_match import answer_shape, shape_field
from faceloom.errors import UserError

_BEYOND = 1.3
"""How far a shape is matched at most, over the way to the other's mean."""
# Each augmentation that may be switched on draws from a stream of its own, so that a batch is the
# same but for it. Stream 1 is the models'.
_STREAMS = {name: 2 + 2 * at for at, name in enumerate(
    ("parts", "channels", "shadow", "motion", "warp", "downsample", "jpeg",
     "reference")
)}  # fmt: skip


def step_generator(seed: int, step: int, stream: int = 0) -> Generator:
    """The random generator of one step; different streams of one step are independent.

    Seeds are hashed, since torch's generator keeps only the lower 32 bits of what it is given.
    """
    state = np.random.SeedSequence([seed, step, stream]).generate_state(1)
    return Generator().manual_seed(int(state[0]))


@dataclass(frozen=True)
class SideBatch:
    """One side's share of a batch; images in [-1, 1], masks in [0, 1]."""

    warped_BCHW: Tensor
    target_BCHW: Tensor
    hull_B1HW: Tensor
    eyes_B1HW: Tensor
    mouth_B1HW: Tensor
    drawn_B1HW: Tensor | None = None
    """Landmarks as drawn on the input, in [0, 1]; None where the model takes none."""
    drawn_target_B1HW: Tensor | None = None
    """The same on the target."""
    person_BE: Tensor | None = None
    """Whose face it is (`data.description`); None where the bank does not know."""
    reference_BCHW: Tensor | None = None
    """Another picture of the person, laid onto the target's features (`data.reference`)."""
    swap_reference: Laying | None = None
    """A picture of the other side's person, to be laid onto them."""
    own_answer_B: Tensor | None = None
    """Where the other side shows the very same picture (`data.aligned`), as bool."""

    def to(self, device: torch.device) -> SideBatch:
        return self._each(lambda value: value.to(device))

    def part(self, faces: slice) -> SideBatch:
        """Some of the faces."""
        return self._each(lambda value: value[faces])

    def other_person(self) -> Tensor | None:
        """`swap_reference`, laid (B, 3, S, S); None where there is none."""
        return None if self.swap_reference is None else self.swap_reference()

    def _each(self, change: Callable[[Any], Any]) -> SideBatch:
        values = {name: change(value) for name, value in vars(self).items() if value is not None}
        return SideBatch(**values)


@dataclass(frozen=True)
class Batch:
    """Both sides' faces of one step."""

    step: int
    a: SideBatch
    b: SideBatch

    @property
    def sides(self) -> tuple[SideBatch, SideBatch]:
        return self.a, self.b

    def to(self, device: torch.device) -> Batch:
        return Batch(self.step, self.a.to(device), self.b.to(device))

    def part(self, faces: slice) -> Batch:
        """The same faces of both sides."""
        return Batch(self.step, self.a.part(faces), self.b.part(faces))


class PairBatches:
    """Batches of two face banks; `batch(step)` is a pure function of the step."""

    def __init__(
        self, a: FaceBank, b: FaceBank, size_px: int, per_side: int, seed: int,
        config: AugmentConfig, references: References | None = None,
    ) -> None:  # fmt: skip
        self.banks = (a, b)
        self.references = references
        self.size_px = size_px
        self.per_side = per_side
        self.seed = seed
        self.config = config
        self.to_other: tuple[tuple[Tensor, Tensor], ...] = ()
        """How each side's faces are bent into the other's mean shape, where any are: the input, and
        what it is to become."""
        self.own_answer_N: Tensor | None = None
        """Which faces are their own answers, as bool; None where there are no answers."""
        if config.shape_share > 0:
            self._shapes = one, two = a.shape_M2(), b.shape_M2()
            self._bend(answer_shape(one, two), answer_shape(two, one))
        if config.part_swap > 0:
            self._find_look_alikes()

    def place(self, moves: tuple[Tensor, Tensor]) -> None:
        """Have features lie so on the other person's face from now on: for each side how the points
        of its mean shape (468, 2) move when the other's face is laid over it, in crops of
        `movement.COVERAGE`. `augment.shape_kept`, where it is set, stays as it is."""
        if isinstance(self.references, PairReferences):
            self.references.place(moves)
        if self.to_other:
            one, two = (
                shape + moves_N2.double().numpy() * (COVERAGE / bank.coverage)
                for shape, moves_N2, bank in zip(self._shapes, moves, self.banks, strict=True)
            )
            self._bend(two, one)

    def _bend(self, one_M2: NDArray[np.float64], two_M2: NDArray[np.float64]) -> None:
        """Bend each side's faces into the other's mean shape from now on, and what they are to
        become into these: side a's features on b's face, and b's on a's."""
        (a, b), (own, other) = self.banks, self._shapes
        self.to_other = (
            self._fields(a, own, other, one_M2),
            self._fields(b, other, own, two_M2),
        )

    def _fields(
        self,
        bank: FaceBank,
        own_M2: NDArray[np.float64],
        other_M2: NDArray[np.float64],
        answer_M2: NDArray[np.float64],
    ) -> tuple[Tensor, Tensor]:
        size_px, coverage, kept = self.size_px, bank.coverage, self.config.shape_kept
        whole = shape_field(own_M2, other_M2, size_px, coverage)
        if kept is not None:
            return whole, (1 - kept) * whole
        return whole, shape_field(own_M2, answer_M2, size_px, coverage)

    def batch(self, step: int) -> Batch:
        generator = step_generator(self.seed, step)
        return Batch(step, self._side(0, step, generator), self._side(1, step, generator))

    def _side(self, side: int, step: int, generator: Generator) -> SideBatch:
        bank, config, count = self.banks[side], self.config, self.per_side
        rows = torch.multinomial(bank.shares_N, count, replacement=True, generator=generator)
        stored = bank.planes[rows]
        colour_map = self._colour_map(side, step, rows, generator)
        shown, true = self._coloured(side, step, rows, stored[:, :3], colour_map)
        grid = augment.similarity_grid(count, self.size_px, bank.coverage, config, generator)
        points = torch.randn(count, 2, 5, 5, generator=generator)
        if config.warp_kind == "smooth":
            bent = augment.warp_grid(grid, bank.coverage, config.warp, points)
        else:
            drawn = self._stream(side, step, "warp")
            grid, bent = augment.coarse_warp(grid, bank.coverage, config, points, drawn)
        chosen = torch.rand(count, generator=generator) < config.shape_share
        part = (torch.rand(count, generator=generator) * _BEYOND * chosen).view(-1, 1, 1, 1)
        straight = grid
        if self.to_other:
            shown_field, true_field = self._fields_on(grid, side)
            bent = torch.addcmul(bent, part, shown_field)
            grid = torch.addcmul(grid, part, true_field)
        target = augment.sample(true, grid)
        masks = augment.sample(stored[:, 3:].float(), grid) / 255
        warped = augment.sample(shown, bent)
        chosen = torch.rand(count, generator=generator) < config.blur
        warped = augment.soften(warped, chosen)
        warped = self._sometimes(warped, side, step, "downsample", config.downsample)
        warped.add_(augment.noise_like(warped, generator), alpha=config.noise)
        warped = self._sometimes(warped.clamp_(-1, 1), side, step, "jpeg", config.jpeg)
        hull, eyes, mouth, *drawn_target = masks.split(1, dim=1)
        people = bank.table.people_NE
        person = None if people is None else people[rows]
        seen = augment.sample(stored[:, PLANES:].float(), bent) / 255 if drawn_target else None
        true_drawn = drawn_target[0] if drawn_target else None
        own, others = None, None
        if self.references is not None:
            stream = self._stream(side, step, "reference")
            own, others = self.references(Drawn(side, rows, grid, straight, part.view(-1), stream))
        same = None if self.own_answer_N is None else self.own_answer_N[rows]
        return SideBatch(
            warped, target, hull, eyes, mouth, seen, true_drawn, person, own, others, same
        )

    def _fields_on(self, grid: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """How a side is bent into the other's shape, mirrored for faces that are sampled so."""
        shown, true = self.to_other[side]
        mirrored = grid[:, 0, -1, 0] < grid[:, 0, 0, 0]
        if not bool(mirrored.any()):
            return shown, true
        mirrored = mirrored.view(-1, 1, 1, 1)
        return (
            torch.where(mirrored, shown.flip(1), shown),
            torch.where(mirrored, true.flip(1), true),
        )

    def _stream(self, side: int, step: int, name: str) -> Generator:
        return step_generator(self.seed, step, _STREAMS[name] + side)

    def _sometimes(
        self, images: Tensor, side: int, step: int, name: str, probability: float
    ) -> Tensor:
        """The images, changed in place where chance takes one through what this name stands for."""
        if probability <= 0:
            return images
        generator = self._stream(side, step, name)
        chosen = torch.rand(len(images), generator=generator) < probability
        if not bool(chosen.any()):
            return images
        images[chosen] = _DEGRADATIONS[name](images[chosen], generator)
        return images

    def _coloured(
        self,
        side: int,
        step: int,
        rows: Tensor,
        bytes_BCHW: Tensor,
        colour_map: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor]:
        """The stored faces in their new colours and light, for the input and for the target; one
        tensor where they are the same."""
        config = self.config
        parts = self._with_parts(side, step, rows, bytes_BCHW) if config.part_swap > 0 else None
        both = parts is not None and config.part_swap_from == "own"
        pictures = [bytes_BCHW if parts is None or not both else parts]
        if parts is not None and not both:
            pictures.append(parts)
        coloured = [augment.apply_colour(picture, *colour_map) for picture in pictures]
        for name, probability in (("shadow", config.shadow), ("motion", config.motion_blur)):
            coloured = [self._sometimes(c, side, step, name, probability) for c in coloured]
        return coloured[-1], coloured[0]

    def _with_parts(self, side: int, step: int, rows: Tensor, bytes_BCHW: Tensor) -> Tensor:
        """Some of the faces with a look-alike's part, as floats in bytes' range."""
        generator = self._stream(side, step, "parts")
        faces = bytes_BCHW.float()
        chosen = torch.rand(len(rows), generator=generator) < self.config.part_swap
        at = chosen.nonzero()[:, 0]
        near = self._near[side]
        pick = torch.randint(near.shape[1], (len(at),), generator=generator)
        donor_side = side if self.config.part_swap_from == "own" else 1 - side
        donors = near[rows[at], pick]
        faces[at] = swapped_parts(
            faces[at], rows[at], self._points[side],
            self.banks[donor_side].planes[donors, :3].float(), donors, self._points[donor_side],
            generator,
        )  # fmt: skip
        return faces

    def _find_look_alikes(self) -> None:
        source = self.config.part_swap_from
        if source == "own" and self.banks[0].planes.shape[1] > PLANES:
            raise UserError(
                "augment.part_swap_from=own: would contradict the landmarks that this model is"
                " given; take other"
            )
        self._points = [
            part_points(bank.table.meshes_N4683, bank.table.traits.eyes, bank.table.crop_px)
            for bank in self.banks
        ]
        self._near = [
            look_alikes(self._points[side], self._points[side if source == "own" else 1 - side],
                        source)
            for side in (0, 1)
        ]  # fmt: skip

    def _colour_map(
        self, side: int, step: int, rows: Tensor, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """A map towards a random face of either side, in RGB or XYZ, and a brightness change."""
        count = self.per_side
        pick = int(torch.randint(2, (), generator=generator))
        space = self.banks[0].spaces[pick]
        own = tuple(table[rows] for table in self.banks[side].statistics[pick])
        other_side = torch.rand(count, generator=generator) < 0.7
        others = []
        for bank in (self.banks[side], self.banks[1 - side]):
            picked = torch.randint(len(bank), (count,), generator=generator)
            others.append([table[picked] for table in bank.statistics[pick]])
        other = tuple(
            torch.where(other_side.unsqueeze(1), theirs, ours)
            for ours, theirs in zip(*others, strict=True)
        )
        matched = torch.rand(count, generator=generator) < self.config.colour_match
        share = torch.rand(count, generator=generator) * 1.0 * matched
        matrix, shift = augment.matching_map(own, other, share, space)  # type: ignore[arg-type]
        light = torch.randn(count, 1, generator=generator) * self.config.brightness
        shift = shift + light
        if self.config.channel_shift > 0:
            more = torch.rand(count, 3, generator=self._stream(side, step, "channels"))
            shift = shift + (more * 2 - 1) * self.config.channel_shift
        return matrix, shift


_DEGRADATIONS = {
    "shadow": degrade.shadowed,
    "motion": degrade.motion_blurred,
    "downsample": degrade.downsampled,
    "jpeg": degrade.compressed,
}
