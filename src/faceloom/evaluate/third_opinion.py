"""A third network that knows faces, beside the judge and training's: for agreement only.

MobileNet (Howard et al. 2017, arXiv:1704.04861) that learned the identities of VGGFace2 (Cao et al.
2018, arXiv:1710.08092; Savchenko 2019, doi:10.7717/peerj-cs.197), weights `faceres` of the npm
package `@vladmandic/human` 3.3.6 (MIT), converted by `tools/convert_third_opinion.py`, batch norms
folded. No loss and no selection of faces uses it.

Convention: crops are RGB float (B, 3, 224, 224), 0 to 255; the BGR order and the means that the
weights were trained with are handled inside.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from faceloom.faces.align import crop_transform
from faceloom.faces.face import Mesh
from faceloom.image import RGB, warp

CROP_PX = 224
_COVERAGE = 1.15
_BGR_MEANS = (103.939, 116.779, 123.68)
_WIDTHS_AND_STRIDES = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1),
    (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip


class ThirdOpinionNet(nn.Module):
    """(B, 3, 224, 224) -> (B, 1024), unit length."""

    def __init__(self) -> None:
        super().__init__()
        width = 32
        layers: list[nn.Conv2d] = [nn.Conv2d(3, width, 3, 2)]
        for outputs, stride in _WIDTHS_AND_STRIDES:
            layers += [
                nn.Conv2d(width, width, 3, stride, groups=width),
                nn.Conv2d(width, outputs, 1),
            ]
            width = outputs
        self.layers = nn.ModuleList(layers)

    def forward(self, rgb_BCHW: Tensor) -> Tensor:
        y_BCHW = rgb_BCHW.flip(1) - rgb_BCHW.new_tensor(_BGR_MEANS).view(1, 3, 1, 1)
        for layer in self.layers:
            assert isinstance(layer, nn.Conv2d)
            y_BCHW = F.relu6(layer(_padded(y_BCHW, layer)))
        return F.normalize(y_BCHW.mean(dim=(2, 3)))


def third_opinion(rgb: RGB, mesh_4683: Mesh) -> NDArray[np.float32]:
    """Who a face looks like: a unit vector (1024,)."""
    crop = warp(rgb, crop_transform(mesh_4683, CROP_PX, _COVERAGE), (CROP_PX, CROP_PX), "area")
    crop_BCHW = torch.from_numpy(crop.astype(np.float32)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        return np.asarray(_load_net()(crop_BCHW)[0].numpy(), np.float32)


@cache
def _load_net() -> ThirdOpinionNet:
    with as_file(files("faceloom.assets") / "third_opinion.safetensors") as path:
        weights = load_file(path)
    net = ThirdOpinionNet().eval()
    net.load_state_dict({name: value.float() for name, value in weights.items()})
    return net.requires_grad_(False)


def _padded(x_BCHW: Tensor, layer: nn.Conv2d) -> Tensor:
    """Zeros around it as TensorFlow's "same" puts them: the odd one below and to the right."""
    kernel, stride = layer.kernel_size[0], layer.stride[0]
    size = x_BCHW.shape[-1]
    total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return F.pad(x_BCHW, (total // 2, total - total // 2) * 2) if total else x_BCHW
