"""Face parts of a look-alike: its mouth, nose or eyes in place of one's own, without an edge.

The look-alike is one of the nearest faces by the mesh. The part is brought to its place by a
similarity of mesh points and blended in the gradient domain (Perez et al. 2003, "Poisson Image
Editing"), so that the paste has no edge that a network could learn (the note's experiment 11).

Convention: stored crops are float (B, 3, P, P) in bytes' range, places x, y in [-1, 1] over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional as F

from faceloom.faces.align import rigid_indices
from faceloom.faces.mask import INNER_MOUTH, LEFT_EYE, LIPS, RIGHT_EYE

PartSource = Literal["other", "own"]
"""The other side's faces (with the same expression) or those of the same person (in the same pose,
whatever the expression)."""

PARTS = ("mouth", "nose", "eyes")
_LOOK_ALIKES = 5
"""How many of the nearest faces a donor is drawn from."""

# fmt: off
_NOSE = (168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 129, 358, 48, 278)
_RIGHT_SOCKET = (*RIGHT_EYE, 247, 30, 29, 27, 28, 56, 24, 23, 22)
_LEFT_SOCKET = (*LEFT_EYE, 467, 260, 259, 257, 258, 286, 254, 253, 252)
# fmt: on


class _Patch(NamedTuple):
    part: str
    covered: tuple[int, ...]
    """Mesh points that a paste must cover."""
    anchors: tuple[int, ...]
    """Mesh points that place it: speech and lids hardly move them."""
    window: float
    """Side of the square in which it is solved, over the crop's."""


_PATCHES = (
    _Patch("mouth", LIPS + INNER_MOUTH, (61, 291, 0, 2, 98, 327), 0.5),
    _Patch("nose", _NOSE, (168, 4, 2, 98, 327, 129, 358), 0.45),
    _Patch("eyes", _RIGHT_SOCKET, (33, 133), 0.34),
    _Patch("eyes", _LEFT_SOCKET, (263, 362), 0.34),
)
_GROWTH = 1.25
"""The pasted ellipse over the part's half-width and half-height."""
_POSE_WEIGHT = 3.0
_EYES_WEIGHT = 0.3
"""Of the eyes' opening among mesh places: lids hardly move in the mesh (docs/decisions/0011)."""


@dataclass(frozen=True)
class PartPoints:
    """What placing parts needs of one side's faces."""

    covered: tuple[Tensor, ...]
    """Each patch's outline points (N, K, 2)."""
    anchors: tuple[Tensor, ...]
    """Each patch's placing points (N, K, 2)."""
    pose: Tensor
    """(N, 3): how the mesh is turned, in depth over size and so about radians."""
    expression: Tensor
    """(N, D): every point's way from the person's mean shape, and the eyes' opening."""


def part_points(
    meshes_N4683: NDArray[np.float32], eyes_N: NDArray[np.floating], crop_px: int
) -> PartPoints:
    """From meshes in crop pixels and the eyes' openings (N,)."""
    places = torch.from_numpy((meshes_N4683[..., :2] + 0.5) / crop_px * 2 - 1).float()
    depth = torch.from_numpy(meshes_N4683[..., 2] / crop_px * 2).float()
    steady = rigid_indices()
    centred = depth[:, steady] - depth[:, steady].mean(dim=1, keepdim=True)
    across, down = (p - p.mean() for p in places[:, steady].mean(dim=0).unbind(1))
    turn = [(centred @ axis) / axis.square().sum() for axis in (across, down)]
    tilt = places[:, 454, 1] - places[:, 234, 1]
    moves = (places - places.median(dim=0).values).flatten(1)
    opening = torch.from_numpy(np.asarray(eyes_N, np.float32)).unsqueeze(1)
    return PartPoints(
        tuple(places[:, list(patch.covered)] for patch in _PATCHES),
        tuple(places[:, list(patch.anchors)] for patch in _PATCHES),
        torch.stack([*turn, tilt], dim=1),
        torch.cat([moves / 468**0.5, _EYES_WEIGHT * opening], dim=1),
    )


def look_alikes(own: PartPoints, donors: PartPoints, source: PartSource) -> Tensor:
    """The rows (N, K) of the donors nearest to each own face.

    Of the other side, nearest by pose and expression, each about its person's mean, so that the
    target stays true; of the own side, by pose alone, and never the face itself.
    """

    def features(points: PartPoints) -> Tensor:
        pose = _POSE_WEIGHT * points.pose
        return torch.cat([pose, points.expression], dim=1) if source == "other" else pose

    theirs = features(donors)
    count = min(_LOOK_ALIKES * (5 if source == "own" else 1), len(theirs) - (source == "own"))
    ours, rows = features(own), []
    for start in range(0, len(ours), 512):
        mine = ours[start : start + 512]
        distance = torch.cdist(mine, theirs)
        if source == "own":
            at = torch.arange(len(mine))
            distance[at, at + start] = torch.inf
        rows.append(distance.topk(count, largest=False).indices)
    return torch.cat(rows)


def swapped_parts(
    own_BCHW: Tensor,
    rows_B: Tensor,
    own: PartPoints,
    donor_BCHW: Tensor,
    donor_rows_B: Tensor,
    donors: PartPoints,
    generator: Generator,
) -> Tensor:
    """The faces, each with one random part of its donor's."""
    out = own_BCHW.clone()
    which_B = torch.randint(len(PARTS), (len(rows_B),), generator=generator)
    for at, patch in enumerate(_PATCHES):
        here = (which_B == PARTS.index(patch.part)).nonzero()[:, 0]
        if not len(here):
            continue
        mine, theirs = rows_B[here], donor_rows_B[here]
        outline = own.covered[at][mine]
        gain, shift = _fitted(own.anchors[at][mine], donors.anchors[at][theirs])
        # The donor's outline, where it comes to lie on the own face.
        brought = (torch.view_as_complex(donors.covered[at][theirs]) - shift) / gain
        points = torch.cat([outline, torch.view_as_real(brought)], dim=1)
        out[here] = _pasted(out[here], donor_BCHW[here], points, gain, shift, patch.window)
    return out


def _fitted(own_BK2: Tensor, donor_BK2: Tensor) -> tuple[Tensor, Tensor]:
    """The similarity own -> donor, z -> gain z + shift in complex numbers (B, 1), by least
    squares."""
    own, donor = (torch.view_as_complex(points.contiguous()) for points in (own_BK2, donor_BK2))
    own_mean, donor_mean = own.mean(dim=1, keepdim=True), donor.mean(dim=1, keepdim=True)
    centred = own - own_mean
    cross = (centred.conj() * (donor - donor_mean)).sum(dim=1, keepdim=True)
    gain = cross / (centred.abs() ** 2).sum(dim=1, keepdim=True).clamp_min(1e-9)
    return gain, donor_mean - gain * own_mean


def _pasted(
    own_BCHW: Tensor,
    donor_BCHW: Tensor,
    points_BK2: Tensor,
    gain: Tensor,
    shift: Tensor,
    share: float,
) -> Tensor:
    """The donor's gradients within an ellipse about the points, the own colours around it; in
    place. `share` is the window's side over the crop's."""
    side = own_BCHW.shape[-1]
    window = round(share * side)
    low, high = points_BK2.amin(dim=1), points_BK2.amax(dim=1)
    centre, reach = (low + high) / 2, (high - low) / 2 * _GROWTH
    corner = ((centre + 1) / 2 * side - window / 2).round().long().clamp(0, side - window)
    columns_BW, rows_BW = (corner[:, axis, None] + torch.arange(window) for axis in (0, 1))
    batch = torch.arange(len(own_BCHW)).view(-1, 1, 1)
    mine = own_BCHW[batch, :, rows_BW.unsqueeze(2), columns_BW.unsqueeze(1)].permute(0, 3, 1, 2)
    x_B1W, y_BW1 = (
        (2 * columns_BW + 1).unsqueeze(1) / side - 1, (2 * rows_BW + 1).unsqueeze(2) / side - 1
    )  # fmt: skip
    places = torch.complex(*torch.broadcast_tensors(x_B1W, y_BW1))
    grid = torch.view_as_real(gain.unsqueeze(2) * places + shift.unsqueeze(2))
    theirs = F.grid_sample(donor_BCHW, grid, padding_mode="border", align_corners=False)
    # An ellipse that must end within the window, with a soft edge.
    most = (window - 4) / side
    across = (x_B1W - centre[:, :1, None]) / reach[:, :1, None].clamp_max(most)
    down = (y_BW1 - centre[:, 1:, None]) / reach[:, 1:, None].clamp_max(most)
    mask = ((1 - (across**4 + down**4) ** 0.25) / 0.15).clamp(0, 1).unsqueeze(1)
    mended = (mine + _potential(theirs - mine, mask)).clamp(0, 255)
    own_BCHW[batch, :, rows_BW.unsqueeze(2), columns_BW.unsqueeze(1)] = mended.permute(0, 2, 3, 1)
    return own_BCHW


@cache
def _sines(count: int) -> tuple[Tensor, Tensor]:
    """The orthonormal sine transform (count, count), its own inverse, and the eigenvalues (count,)
    of the second difference with zero ends."""
    at = torch.arange(1, count + 1, dtype=torch.float64)
    angle = at * torch.pi / (count + 1)
    sines = (2 / (count + 1)) ** 0.5 * torch.sin(angle.unsqueeze(1) * at)
    return sines.float(), (2 * angle.cos() - 2).float()


def _potential(difference_BCHW: Tensor, mask_B1HW: Tensor) -> Tensor:
    """E with Laplacian div(mask grad difference) and 0 at the window's rim: what to add to the own
    picture so that it has the donor's gradients within the mask and its own around it."""
    steps = []
    for axis in (2, 3):
        length = difference_BCHW.shape[axis]
        step = difference_BCHW.diff(dim=axis)
        ends = mask_B1HW.narrow(axis, 0, length - 1) + mask_B1HW.narrow(axis, 1, length - 1)
        steps.append((step * ends / 2).diff(dim=axis))
    source = steps[0][..., 1:-1] + steps[1][:, :, 1:-1]
    (rows, down), (columns, across) = (_sines(size) for size in source.shape[-2:])
    spectrum = rows @ source @ columns / (down.unsqueeze(1) + across)
    return F.pad(rows @ spectrum @ columns, (1, 1, 1, 1))
