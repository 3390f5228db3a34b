"""Where one person's features lie on the other's face, as the trunk paints them.

References are laid there, and there a pair learns to paint. A law by both people's mean shapes
(`data.shape_match`) is wrong by a pixel, since the mesh network reads two people differently by as
much; the trunk has learned it from exact answers, and the network reads a face and the swap on it
more alike (docs/decisions/0035).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceloom.data.faceset import FaceSet
from faceloom.data.movement import COVERAGE
from faceloom.data.sampling import evenly
from faceloom.faces.pose import upright_axes
from faceloom.models.base import SIDES, Learner, Side, Swapper, other_side
from faceloom.models.pair import PairGenerator
from faceloom.train.in_place import Autocast, InPlace

_FACES = 48
_LEAST_FACES = 12
"""Fewer faces that the network sees in both pictures say too little."""


def keep_places(
    learner: Learner,
    face_sets: dict[Side, FaceSet],
    rows: dict[Side, NDArray[np.int64]],
    autocast: Autocast,
    trust: float,
) -> None:
    """Have the galleries of a pair that is fresh from the trunk say where it paints features, if
    it has any, and carry these on as far as the trunk is trusted (`data.carried`), unless that was
    not to be seen on both sides; rows are those of the sets that are trained on."""
    generator = learner.generator_modules
    if not isinstance(generator, PairGenerator) or not generator.has_galleries:
        return
    found = {
        side: painted_moves(learner.swapper, face_sets[side], rows[side], side, autocast)
        for side in SIDES
    }
    for side, moves_N2 in found.items():
        if moves_N2 is not None:
            generator.gallery(side).moves_N2.copy_(moves_N2)
    if generator.carried is not None and all(moves is not None for moves in found.values()):
        generator.carried.fill_(trust)


def painted_moves(
    swapper: Swapper, faces: FaceSet, rows: NDArray[np.int64], side: Side, autocast: Autocast
) -> Tensor | None:
    """How the points of the mean shape (468, 2) of a side's person move when some of these faces
    are painted as the other, heads turned to the front, in crops of `movement.COVERAGE`; None where
    too few faces show it. The swapper's weights are on the CPU."""
    shown = InPlace(faces, rows[evenly(len(rows), _FACES)], swapper.size_px)
    painted, _ = shown.swapped(swapper, side, other_side(side), torch.device("cpu"), autocast)
    meshes = zip(shown.meshes_in(shown.pictures), shown.meshes_in(painted), strict=True)
    moves = [
        (after - before)[:, :2] @ np.linalg.pinv(upright_axes(before)[:2, :2])
        for before, after in meshes
        if before is not None and after is not None
    ]
    if len(moves) < _LEAST_FACES:
        return None
    median_N2 = np.median(np.stack(moves), axis=0) * (2 / swapper.size_px / COVERAGE)
    return torch.from_numpy(median_N2).float()
