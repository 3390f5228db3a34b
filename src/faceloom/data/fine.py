"""What is finer in a person's pictures than a model paints: pores, lines, single hairs, stubble.

It is kept beside the pictures of a gallery (`reference`), as light over the light around, and in
use laid onto the painted face and multiplied with it. So a face is as fine as its person's
pictures, whatever the model's size. Unlike what a decoder reads from its reference it is not
learned, and so it stays out where it would not be right: of eyes, and of a mouth that does
something else there.

Convention: places are x, y in [-1, 1] over a crop of coverage `COVERAGE`. Shapes: B faces, M mesh
points that are used.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceloom.data.bent import bent_bytes
from faceloom.data.movement import COVERAGE, POINTS, gaps
from faceloom.data.traits import LUMA
from faceloom.enlarge import enlarged
from faceloom.faces.mask import LEFT_BROW, RIGHT_BROW
from faceloom.image import RGB, resize

FINE = 2
"""How much finer than the model's picture it is known."""
_WANTED = ((1.6, FINE), (1.1, 1.5))
"""How much finer it is laid in footage that shows a face so many times as large as the model's
picture, or more: below all of them there is nothing to see."""
NO_DETAIL = 128
_STEP = 0.7 / 127
"""Of the bytes that it is kept in, above and below `NO_DETAIL`, as a logarithm."""
_AROUND_PX = 5
"""What is coarser than this, in fine pixels, the model paints."""
_WITHIN = 0.02
"""So far from a face's edge, over the crop's side, there is no detail yet, or all of it."""
_BLACK = 10.0
"""Added to light, 0 to 255, so that noise in the dark is no detail."""
_PLACES = 24
"""A side at which trust is computed; smooth in between."""

_ROUND, _MARGIN = 0.4, 0.016
"""Parts are taken for so round at least, as shut lids are still lids, and so much larger."""

_EYES = ((33, 133, 159, 145), (362, 263, 386, 374))
"""Corners, upper and lower lid."""
_MOUTH = (61, 291, 0, 17)
_LIPS_GAP = 0
"""Of `movement.gaps`."""
_BROW_SHARE = 0.5
"""What is taken of it there at most: where half a pixel shows most, and places are not known so
exactly. Of eyes none is: the mesh network hardly sees that they shut (docs/decisions/0011), and the
rings of an open one would lie on the lid."""
_MOUTH_APART = 0.08
"""Difference of the lips' openings, over the mouth's width, from which detail of another opening is
little worth."""


def fine_side_px(size_px: int) -> int:
    """The side of fine detail's crops, for a model of this size."""
    return round(FINE * size_px * COVERAGE)


def fineness(enlarged: float) -> float:
    """How many times as fine as the model's picture detail is laid, 0 for not at all, where the
    footage shows a face `enlarged` times as large."""
    return next((fine for least, fine in _WANTED if enlarged > least), 0.0)


def fine_detail(
    crop_HWC: RGB, side_px: int, face_HW: NDArray[np.floating] | None = None
) -> NDArray[np.uint8]:
    """Of a crop of coverage `COVERAGE` (side, side), as bytes: `NO_DETAIL` where there is none.

    Well within `face` alone (0 to 1, of any size): hair over the forehead is no detail of a face.
    """
    shrinking = side_px < crop_HWC.shape[0]
    crop = resize(crop_HWC, (side_px, side_px), "area" if shrinking else "cubic")
    light = (crop.astype(np.float32) @ np.array(LUMA, np.float32)) + _BLACK
    around = cv2.blur(light, (_AROUND_PX, _AROUND_PX), borderType=cv2.BORDER_REPLICATE)
    steps = np.clip(np.log(light / around) / _STEP, -127, 127)
    if face_HW is not None:
        face = resize(np.asarray(face_HW, np.float32), (side_px, side_px), "linear")
        reach = 2 * round(_WITHIN * side_px) + 1
        within = cv2.erode(face, np.ones((2 * reach - 1, 2 * reach - 1), np.uint8))
        steps *= cv2.blur(within, (reach, reach))
    return np.asarray(np.round(steps) + NO_DETAIL, np.uint8)


def laid_fine(
    detail_KTT: Tensor, chosen_B: Tensor, field_B2NN: Tensor, trusted_BPP: Tensor, size_px: int
) -> Tensor:
    """The chosen pictures' details (bytes) over the tight frame (B, 1, size, size), as logarithms:
    bent by fields of nodes over their crops, times the trust in them (places over the tight
    frame)."""
    laid_B1HW = bent_bytes(detail_KTT.unsqueeze(1), chosen_B, field_B2NN, size_px).sub_(NO_DETAIL)
    return laid_B1HW.mul_(enlarged(trusted_BPP * _STEP, size_px, 1.0).unsqueeze(1))


def sharpened(face_HWC: NDArray[np.float32], detail_HW: NDArray[np.float32]) -> NDArray[np.float32]:
    """A painted face (S, S, 3), 0 to 255, at the detail's size and with it."""
    side = detail_HW.shape[1], detail_HW.shape[0]
    lifted = resize(face_HWC, side, "cubic") + np.float32(_BLACK)
    factor = cv2.exp(detail_HW)
    # Three planes side by side: half the time of one that is spread over the colours.
    cv2.multiply(lifted, cv2.merge([factor] * 3), dst=lifted)
    lifted -= np.float32(_BLACK)
    return np.asarray(lifted, np.float32)


class Trust:
    """How much of pictures' detail, 0 to 1, is taken at places spread over the tight frame of faces
    whose points lie at `at`."""

    def __init__(self, at_BM2: Tensor) -> None:
        self._lips_B = gaps(at_BM2)[:, _LIPS_GAP]
        self._kept_BPP = torch.ones(len(at_BM2), _PLACES, _PLACES, device=at_BM2.device)
        for brow in (RIGHT_BROW, LEFT_BROW):
            self._kept_BPP *= 1 - (1 - _BROW_SHARE) * _around(at_BM2, brow, 1.3)
        for eye in _EYES:
            self._kept_BPP *= 1 - _around(at_BM2, eye, 1.45)
        self._apart_B = _MOUTH_APART * _width(at_BM2, _MOUTH)
        self._mouth_BPP = _around(at_BM2, _MOUTH, 1.1)

    def __call__(self, own_BM2: Tensor) -> Tensor:
        """Of one picture for each face, in which the points lay at `own` (B, places, places)."""
        apart_B = (self._lips_B - gaps(own_BM2)[:, _LIPS_GAP]) / self._apart_B
        alike_B11 = torch.exp(-apart_B.square()).view(-1, 1, 1)
        return self._kept_BPP * (1 - (1 - alike_B11) * self._mouth_BPP)


def _width(at_BM2: Tensor, part: tuple[int, ...]) -> Tensor:
    one, other = (at_BM2[:, POINTS.index(corner)] for corner in part[:2])
    return (one - other).norm(dim=1).clamp_min(1e-3)


def _around(at_BM2: Tensor, part: tuple[int, ...], times: float) -> Tensor:
    """A soft spot (B, places, places) over the part's points, so many times as large."""
    points = at_BM2[:, [POINTS.index(point) for point in part]]
    centre = points.mean(dim=1)
    reach = (points - centre.unsqueeze(1)).abs().amax(dim=1)
    reach = torch.maximum(reach, _ROUND * reach.amax(dim=1, keepdim=True)) * times + _MARGIN
    line = (torch.arange(_PLACES, device=at_BM2.device) + 0.5) * (2 / _PLACES) - 1
    apart_B2P = (line / COVERAGE - centre.unsqueeze(2)) / reach.unsqueeze(2)
    squares = apart_B2P.square()
    away = squares[:, 0].unsqueeze(1) + squares[:, 1].unsqueeze(2)
    return torch.exp(-0.7 * away.square())
