"""From stored faces to training batches: batch number n of a seed is always the same.

A batch depends on nothing but (seed, step), so a resumed run sees what the unbroken one would have
seen. Faces are kept in memory as bytes, a little finer than the training frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from faceloom.data import augment
from faceloom.data.augment import RGB_TO_XYZ, AugmentConfig
from faceloom.data.shape_match import mean_shape, shape_field
from faceloom.faces.align import recrop_transform, transform_mesh
from faceloom.faces.expression import mouth_opening
from faceloom.faces.eyes import EyeReader
from faceloom.faces.mask import PARTS, mesh_mask
from faceloom.image import resize

OVERSAMPLING = 1.15
"""Stored pixels for each training pixel: resampling twice would blur otherwise."""
_OPENING_BINS = 8
_BEYOND = 1.3
"""How far a shape is matched at most, over the way to the other's mean."""
PLANES = 3 + len(PARTS) - 1
"""Colour, hull, eyes, mouth (the inner mouth lies within the mouth)."""


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

    def to(self, device: torch.device) -> SideBatch:
        return SideBatch(*(getattr(self, field.name).to(device) for field in fields(self)))

    def part(self, faces: slice) -> SideBatch:
        """Some of the faces."""
        return SideBatch(*(getattr(self, field.name)[faces] for field in fields(self)))


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


class FaceBank:
    """One side's faces as bytes (N, planes, P, P) with their colour statistics."""

    def __init__(
        self, planes: Tensor, coverage: float, shares_N: Tensor, shape_M2: NDArray[np.float64]
    ) -> None:
        self.planes = planes
        self.coverage = coverage
        self.shape_M2 = shape_M2
        """The person's mean shape (`shape_match`)."""
        self.shares_N = shares_N
        """How often each face is drawn, as a probability."""
        self.spaces = (torch.eye(3), torch.tensor(RGB_TO_XYZ))
        self.statistics = [self._statistics(space) for space in self.spaces]

    @classmethod
    def from_crops(
        cls,
        crops_NHWC: NDArray[np.uint8],
        meshes_N4683: NDArray[np.float32],
        size_px: int,
        coverage: float,
    ) -> FaceBank:
        """From stored crops of this coverage and their meshes, for training at `size_px`."""
        return cls.from_chunks([(crops_NHWC, meshes_N4683)], size_px, coverage)

    @classmethod
    def from_chunks(
        cls,
        chunks: Iterable[tuple[NDArray[np.uint8], NDArray[np.float32]]],
        size_px: int,
        coverage: float,
    ) -> FaceBank:
        """As `from_crops`, a chunk at a time, so that full-size crops need not all be in memory."""
        planes, mouths, eyes, reader = [], [], [], EyeReader()
        meshes, crop_px = [], 1
        for some_crops, some_meshes in chunks:
            mouths.append(mouth_opening(some_meshes))
            meshes.append(some_meshes)
            crop_px = some_crops.shape[2]
            for crop, mesh in zip(some_crops, some_meshes, strict=True):
                planes.append(_planes(crop, mesh, size_px, coverage))
                eyes.append(reader(crop, mesh))
        shares = balanced_shares(np.array(eyes), np.concatenate(mouths))
        shape = mean_shape(np.concatenate(meshes), crop_px)
        return cls(torch.from_numpy(np.stack(planes)), coverage, torch.from_numpy(shares), shape)

    def __len__(self) -> int:
        return len(self.planes)

    def _statistics(self, space: Tensor) -> tuple[Tensor, Tensor]:
        pieces = []
        for chunk in self.planes[:, :, ::4, ::4].split(512):
            colour = chunk[:, :3].float() / 127.5 - 1
            pieces.append(augment.colour_statistics(colour, chunk[:, 3:4].float() / 255, space))
        return torch.cat([p[0] for p in pieces]), torch.cat([p[1] for p in pieces])


def balanced_shares(*openings_N: NDArray[np.floating]) -> NDArray[np.float32]:
    """Draw rare openings of eyes and mouth more often: (N,), sums to 1.

    Blinks and open mouths are a few frames in a hundred; drawn evenly, a decoder learns them last.
    Each face's share goes with one over the square root of how common its openings are, at most
    four times the mean.
    """
    weight = np.ones(len(openings_N[0]))
    for opening in openings_N:
        low, high = np.percentile(opening, [1, 99])
        place = np.clip((opening - low) / max(1e-6, high - low), 0, 0.999)
        bins = (place * _OPENING_BINS).astype(int)
        weight /= np.sqrt(np.bincount(bins, minlength=_OPENING_BINS)[bins])
    weight = np.minimum(weight / weight.mean(), 4.0)
    return (weight / weight.sum()).astype(np.float32)


def _planes(
    crop_HWC: NDArray[np.uint8], mesh_4683: NDArray[np.float32], size_px: int, coverage: float
) -> NDArray[np.uint8]:
    """Colour and mask planes (planes, P, P) of one stored crop."""
    stored_px = round(size_px * coverage * OVERSAMPLING)
    side = (stored_px, stored_px)
    shrinking = stored_px < crop_HWC.shape[1]
    planes = np.empty((PLANES, *side), np.uint8)
    planes[:3] = resize(crop_HWC, side, "area" if shrinking else "cubic").transpose(2, 0, 1)
    shrink = recrop_transform(crop_HWC.shape[1], coverage, stored_px, coverage)
    mesh = transform_mesh(mesh_4683, shrink)
    for plane, part in enumerate(PARTS[:3], start=3):
        planes[plane] = np.round(255 * mesh_mask(mesh, part, side))
    return planes


class PairBatches:
    """Batches of two face banks; `batch(step)` is a pure function of the step."""

    def __init__(
        self, a: FaceBank, b: FaceBank, size_px: int, per_side: int, seed: int,
        config: AugmentConfig,
    ) -> None:  # fmt: skip
        self.banks = (a, b)
        self.size_px = size_px
        self.per_side = per_side
        self.seed = seed
        self.config = config
        self.to_other = tuple(
            shape_field(own.shape_M2, other.shape_M2, size_px, own.coverage)
            for own, other in ((a, b), (b, a))
        )

    def batch(self, step: int) -> Batch:
        generator = step_generator(self.seed, step)
        return Batch(step, self._side(0, generator), self._side(1, generator))

    def _side(self, side: int, generator: Generator) -> SideBatch:
        bank, config, count = self.banks[side], self.config, self.per_side
        rows = torch.multinomial(bank.shares_N, count, replacement=True, generator=generator)
        stored = bank.planes[rows]
        colour = augment.apply_colour(stored[:, :3], *self._colour_map(side, rows, generator))
        grid = augment.similarity_grid(count, self.size_px, bank.coverage, config, generator)
        target = augment.sample(colour, grid)
        masks = augment.sample(stored[:, 3:].float(), grid) / 255
        bent = augment.warp_grid(grid, bank.coverage, config.warp, generator)
        chosen = torch.rand(count, generator=generator) < config.shape_match
        part = torch.rand(count, generator=generator) * _BEYOND * chosen
        bent = torch.addcmul(bent, part.view(-1, 1, 1, 1), self.to_other[side])
        warped = augment.sample(colour, bent)
        chosen = torch.rand(count, generator=generator) < config.blur
        warped = augment.soften(warped, chosen)
        warped.add_(augment.noise_like(warped, generator), alpha=config.noise)
        return SideBatch(warped.clamp_(-1, 1), target, *masks.split(1, dim=1))

    def _colour_map(self, side: int, rows: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
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
        return matrix, shift + light
