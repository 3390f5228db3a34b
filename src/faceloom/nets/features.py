"""The frozen face network as a critic in training: feature maps and identity of painted faces.

Shapes: faces (B, 3, S, S) in [-1, 1], standard crops; the network's own 112 px crop is cut by the
fixed similarity of an average face, so that the loss stays differentiable and cheap.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from faceloom.faces.identity import IDENTITY_PX, IdentityNet, load_identity, standard_transform


class Opinion(NamedTuple):
    """Feature maps, shallow to deep, and unit identity (B, 512)."""

    maps: list[Tensor]
    embedding: Tensor


class FaceCritic:
    """Callable on standard crops of one size and coverage; differentiable, without weights of its
    own in the learner's state."""

    def __init__(self, size_px: int, coverage: float) -> None:
        self._net = load_identity()
        inverse = standard_transform(size_px, coverage).inverse()
        # From output pixels to grid_sample's [-1, 1] over the input.
        u = (torch.arange(IDENTITY_PX) + 0.0).repeat(IDENTITY_PX, 1)
        v = u.T
        x = inverse.a * u - inverse.b * v + inverse.tx
        y = inverse.b * u + inverse.a * v + inverse.ty
        grid = torch.stack([(2 * x + 1) / size_px - 1, (2 * y + 1) / size_px - 1], dim=-1)
        self._grid_1HW2 = grid.float().unsqueeze(0)

    def __call__(self, faces_BCHW: Tensor) -> Opinion:
        net = self._net_on(faces_BCHW.device)
        maps = net.features(self._crops(faces_BCHW))
        return Opinion(maps, net.embedding(maps[-1]))

    def depths(self, faces_BCHW: Tensor) -> list[Tensor]:
        """Feature maps at four depths, deep to shallow, as perceptual losses weigh them."""
        net = self._net_on(faces_BCHW.device)
        maps = net.features(self._crops(faces_BCHW))
        return [net.widen(maps[-1]), *reversed(maps)]

    def _net_on(self, device: torch.device) -> IdentityNet:
        """The network on that device; the shared one stays on the CPU, where faces are selected."""
        if next(self._net.parameters()).device != device:
            self._net = copy.deepcopy(self._net).to(device)
        return self._net

    def _crops(self, faces_BCHW: Tensor) -> Tensor:
        grid = self._grid_1HW2.to(faces_BCHW.device).expand(len(faces_BCHW), -1, -1, -1)
        crops = F.grid_sample(faces_BCHW, grid, padding_mode="border", align_corners=False)
        return crops.contiguous(memory_format=torch.channels_last)
