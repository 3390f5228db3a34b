"""The frozen identity network: a face crop to a 512-d unit vector.

MobileFaceNet (Chen et al. 2018, arXiv:1804.07573), batch norms folded into the convolutions,
weights from `faceplugin-face-recognition-js` 0.0.1 (MIT), converted by `tools/convert_identity.py`.
It selects faces and serves as a training loss; the judges that report are other networks.

Convention: input is the five-point ArcFace crop, 112 px, RGB in [-1, 1]; the BGR order that the
weights were trained with is handled inside.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from faceloom.faces import frozen
from faceloom.faces.align import reference_points
from faceloom.faces.face import Mesh
from faceloom.geometry import Similarity, umeyama
from faceloom.image import to_tensor, warp

IDENTITY_PX = 112
IDENTITY_DIM = 512

# The five-point template of ArcFace (Deng et al. 2019, arXiv:1801.07698): person's right eye, left
# eye, nose tip, right and left mouth corner, pixels of a 112 px crop.
_ARCFACE_52 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
     [70.7299, 92.2041]]
)  # fmt: skip


class _Stage(NamedTuple):
    width: int
    expansion: int
    blocks: int
    stride: int


_STAGES = (
    _Stage(64, 128, 1, 2),
    _Stage(64, 128, 4, 1),
    _Stage(128, 256, 1, 2),
    _Stage(128, 256, 6, 1),
    _Stage(128, 512, 1, 2),
    _Stage(128, 256, 2, 1),
)


class _ConvPReLU(nn.Module):
    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)
        self.prelu = nn.PReLU(outputs)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        conv = self.conv
        x_BCHW = frozen.convolve(
            x_BCHW, conv.weight, conv.bias, conv.stride[0], int(conv.padding[0]), conv.groups
        )
        return frozen.prelu(x_BCHW, self.prelu.weight)


class _Bottleneck(nn.Module):
    """Expand, depthwise, project; with a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        self.expand = _ConvPReLU(inputs, expansion)
        self.depthwise = _ConvPReLU(expansion, expansion, 3, stride, groups=expansion)
        self.project = nn.Conv2d(expansion, outputs, 1)
        self.shortcut = stride == 1

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y_BCHW: Tensor = self.project(self.depthwise(self.expand(x_BCHW)))
        return x_BCHW + y_BCHW if self.shortcut else y_BCHW


class IdentityNet(nn.Module):
    """(B, 3, 112, 112) RGB in [-1, 1] -> (B, 512), unit length. Differentiable in its input."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _ConvPReLU(3, 64, 3, 2)
        self.stem_depthwise = _ConvPReLU(64, 64, 3, 1, groups=64)
        stages: list[nn.Module] = []
        width = 64
        for stage in _STAGES:
            blocks = []
            for index in range(stage.blocks):
                stride = stage.stride if index == 0 else 1
                blocks.append(_Bottleneck(width, stage.width, stage.expansion, stride))
                width = stage.width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.widen = _ConvPReLU(width, IDENTITY_DIM)
        self.pool = nn.Conv2d(IDENTITY_DIM, IDENTITY_DIM, 7, groups=IDENTITY_DIM)
        self.embed = nn.Conv2d(IDENTITY_DIM, IDENTITY_DIM, 1)

    def features(self, x_BCHW: Tensor) -> list[Tensor]:
        """The maps after each scale: (B, 64, H/4, W/4), (B, 128, H/8, W/8), (B, 128, H/16, W/16).

        Fully convolutional: any size from 32 px on.
        """
        x_BCHW = self.stem_depthwise(self.stem(x_BCHW.flip(1)))
        maps = []
        for first, rest in zip(self.stages[::2], self.stages[1::2], strict=True):
            x_BCHW = rest(first(x_BCHW))
            maps.append(x_BCHW)
        return maps

    def embedding(self, deepest_BCHW: Tensor) -> Tensor:
        """The unit vector from the deepest 7x7 map of `features`."""
        return F.normalize(self.embed(self.pool(self.widen(deepest_BCHW))).flatten(1), dim=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.embedding(self.features(x_BCHW)[-1])


@cache
def load_identity() -> IdentityNet:
    """The shipped network, frozen, in evaluation mode; one instance a process."""
    net = IdentityNet()
    with as_file(files("faceloom.assets") / "identity.safetensors") as path:
        weights = load_file(path)
    net.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def five_points(mesh_4683: Mesh) -> NDArray[np.float32]:
    """Right eye, left eye, nose tip, right and left mouth corner of a mesh: (5, 2)."""
    xy = mesh_4683[:, :2]
    eyes = [xy[[33, 133]].mean(axis=0), xy[[362, 263]].mean(axis=0)]
    return np.stack([*eyes, xy[1], xy[61], xy[291]]).astype(np.float32)


def identity_transform(mesh_4683: Mesh) -> Similarity:
    """From the mesh's pixels to the network's 112 px crop."""
    return umeyama(five_points(mesh_4683), _ARCFACE_52)


def standard_transform(size_px: int, coverage: float = 1.0) -> Similarity:
    """From the standard crop (`faces.align`) of an average face to the network's crop."""
    return identity_transform(
        np.pad(reference_points(size_px, coverage), ((0, 0), (0, 1))).astype(np.float32)
    )


@torch.inference_mode()
def embed(
    net: IdentityNet, crops_BHWC: NDArray[np.uint8], meshes_B4683: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Identities (B, 512) of crops with their meshes in crop pixels."""
    side = (IDENTITY_PX, IDENTITY_PX)
    faces = [
        warp(crop, identity_transform(mesh), side)
        for crop, mesh in zip(crops_BHWC, meshes_B4683, strict=True)
    ]
    return net(to_tensor(np.stack(faces))).numpy()
