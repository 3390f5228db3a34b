"""Landmarks as a fourth input channel of the pair network (the note's experiment 6).

In training the mesh's drawing (`faces.drawing`) is given with the picture, bent alike, and left out
for some faces (dropout); a head predicts the straight drawing from the code, so that the encoder
learns to find landmarks by itself. In use the channel may then be missing: a picture of three
channels has an empty drawing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from faceloom import losses
from faceloom.data.batches import Batch
from faceloom.faces.drawing import LandmarkKind
from faceloom.models.base import Moment
from faceloom.models.pair import PairGenerator
from faceloom.nets.features import MeshCritic
from faceloom.nets.generators import Encoder, GeneratorShape, LandmarkHead


@dataclass(frozen=True)
class Landmarks:
    """How landmarks are given and asked for."""

    kind: LandmarkKind = "lines"
    dropout: float = 0.3
    """Probability that a face's landmarks are left out of its input."""
    weight: float = 0.1
    """Of the head's loss; 0 asks for nothing."""


class LandmarkPair(PairGenerator):
    """A pair whose encoder takes colour and drawn landmarks: (B, 4, S, S), or (B, 3, S, S) where
    none are given."""

    def __init__(self, shape: GeneratorShape, kind: LandmarkKind) -> None:
        super().__init__(shape)
        self.landmarks = kind

    def _encoder(self, shape: GeneratorShape) -> Encoder:
        return Encoder(shape, inputs=4)

    def encode(self, x_BCHW: Tensor) -> Tensor:
        missing = 4 - x_BCHW.shape[1]
        return super().encode(F.pad(x_BCHW, (0, 0, 0, 0, 0, missing)) if missing else x_BCHW)


def with_landmarks(batch: Batch, config: Landmarks, moment: Moment) -> Tensor:
    """Both sides' inputs (2 B, 4, S, S), a then b, the landmarks of some left out."""
    images = torch.cat([share.warped_BCHW for share in batch.sides])
    drawn = _joined([share.drawn_B1HW for share in batch.sides])
    kept = torch.rand(len(images), generator=moment.generator) >= config.dropout
    drawn = drawn * kept.to(drawn).view(-1, 1, 1, 1)
    return torch.cat([images, drawn], dim=1)


def landmark_term(
    head: LandmarkHead, codes_BD: Tensor, batch: Batch, config: Landmarks
) -> dict[str, Tensor]:
    """How well the head draws the targets' landmarks from the codes of both sides."""
    wanted = _joined([share.drawn_target_B1HW for share in batch.sides])
    return {"landmarks": config.weight * losses.mask_supervision(head(codes_BD), wanted)}


def mesh_distance(
    critic: MeshCritic, own: list[Tensor], swapped: list[Tensor], targets: list[Tensor]
) -> Tensor:
    """Landmark consistency; each list has both sides' faces (B, 3, S, S).

    A restored face has its target's landmarks. A swapped one is another's, so only its way from the
    mean of its side's faces in the batch is compared: the expression moves alike, the shape may be
    the other's. (With one face a side there is no way, and nothing is asked of the swap.)
    """
    with torch.no_grad():
        wanted = critic(torch.cat(targets))
    found, carried = critic(torch.cat(own + swapped)).chunk(2)
    restored = losses.landmark_distance(found, wanted, critic.eye_span_px)
    moves, wanted_moves = (_centred(points, len(targets)) for points in (carried, wanted))
    return restored + losses.landmark_distance(moves, wanted_moves, critic.eye_span_px)


def _centred(points_BM2: Tensor, sides: int) -> Tensor:
    groups = points_BM2.unflatten(0, (sides, -1))
    return (groups - groups.mean(dim=1, keepdim=True)).flatten(0, 1)


def _joined(planes: list[Tensor | None]) -> Tensor:
    found = [plane for plane in planes if plane is not None]
    if len(found) < len(planes):
        raise ValueError("a batch for landmarks needs face banks with drawn landmarks")
    return torch.cat(found)
