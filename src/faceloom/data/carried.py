"""How much further than a pair paints them features lie in exact answers.

What is between two people is seldom painted whole: a network that has to guess stays nearer to what
it sees, as the mean of its guesses does. Of how far it moves brows, lids and lips from where the
footage has them, the answers move them further by a share that is alike from pair to pair
(docs/decisions/0043); so what it has painted is bent by the rest.

Convention: places are x, y in [-1, 1] over a crop of coverage `COVERAGE`. Shapes: B faces, M mesh
points that are used.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from faceloom.data.movement import CHEEKS, COVERAGE, FOREHEAD, POINTS
from faceloom.data.reference import bending, pull, tight_grid
from faceloom.data.shape_match import CHIN, NOSE, spread
from faceloom.enlarge import enlarged
from faceloom.faces.mask import BROWS, FACE_OVAL, LEFT_EYE, LIPS, RIGHT_EYE

_TRUE = (
    (BROWS, (1.6,)),
    (RIGHT_EYE + LEFT_EYE, (1.3,)),
    (LIPS, (1.25,)),
    (FACE_OVAL + CHIN + NOSE + CHEEKS + FOREHEAD, (1.0,)),
)
"""How far exact answers move parts of the face, over how far a pair does."""


@cache
def true_shares() -> Tensor:
    """Of each of `movement.POINTS` (M, 1), from those of the parts around it."""
    return torch.from_numpy(spread(_TRUE)[POINTS]).float()


def carried(images_BCHW: Tensor, from_BM2: Tensor, to_BM2: Tensor) -> Tensor:
    """Pictures over the tight frame, floats in [-1, 1], bent so that what lies at one place lies
    at the other."""
    count, _, _, size_px = images_BCHW.shape
    field_B2NN = bending(to_BM2, from_BM2, pull(to_BM2))
    moves_B2HW = enlarged(field_B2NN, size_px, COVERAGE) * COVERAGE
    grid = tight_grid(count, size_px, 1.0).to(moves_B2HW) + moves_B2HW.permute(0, 2, 3, 1)
    # Linear sampling would blur it.
    found = F.grid_sample(
        images_BCHW, grid, mode="bicubic", padding_mode="border", align_corners=False
    )
    return found.clamp_(-1, 1)
