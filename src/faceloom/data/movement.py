"""How a face moves against its person's mean shape: by this pictures of a person are compared.

Convention: places are x, y in [-1, 1] over a crop of coverage `COVERAGE`. Shapes: N faces, B faces,
M mesh points that are used.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceloom.data.shape_match import CHIN, NOSE
from faceloom.faces.mask import BROWS, FACE_OVAL, INNER_MOUTH, LEFT_EYE, LIPS, RIGHT_EYE

CHEEKS = (50, 280, 101, 330, 117, 346, 205, 425)
FOREHEAD = (151, 9, 8, 108, 337, 69, 299)
_PARTS = (BROWS, FACE_OVAL, LEFT_EYE, RIGHT_EYE, LIPS, INNER_MOUTH, CHIN, NOSE, CHEEKS, FOREHEAD)
POINTS = sorted({point for part in _PARTS for point in part})
"""Mesh points by which pictures are laid and compared."""
COVERAGE = 1.25
"""Of a gallery's pictures (`reference`)."""
_GAPS = ((13, 14), (61, 291), (159, 145), (386, 374))
"""Lips, mouth's corners, lids: two mesh points each."""
_GAP_WEIGHTS = (1.5, 0.7, 2.5, 2.5)
"""What their distances count for."""


def movement(points_BM2: Tensor, mean_N2: Tensor) -> Tensor:
    """How far points are from a person's mean frontal shape, and gaps of lids and lips from what
    they are in it: (B, 2 M + gaps). The first says how the head is turned, the gaps what the face
    does; they are weighed so that neither outdoes the other."""
    mean_M2 = mean_N2[POINTS]
    moves = (points_BM2 - mean_M2).flatten(1) / len(POINTS) ** 0.5
    weight = torch.tensor(_GAP_WEIGHTS, device=moves.device)
    return torch.cat([moves, (gaps(points_BM2) - gaps(mean_M2)) * weight], dim=1)


def gaps(points_BM2: Tensor) -> Tensor:
    """How far apart lips, the mouth's corners, and the lids of both eyes are (B, 4)."""
    one, other = ([POINTS.index(gap[end]) for gap in _GAPS] for end in (0, 1))
    return (points_BM2[..., one, :] - points_BM2[..., other, :]).norm(dim=-1)


def far_apart(values_NF: Tensor, count: int) -> NDArray[np.int64]:
    """Rows that are most unlike each other, the most usual one first, each next the farthest from
    all before (Gonzalez 1985)."""
    first = int((values_NF - values_NF.mean(dim=0)).square().sum(dim=1).argmin())
    rows, nearest = [first], torch.full((len(values_NF),), torch.inf)
    while len(rows) < min(count, len(values_NF)):
        apart = (values_NF - values_NF[rows[-1]]).square().sum(dim=1)
        nearest = torch.minimum(nearest, apart)
        nearest[rows] = -1
        rows.append(int(nearest.argmax()))
    return np.array(rows)
