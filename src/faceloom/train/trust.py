"""How far a pair's swaps are held to those of the trunk: as far as it knows these people.

The answer to a swap is not known, that to restoring a face is the face itself. A trunk that
restores a pair's own faces well, untrained, has met such people and such pictures, and what it
makes of their swaps is worth keeping; one that does not, has much to learn from them
(docs/decisions/0037).
"""

from __future__ import annotations

import torch
from torch import Tensor

from faceloom import losses
from faceloom.data import augment
from faceloom.data.bank import FaceBank
from faceloom.data.reference import tight_grid
from faceloom.data.sampling import evenly
from faceloom.models import build_generator, is_referenced, is_trunk
from faceloom.models.base import SIDES, Learner, Side
from faceloom.models.masked_gan import MaskedGan
from faceloom.models.pair import PairGenerator
from faceloom.nets.generators import Encoded
from faceloom.train.config import TrainConfig
from faceloom.train.in_place import Autocast
from faceloom.train.warm_start import TRUNK, warm_start

_FACES = 48
_TRUSTED, _UNTRUSTED = 0.20, 0.235
"""Errors of restoring up to which a trunk is wholly trusted, and from which not at all."""


def hold_to_trunk(
    learner: Learner,
    config: TrainConfig,
    banks: dict[Side, FaceBank],
    people_2E: Tensor,
    autocast: Autocast,
) -> float:
    """Have a pair that starts from the trunk stay near what this paints, as far as it is to be
    trusted, 0 to 1: the answer; and have it paint the inputs that are turned back. `people` are
    both sides' descriptions. The same for every process of a run, and when it is resumed. Only
    where decoders are shown references (96 px): the other trunks are older."""
    if not isinstance(learner, MaskedGan) or config.start != TRUNK:
        return 0.0
    model = learner.config
    if is_trunk(model) or not is_referenced(model) or not (model.weights.hold or model.returned):
        return 0.0
    trunk = build_generator(model)
    assert isinstance(trunk, PairGenerator)
    warm_start(trunk, TRUNK, trunk.size_px, people_2E)
    trust = 0.0
    if model.weights.hold:
        trust = trust_by(max(restoring_error(trunk, banks[s], s, autocast) for s in SIDES))
    learner.hold_to(trunk, trust)
    return trust


def trust_by(error: float) -> float:
    """Trust, 0 to 1, in a trunk that restores the faces of the side that it knows less with this
    error; rounded, so that it is the same for all processes."""
    known = (_UNTRUSTED - error) / (_UNTRUSTED - _TRUSTED)
    return round(min(1.0, max(0.0, known)), 2)


@torch.inference_mode()
def restoring_error(
    generator: PairGenerator, bank: FaceBank, side: Side, autocast: Autocast
) -> float:
    """(1 - SSIM) / 2 within the hull of a side's own faces, painted from their codes alone, and the
    faces themselves; the mean of `_FACES` of them. The generator's weights are on the CPU."""
    planes = bank.planes[evenly(len(bank), _FACES)]
    grid = tight_grid(len(planes), generator.size_px, bank.coverage)
    faces = augment.sample(planes[:, :3].float(), grid) / 127.5 - 1
    hulls = augment.sample(planes[:, 3:4].float(), grid) / 255
    with autocast():
        painted, _ = generator.decode(Encoded(generator.encode(faces)), side)
    return float(losses.weighted_dssim(painted.float(), faces, hulls))
