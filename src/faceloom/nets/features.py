"""Frozen face networks as critics in training: feature maps and identity of painted faces, and
where their landmarks lie.

Shapes: faces (B, 3, S, S) in [-1, 1], standard crops; each network's own view is cut by the fixed
similarity of an average face, so that the loss stays differentiable and cheap.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from faceloom.faces.align import reference_points
from faceloom.faces.expression import eye_span_px
from faceloom.faces.face import Face
from faceloom.faces.find import view_transform
from faceloom.faces.identity import IDENTITY_PX, IdentityNet, load_identity, standard_transform
from faceloom.faces.mesh_net import MESH_PX, MeshNet, load_mesh_net
from faceloom.geometry import Box, Similarity


class Opinion(NamedTuple):
    """Feature maps, shallow to deep, and unit identity (B, 512)."""

    maps: list[Tensor]
    embedding: Tensor


def _view_grid(inverse: Similarity, view_px: int, size_px: int) -> Tensor:
    """(1, V, V, 2): from a view's pixels to grid_sample's [-1, 1] over the picture."""
    u = (torch.arange(view_px) + 0.0).repeat(view_px, 1)
    v = u.T
    x = inverse.a * u - inverse.b * v + inverse.tx
    y = inverse.b * u + inverse.a * v + inverse.ty
    grid = torch.stack([(2 * x + 1) / size_px - 1, (2 * y + 1) / size_px - 1], dim=-1)
    return grid.float().unsqueeze(0)


class FaceCritic:
    """Callable on standard crops of one size and coverage; differentiable, without weights of its
    own in the learner's state."""

    def __init__(self, size_px: int, coverage: float) -> None:
        self._net = load_identity()
        inverse = standard_transform(size_px, coverage).inverse()
        self._grid_1HW2 = _view_grid(inverse, IDENTITY_PX, size_px)

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


class MeshCritic:
    """Where the mesh network sees the landmarks of standard crops: (B, 468, 2), crop pixels.

    Always in float32: a place in bfloat16 is a pixel or so.
    """

    def __init__(self, size_px: int, coverage: float) -> None:
        self._net = load_mesh_net()
        points_M2 = reference_points(size_px, coverage)
        mesh = np.pad(points_M2, ((0, 0), (0, 1))).astype(np.float32)
        self._inverse = view_transform(Face(Box.around(mesh), 1.0, None, mesh)).inverse()
        self._grid_1HW2 = _view_grid(self._inverse, MESH_PX, size_px)
        self.eye_span_px = float(eye_span_px(mesh))
        """Of the mean face."""

    def __call__(self, faces_BCHW: Tensor) -> Tensor:
        device = faces_BCHW.device
        with torch.autocast(device.type, enabled=False):
            grid = self._grid_1HW2.to(device).expand(len(faces_BCHW), -1, -1, -1)
            views = F.grid_sample((faces_BCHW.float() + 1) / 2, grid, align_corners=False)
            x_BM, y_BM, _ = self._net_on(device)(views).unbind(2)
            back = self._inverse
            return torch.stack(
                [back.a * x_BM - back.b * y_BM + back.tx, back.b * x_BM + back.a * y_BM + back.ty],
                dim=2,
            )

    def _net_on(self, device: torch.device) -> MeshNet:
        """The network on that device; the shared one stays on the CPU."""
        if self._net.device != device:
            self._net = copy.deepcopy(self._net).to(device)
        return self._net
