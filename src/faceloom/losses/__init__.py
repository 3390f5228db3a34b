"""Losses: tensors in, scalar out; no state, no settings of their own.

    reconstruction.py   L1, L2, edge; weighting of eyes and mouth
    structure.py        SSIM, multi-scale SSIM
    targets.py          a target carried on beyond the face's outline
    adversarial.py      least squares, mixup, relativistic, hinge, Wasserstein; penalties
    mask.py             size, hinge, variation, supervision
    perceptual.py       distances of feature maps
    code.py             KL, code-adversarial, domain-adversarial
    consistency.py      cycle, semantics, identity, landmarks
    schedule.py         weights that change with progress
    specks.py           coloured specks

Shapes: images (B, 3, H, W) in [-1, 1]; weights and masks (B, 1, H, W), weights >= 0, masks in
[0, 1]; embeddings (B, D), unit length. All are means, so that no size or batch enters the value.
"""

from __future__ import annotations

from faceloom.losses.adversarial import (
    gradient_penalty,
    hinge_discriminator,
    least_squares,
    mixup,
    r1_penalty,
    raise_score,
    relativistic_discriminator,
    relativistic_generator,
    wasserstein_discriminator,
)
from faceloom.losses.code import (
    code_discriminator,
    code_generator,
    domain_confusion,
    kl_divergence,
    reparameterised,
    reverse_gradient,
)
from faceloom.losses.consistency import (
    cycle,
    identity_distance,
    landmark_distance,
    semantic_consistency,
)
from faceloom.losses.mask import mask_hinge, mask_size, mask_supervision, total_variation
from faceloom.losses.perceptual import (
    NOTE_WEIGHTS,
    V2_2_WEIGHTS,
    feature_distance,
    instance_normalised,
    perceptual_distance,
)
from faceloom.losses.reconstruction import part_weight, weighted_edge, weighted_l1, weighted_l2
from faceloom.losses.schedule import OFF, Schedule, constant
from faceloom.losses.specks import speckiness, specks
from faceloom.losses.structure import luminance, multiscale_dssim, ssim_map, weighted_dssim
from faceloom.losses.targets import extended

__all__ = [
    "NOTE_WEIGHTS",
    "OFF",
    "V2_2_WEIGHTS",
    "Schedule",
    "code_discriminator",
    "code_generator",
    "constant",
    "cycle",
    "domain_confusion",
    "extended",
    "feature_distance",
    "gradient_penalty",
    "hinge_discriminator",
    "identity_distance",
    "instance_normalised",
    "kl_divergence",
    "landmark_distance",
    "least_squares",
    "luminance",
    "mask_hinge",
    "mask_size",
    "mask_supervision",
    "mixup",
    "multiscale_dssim",
    "part_weight",
    "perceptual_distance",
    "r1_penalty",
    "raise_score",
    "relativistic_discriminator",
    "relativistic_generator",
    "reparameterised",
    "reverse_gradient",
    "semantic_consistency",
    "speckiness",
    "specks",
    "ssim_map",
    "total_variation",
    "wasserstein_discriminator",
    "weighted_dssim",
    "weighted_edge",
    "weighted_l1",
    "weighted_l2",
]
