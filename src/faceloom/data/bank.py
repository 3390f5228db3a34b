"""One side's faces in memory: pictures as bytes, a little finer than the training frame, with masks
and what is known of each face.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceloom.data import augment
from faceloom.data.augment import RGB_TO_XYZ
from faceloom.data.sampling import Sampling, sampling_shares
from faceloom.data.shape_match import mean_shape
from faceloom.data.traits import FaceTraits, read_traits
from faceloom.faces.align import recrop_transform, transform_mesh
from faceloom.faces.drawing import LandmarkKind, draw_landmarks
from faceloom.faces.eyes import EyeReader
from faceloom.faces.fringe import without_fringe
from faceloom.faces.mask import PARTS, mesh_mask
from faceloom.faces.person import PersonMask, without_background
from faceloom.image import Mask, resize

PLANES = 3 + len(PARTS) - 1
"""Colour, hull, eyes, mouth (the inner mouth lies within the mouth); then drawn landmarks, where a
model takes them."""


@dataclass(frozen=True)
class FaceTable:
    """What a bank knows of each face beside its pixels."""

    meshes_N4683: NDArray[np.float32]
    """In pixels of crops of `crop_px`."""
    crop_px: int
    traits: FaceTraits
    sources: tuple[str, ...]
    """Each face's clip."""
    shown: tuple[str, ...]
    """The clip that shows each face's person: another one where the face wears another's."""
    people_NE: Tensor | None = None
    """Each face's person (`data.description`); None where nobody asks."""


class FaceBank:
    """One side's faces as bytes (N, planes, P, P) with their colour statistics."""

    def __init__(self, planes: Tensor, coverage: float, shares_N: Tensor, table: FaceTable) -> None:
        self.planes = planes
        self.coverage = coverage
        self.table = table
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
        drawn: LandmarkKind | None = None,
    ) -> FaceBank:
        """From stored crops of this coverage and their meshes, for training at `size_px`."""
        return cls.from_chunks([(crops_NHWC, meshes_N4683)], size_px, coverage, drawn=drawn)

    @classmethod
    def from_chunks(
        cls,
        chunks: Iterable[tuple[NDArray[np.uint8], NDArray[np.float32]]],
        size_px: int,
        coverage: float,
        sampling: Sampling = "openings",
        sources: Sequence[str] | None = None,
        drawn: LandmarkKind | None = None,
        people_NE: Tensor | None = None,
        shown: Sequence[str] | None = None,
    ) -> FaceBank:
        """As `from_crops`, a chunk at a time, so that full-size crops need not all be in memory.

        `sources` names each face's clip (one clip if not given), `shown` the clip of its person
        where that is another, `drawn` adds a plane of landmarks, `people_NE` go with the batches.
        """
        planes, eyes, reader, people = [], [], EyeReader(), PersonMask()
        meshes, crop_px = [], 1
        for some_crops, some_meshes in chunks:
            meshes.append(some_meshes)
            crop_px = some_crops.shape[2]
            for crop, mesh in zip(some_crops, some_meshes, strict=True):
                planes.append(_planes(crop, people(crop), mesh, size_px, coverage, drawn))
                eyes.append(reader(crop, mesh))
        stored, all_meshes = torch.from_numpy(np.stack(planes)), np.concatenate(meshes)
        traits = read_traits(stored, all_meshes, np.array(eyes))
        names = tuple(sources) if sources is not None else ("",) * len(stored)
        shares = sampling_shares(sampling, traits, names)
        whose = tuple(shown) if shown is not None else names
        table = FaceTable(all_meshes, crop_px, traits, names, whose, people_NE)
        return cls(stored, coverage, torch.from_numpy(shares), table)

    def __len__(self) -> int:
        return len(self.planes)

    def shape_M2(self) -> NDArray[np.float64]:
        """The person's mean shape (`shape_match`)."""
        return mean_shape(self.table.meshes_N4683, self.table.crop_px, self.coverage)

    def _statistics(self, space: Tensor) -> tuple[Tensor, Tensor]:
        pieces = []
        for chunk in self.planes[:, :, ::4, ::4].split(512):
            colour = chunk[:, :3].float() / 127.5 - 1
            pieces.append(augment.colour_statistics(colour, chunk[:, 3:4].float() / 255, space))
        return torch.cat([p[0] for p in pieces]), torch.cat([p[1] for p in pieces])


def _planes(
    crop_HWC: NDArray[np.uint8],
    person_HW: Mask,
    mesh_4683: NDArray[np.float32],
    size_px: int,
    coverage: float,
    drawn: LandmarkKind | None,
) -> NDArray[np.uint8]:
    """Colour and mask planes (planes, P, P) of one stored crop."""
    stored_px = augment.stored_px(size_px, coverage)
    side = (stored_px, stored_px)
    shrinking = stored_px < crop_HWC.shape[1]
    planes = np.empty((PLANES + (drawn is not None), *side), np.uint8)
    planes[:3] = resize(crop_HWC, side, "area" if shrinking else "cubic").transpose(2, 0, 1)
    shrink = recrop_transform(crop_HWC.shape[1], coverage, stored_px, coverage)
    mesh = transform_mesh(mesh_4683, shrink)
    masks = [mesh_mask(mesh, part, side) for part in PARTS[:3]]
    person = np.clip(resize(person_HW, side, "area" if shrinking else "linear"), 0, 1)
    hull = without_background(masks[0], person)
    masks[0] = without_fringe(hull, planes[:3].transpose(1, 2, 0), mesh)
    planes[3:PLANES] = np.round(255 * np.stack(masks))
    if drawn is not None:
        planes[PLANES] = np.round(255 * draw_landmarks(mesh, drawn, stored_px, coverage))
    return planes
