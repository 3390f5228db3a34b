"""References: pictures of a person, laid onto the features of a face that is to become this person.

A gallery holds some of a person's pictures, as unlike each other as can be. For a face, the one is
taken in which the person moves most like it (pose, lids, lips, brows), and bent so that its mesh
lies where the person's features will lie in that face: on the face's own mesh, moved by what the
two people's mean shapes differ in, as far as that shows in exact answers (`shape_match`).

Convention: places are x, y in [-1, 1] over a stored crop of some coverage (`augment`). Shapes: K
pictures of a gallery, B faces, M mesh points that are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from faceloom.data.augment import stored_px
from faceloom.data.bent import bent_bytes
from faceloom.data.fine import NO_DETAIL, Trust, fine_detail, fine_side_px, laid_fine
from faceloom.data.movement import COVERAGE, POINTS, far_apart, movement
from faceloom.data.shape_match import own_shares
from faceloom.faces.pose import upright_axes

GALLERY_SIZE = 48
_BLENDED = 2
"""Pictures that a reference is blended of."""
NODES = 16
"""Places a side at which the bending is known; linear in between."""
_SOFT = 0.035
"""Within this of a point its move holds, further off it is weighed against others'."""


def pull(at_BM2: Tensor) -> Tensor:
    """How much the move of each point counts at each node over the crop (B, nodes ** 2, M): weighed
    by distance (Shepard 1968), 1 in all at a node."""
    line = (torch.arange(NODES, device=at_BM2.device) + 0.5) * (2 / NODES) - 1
    across = (line.view(1, -1, 1) - at_BM2[:, None, :, 0]) ** 2
    down = (line.view(1, -1, 1) - at_BM2[:, None, :, 1]) ** 2 + _SOFT**2
    apart_BHWM = down.unsqueeze(2) + across.unsqueeze(1)
    weight = apart_BHWM.square_().reciprocal_().flatten(1, 2)
    return weight.div_(weight.sum(dim=2, keepdim=True))


def bending(at_BM2: Tensor, to_BM2: Tensor, pull_BNM: Tensor) -> Tensor:
    """A field (B, 2, nodes, nodes) over the crop that moves each point `at` to `to`."""
    # This way round the product takes a sixth of the time.
    field_B2N = (to_BM2 - at_BM2).transpose(1, 2) @ pull_BNM.transpose(1, 2)
    return field_B2N.unflatten(2, (NODES, NODES))


def laid(pictures_B3PP: Tensor, field_B2NN: Tensor, grid_BHW2: Tensor) -> Tensor:
    """Pictures (float), bent by a field, sampled at the grid's places: (B, 3, H, W)."""
    moves = F.grid_sample(field_B2NN, grid_BHW2, padding_mode="border", align_corners=False)
    places = grid_BHW2 + moves.permute(0, 2, 3, 1)
    return F.grid_sample(pictures_B3PP, places, padding_mode="border", align_corners=False)


@dataclass(frozen=True)
class Laying:
    """References that are not laid yet: most are never looked at. Calling it lays them."""

    pictures_K3PP: Tensor
    """Bytes."""
    points_KM2: Tensor
    chosen_B: Tensor
    """Which of the pictures."""
    at_BM2: Tensor
    grid_BHW2: Tensor
    stray_B2NN: Tensor | None = None
    """By how much they are mislaid, at the nodes."""

    def __call__(self) -> Tensor:
        """(B, 3, H, W) in [-1, 1] (`laid`)."""
        pictures, own = self.pictures_K3PP[self.chosen_B].float(), self.points_KM2[self.chosen_B]
        field = bending(self.at_BM2, own, pull(self.at_BM2))
        if self.stray_B2NN is not None:
            field = field + self.stray_B2NN
        return laid(pictures, field, self.grid_BHW2).div_(127.5).sub_(1)

    def __getitem__(self, faces: slice) -> Laying:
        chosen, at, grid = self.chosen_B[faces], self.at_BM2[faces], self.grid_BHW2[faces]
        stray = None if self.stray_B2NN is None else self.stray_B2NN[faces]
        return Laying(self.pictures_K3PP, self.points_KM2, chosen, at, grid, stray)

    def to(self, device: torch.device) -> Laying:
        values = ((name, value) for name, value in vars(self).items() if value is not None)
        return Laying(**{name: value.to(device) for name, value in values})


@dataclass(frozen=True)
class FacePlaces:
    """Where the features of faces lie, and how their heads are turned."""

    points_BM2: Tensor
    axes_B33: Tensor
    """As `faces.pose.upright_axes`."""

    @classmethod
    def of(cls, meshes_B4683: NDArray[np.float32], crop_px: int) -> FacePlaces:
        """From meshes in pixels of crops of this side."""
        points = meshes_B4683[:, POINTS, :2].astype(np.float32)
        axes = np.stack([upright_axes(mesh) for mesh in meshes_B4683]).astype(np.float32)
        return cls(torch.from_numpy((points + 0.5) * (2 / crop_px) - 1), torch.from_numpy(axes))

    def widened(self, times: float) -> FacePlaces:
        """In crops that show so many times as much."""
        return FacePlaces(self.points_BM2 / times, self.axes_B33)

    def __len__(self) -> int:
        return len(self.points_BM2)

    def to(self, device: torch.device) -> FacePlaces:
        return FacePlaces(self.points_BM2.to(device), self.axes_B33.to(device))

    def rows(self, rows: Tensor) -> FacePlaces:
        return FacePlaces(self.points_BM2[rows], self.axes_B33[rows])

    def moved(self, offset_BM2: Tensor) -> Tensor:
        """The points (B, M, 2), moved by a difference of frontal shapes as the heads are turned."""
        return self.points_BM2 + offset_BM2 @ self.axes_B33[:, :2, :2]


def answer_moves(from_N2: Tensor, to_N2: Tensor) -> Tensor:
    """How the points of one person's mean shape (468, 2) move when the other's face is laid over
    it, as in exact answers, by both mean shapes."""
    return torch.from_numpy(own_shares()).to(from_N2) * (to_N2 - from_N2)


def tight_grid(count: int, size_px: int, coverage: float) -> Tensor:
    """Sampling grids (count, size, size, 2) of the tight frame within crops of wider coverage."""
    line = (torch.arange(size_px) + 0.5) * (2 / size_px / coverage) - 1 / coverage
    across, down = torch.meshgrid(line, line, indexing="xy")
    return torch.stack([across, down], dim=-1).expand(count, -1, -1, -1)


def _framed(pictures_NCPP: Tensor, coverage: float, side_px: int) -> Tensor:
    """Bytes of crops of this coverage, as crops of a gallery's coverage and of that side."""
    if coverage == COVERAGE and pictures_NCPP.shape[-1] == side_px:
        return pictures_NCPP
    grid = tight_grid(len(pictures_NCPP), side_px, coverage / COVERAGE)
    floats = pictures_NCPP.float()
    found = F.grid_sample(floats, grid, padding_mode="border", align_corners=False)
    return found.round().byte()


class Gallery(nn.Module):
    """Some of one person's pictures, part of a model that takes references; empty as made."""

    pictures_K3PP: Tensor
    points_KM2: Tensor
    mean_N2: Tensor
    moves_N2: Tensor
    """How the points of this person's mean shape move when the other's face is laid over it."""
    fine_KTT: Tensor
    """What is finer in the pictures than a model paints (`fine`)."""

    def __init__(self, size_px: int) -> None:
        super().__init__()
        side_px = stored_px(size_px, COVERAGE)
        blank = torch.zeros(GALLERY_SIZE, 3, side_px, side_px, dtype=torch.uint8)
        self.register_buffer("pictures_K3PP", blank)
        self.register_buffer("points_KM2", torch.zeros(GALLERY_SIZE, len(POINTS), 2))
        self.register_buffer("mean_N2", torch.zeros(468, 2))
        self.register_buffer("moves_N2", torch.zeros(468, 2))
        fine_px = fine_side_px(size_px)
        blank = torch.full((GALLERY_SIZE, fine_px, fine_px), NO_DETAIL, dtype=torch.uint8)
        self.register_buffer("fine_KTT", blank)

    @torch.no_grad()
    def fill(
        self, pictures_N3PP: Tensor, coverage: float, places: FacePlaces, mean_N2: Tensor
    ) -> NDArray[np.int64]:
        """Take those of a person's pictures (bytes, of this coverage) that are most unlike each
        other; gives their rows. A person with fewer pictures has some twice.

        Places, and the person's mean shape, are in crops of the gallery's coverage."""
        rows = np.resize(far_apart(movement(places.points_BM2, mean_N2), GALLERY_SIZE),
                         GALLERY_SIZE)  # fmt: skip
        side_px = self.pictures_K3PP.shape[-1]
        self.pictures_K3PP.copy_(_framed(pictures_N3PP[rows], coverage, side_px))
        self.points_KM2.copy_(places.points_BM2[rows])
        self.mean_N2.copy_(mean_N2)
        return rows

    def look_closely(
        self,
        crops_KHWC: NDArray[np.uint8],
        coverage: float = COVERAGE,
        faces_K1PP: Tensor | None = None,
    ) -> None:
        """Take the fine detail of the pictures from crops (bytes, of this coverage) as large as
        there are, in the pictures' order; within the faces (bytes) alone, where they are given."""
        side_px = self.fine_KTT.shape[-1]
        planes = torch.from_numpy(crops_KHWC).permute(0, 3, 1, 2)
        crops = _framed(planes, coverage, planes.shape[-1]).permute(0, 2, 3, 1).numpy()
        faces: Sequence[NDArray[np.floating] | None] = [None] * len(crops)
        if faces_K1PP is not None:
            faces = list(_framed(faces_K1PP, coverage, faces_K1PP.shape[-1])[:, 0].numpy() / 255)
        pairs = zip(crops, faces, strict=True)
        found = np.stack([fine_detail(crop, side_px, face) for crop, face in pairs])
        self.fine_KTT.copy_(torch.from_numpy(found))

    def misfit(self, places: FacePlaces, mean_N2: Tensor) -> Tensor:
        """How unlike each picture (B, K) the faces move that are another person's, of this mean
        shape."""
        own = movement(self.points_KM2, self.mean_N2)
        return torch.cdist(movement(places.points_BM2, mean_N2), own)

    def laying(
        self, chosen_B: Tensor, at_BM2: Tensor, grid_BHW2: Tensor, stray_B2NN: Tensor | None = None
    ) -> Laying:
        """The chosen pictures, to be bent so that their points lie at `at`."""
        return Laying(self.pictures_K3PP, self.points_KM2, chosen_B, at_BM2, grid_BHW2, stray_B2NN)

    def lay_nearest(
        self,
        misfit_BK: Tensor,
        at_BM2: Tensor,
        size_px: int,
        fine_px: int = 0,
        fine_at_BM2: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """The mean (B, 3, size, size) in [-1, 1] of the pictures that fit best, over the tight
        frame, bent so that their points lie at `at`; and of that side, if it is given, their fine
        detail (B, 1, fine, fine) as far as each is to be trusted at a place; that lies at
        `fine_at`, if it is given.

        Each counts for how much better it fits than the first that is left out, so that none
        appears at once as a face moves on.
        """
        shared, device = pull(at_BM2), at_BM2.device
        fine_at = at_BM2 if fine_at_BM2 is None else fine_at_BM2
        fine_shared = shared if fine_at_BM2 is None else pull(fine_at)
        blended = torch.full((), -1.0, device=device)
        detail, trust = torch.zeros((), device=device), Trust(fine_at) if fine_px else None
        least_BK, chosen_BK = misfit_BK.square().topk(_BLENDED + 1, largest=False)
        weight_BK = (least_BK[:, -1:] - least_BK[:, :-1]).clamp_min(1e-12).square()
        weight_BK = weight_BK / weight_BK.sum(dim=1, keepdim=True)
        for chosen_B, weight_B in zip(chosen_BK.T[:-1], weight_BK.T, strict=True):
            own = self.points_KM2[chosen_B]
            field = bending(at_BM2, own, shared)
            picture = bent_bytes(self.pictures_K3PP, chosen_B, field, size_px)
            blended = torch.addcmul(blended, (weight_B / 127.5).view(-1, 1, 1, 1), picture)
            if trust is not None:
                if fine_at_BM2 is not None:
                    field = bending(fine_at, own, fine_shared)
                trusted = trust(own) * weight_B.view(-1, 1, 1)
                detail = detail + laid_fine(self.fine_KTT, chosen_B, field, trusted, fine_px)
        return blended, detail if fine_px else None
