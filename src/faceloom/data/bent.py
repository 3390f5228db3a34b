"""Stored pictures, bent by coarse fields and sampled over the tight frame: quickly, for use.

Training samples floats at places of its own (`reference.laid`); in use the places are always the
same but for the field, and bytes will do.

Convention: pictures are crops of coverage `COVERAGE`, fields say how far places of such a crop, in
[-1, 1], are moved. Shapes: K pictures of C channels, B chosen, P pixels, N nodes a side.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from faceloom.data.movement import COVERAGE
from faceloom.enlarge import enlarged
from faceloom.image import sampled

_MOST_ROWS = 32_000
"""Of a picture that OpenCV samples."""


def bent_bytes(pictures_KCPP: Tensor, chosen_B: Tensor, field_B2NN: Tensor, size_px: int) -> Tensor:
    """The chosen ones of some pictures (bytes), at places that the field moves, as floats (B, C,
    size, size)."""
    side, channels = pictures_KCPP.shape[-1], pictures_KCPP.shape[1]
    moves_B2HW = enlarged(field_B2NN, size_px, COVERAGE)
    places_B2HW = moves_B2HW * (side / 2) + _places(size_px, side).to(moves_B2HW.device)
    if pictures_KCPP.device.type != "cpu":
        grid_BHW2 = ((places_B2HW + 0.5) * (2 / side) - 1).permute(0, 2, 3, 1)
        floats = pictures_KCPP[chosen_B].float()
        return F.grid_sample(floats, grid_BHW2, padding_mode="border", align_corners=False)
    together = len(pictures_KCPP) * channels * side <= _MOST_ROWS
    at_once = _MOST_ROWS // (channels * (size_px if together else max(side, size_px)))
    read = []
    for chosen, places in zip(chosen_B.split(at_once), places_B2HW.split(at_once), strict=True):
        if together:
            read.append(_read(pictures_KCPP, chosen, places))
        else:
            read.append(_read(pictures_KCPP[chosen], torch.arange(len(chosen)), places))
    return read[0] if len(read) == 1 else torch.cat(read)


def _read(pictures_KCPP: Tensor, chosen_B: Tensor, places_B2HW: Tensor) -> Tensor:
    """All planes lie one below the other, and are read at once."""
    (_, channels, side, _), size_px = pictures_KCPP.shape, places_B2HW.shape[-1]
    x_BHW, y_BHW = places_B2HW.unbind(1)
    first_BC = chosen_B.unsqueeze(1) * channels + torch.arange(channels)
    y_BCHW = y_BHW.clamp(0, side - 1).unsqueeze(1) + first_BC.view(-1, channels, 1, 1) * side
    x_BCHW = x_BHW.unsqueeze(1).expand_as(y_BCHW)
    x_HW, y_HW = (places.flatten(0, 2).numpy() for places in (x_BCHW, y_BCHW))
    read = sampled(pictures_KCPP.flatten(0, 2).numpy(), x_HW, y_HW)
    return torch.from_numpy(read).view(-1, channels, size_px, size_px).float()


@cache
def _places(size_px: int, side_px: int) -> Tensor:
    """Of the tight frame's pixels (2, size, size) in a crop of coverage `COVERAGE`, its pixels."""
    line = ((torch.arange(size_px) + 0.5) * (2 / size_px) - 1) / COVERAGE
    line = (line + 1) * (side_px / 2) - 0.5
    return torch.stack(torch.meshgrid(line, line, indexing="xy"))
