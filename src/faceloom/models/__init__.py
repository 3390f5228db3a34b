"""What is trained and used: learners and swappers, chosen by their configuration.

base.py         the contracts: Learner, Phase, Swapper
masked_gan.py   the masked pair model (`fast`, `quality`), with landmarked.py (`landmarks`)
origin.py       faceswap-GAN v1, v2, v2.2
alpha_gan.py    VAE, alphaGAN
any_to_one.py   any person to one, XGAN
cycle_gan.py    CycleGAN, without and with a mask
parts.py, pair.py, coded.py, rivalry.py   what they share
"""

from __future__ import annotations

from typing import assert_never

from torch import Tensor

from faceloom.faces.drawing import LandmarkKind
from faceloom.models.alpha_gan import AlphaGan, AlphaGanConfig
from faceloom.models.any_to_one import AnyToOne, AnyToOneConfig
from faceloom.models.base import Learner, SwapNet
from faceloom.models.cycle_gan import CycleGan, CycleGanConfig
from faceloom.models.masked_gan import MaskedGan, MaskedGanConfig
from faceloom.models.origin import OriginConfig, OriginLearner

ModelConfig = MaskedGanConfig | OriginConfig | AlphaGanConfig | CycleGanConfig | AnyToOneConfig
"""Every model's configuration; its `learner` value tells them apart."""

__all__ = [
    "AlphaGanConfig",
    "AnyToOneConfig",
    "CycleGanConfig",
    "MaskedGanConfig",
    "ModelConfig",
    "OriginConfig",
    "build_generator",
    "build_learner",
    "is_referenced",
    "is_trunk",
    "landmark_kind",
    "learns_from_answers",
]


def build_learner(config: ModelConfig, identities: Tensor | None = None) -> Learner:
    """The learner that a configuration describes, with fresh weights from torch's generator.

    `identities` are both sides' mean identity vectors (2, 512), for the models that use them.
    """
    match config:
        case MaskedGanConfig():
            return MaskedGan(config, identities)
        case OriginConfig():
            return OriginLearner(config)
        case AlphaGanConfig():
            return AlphaGan(config)
        case CycleGanConfig():
            return CycleGan(config)
        case AnyToOneConfig():
            return AnyToOne(config)
        case _:
            assert_never(config)


def is_trunk(config: ModelConfig) -> bool:
    """Whether one decoder paints everybody, told whose face it is."""
    return isinstance(config, MaskedGanConfig) and config.decoders == 1


def is_referenced(config: ModelConfig) -> bool:
    """Whether decoders are shown pictures of whom they paint."""
    return isinstance(config, MaskedGanConfig) and config.referenced and config.landmarks is None


def learns_from_answers(config: ModelConfig) -> bool:
    """Whether row n of one side must be the exact answer to row n of the other."""
    return isinstance(config, MaskedGanConfig) and config.answered > 0


def landmark_kind(config: ModelConfig) -> LandmarkKind | None:
    """Which landmarks a model is given in training, None for none."""
    if isinstance(config, MaskedGanConfig) and config.landmarks is not None:
        return config.landmarks.kind
    return None


def build_generator(config: ModelConfig) -> SwapNet:
    """The network that conversion uses, without what only trains it."""
    match config:
        case MaskedGanConfig():
            return MaskedGan.make_generator(config)
        case OriginConfig():
            return OriginLearner.make_generator(config)
        case AlphaGanConfig():
            return AlphaGan.make_generator(config)
        case CycleGanConfig():
            return CycleGan.make_generator(config)
        case AnyToOneConfig():
            return AnyToOne.make_generator(config)
        case _:
            assert_never(config)
