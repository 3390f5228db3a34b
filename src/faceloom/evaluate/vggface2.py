"""Inception-ResNet (v1) trained on VGGFace2: which of 8631 known people a face looks like.

For those who have its weights: a safetensors file with the names of facenet-pytorch's model
(`20180402-114759-vggface2`; convert it once with safetensors' `save_file`). A text file beside it,
of the same name, may hold the people's names, one a line.

Convention: input is the face's box stretched to 160 px, RGB, (x - 127.5) / 128.
Sources: Szegedy et al. 2016, arXiv:1602.07261; Cao et al. 2018, arXiv:1710.08092.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from faceloom.errors import UserError
from faceloom.evaluate.identity_readers import Vector
from faceloom.faces.face import Mesh
from faceloom.image import RGB, warp

INPUT_PX = 160
_STEM = 32
"""Width of the first layer in full; a file with a narrower one is read as a thinner network."""
_EPS = 1e-3

Kernel = int | tuple[int, int]


class _Conv(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: Kernel = 1, stride: int = 1, padding: Kernel = 0
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, _EPS)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x_BCHW)))


class _Block(nn.Module):
    """Branches side by side, joined by a 1x1 convolution and added to the input."""

    def __init__(
        self, width: int, branches: Sequence[nn.Module], joined: int, scale: float, last: bool
    ) -> None:
        super().__init__()
        for number, branch in enumerate(branches):
            self.add_module(f"branch{number}", branch)
        self._count = len(branches)
        self.conv2d = nn.Conv2d(joined, width, 1)
        self._scale, self._last = scale, last

    def forward(self, x_BCHW: Tensor) -> Tensor:
        parts = [self.get_submodule(f"branch{k}")(x_BCHW) for k in range(self._count)]
        out = x_BCHW + self._scale * self.conv2d(torch.cat(parts, 1))
        return out if self._last else F.relu(out)


class _Mixed(nn.Module):
    """Branches side by side that halve the size, the last of them a maximum."""

    def __init__(self, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        for number, branch in enumerate(branches):
            self.add_module(f"branch{number}", branch)
        self._count = len(branches)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        parts = [self.get_submodule(f"branch{k}")(x_BCHW) for k in range(self._count)]
        return torch.cat([*parts, F.max_pool2d(x_BCHW, 3, 2)], 1)


class InceptionResNet(nn.Module):
    """(B, 3, 160, 160) in [-1, 1] -> logits (B, classes). `thin` divides all widths."""

    def __init__(self, classes: int = 8631, thin: int = 1) -> None:
        super().__init__()

        def w(width: int) -> int:
            return max(1, width // thin)

        self.conv2d_1a = _Conv(3, w(32), 3, 2)
        self.conv2d_2a = _Conv(w(32), w(32), 3)
        self.conv2d_2b = _Conv(w(32), w(64), 3, 1, 1)
        self.conv2d_3b = _Conv(w(64), w(80))
        self.conv2d_4a = _Conv(w(80), w(192), 3)
        self.conv2d_4b = _Conv(w(192), w(256), 3, 2)
        self.repeat_1 = nn.Sequential(*(_block35(w(256), w(32)) for _ in range(5)))
        self.mixed_6a = _Mixed([
            _Conv(w(256), w(384), 3, 2),
            nn.Sequential(_Conv(w(256), w(192)), _Conv(w(192), w(192), 3, 1, 1),
                          _Conv(w(192), w(256), 3, 2)),
        ])  # fmt: skip
        wide = w(384) + 2 * w(256)
        self.repeat_2 = nn.Sequential(*(_block17(wide, w(128)) for _ in range(10)))
        self.mixed_7a = _Mixed([
            nn.Sequential(_Conv(wide, w(256)), _Conv(w(256), w(384), 3, 2)),
            nn.Sequential(_Conv(wide, w(256)), _Conv(w(256), w(256), 3, 2)),
            nn.Sequential(_Conv(wide, w(256)), _Conv(w(256), w(256), 3, 1, 1),
                          _Conv(w(256), w(256), 3, 2)),
        ])  # fmt: skip
        widest = wide + w(384) + 2 * w(256)
        self.repeat_3 = nn.Sequential(*(_block8(widest, w(192), 0.2) for _ in range(5)))
        self.block8 = _block8(widest, w(192), 1.0, last=True)
        self.last_linear = nn.Linear(widest, w(512), bias=False)
        self.last_bn = nn.BatchNorm1d(w(512), _EPS)
        self.logits = nn.Linear(w(512), classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x_BCHW)))
        x = self.conv2d_4b(self.conv2d_4a(self.conv2d_3b(F.max_pool2d(x, 3, 2))))
        x = self.mixed_7a(self.repeat_2(self.mixed_6a(self.repeat_1(x))))
        x = self.block8(self.repeat_3(x)).mean(dim=(2, 3))
        return self.logits(self.last_bn(self.last_linear(x)))


def _block35(width: int, narrow: int) -> _Block:
    branches = [
        _Conv(width, narrow),
        nn.Sequential(_Conv(width, narrow), _Conv(narrow, narrow, 3, 1, 1)),
        nn.Sequential(_Conv(width, narrow), _Conv(narrow, narrow, 3, 1, 1),
                      _Conv(narrow, narrow, 3, 1, 1)),
    ]  # fmt: skip
    return _Block(width, branches, 3 * narrow, 0.17, last=False)


def _block17(width: int, narrow: int) -> _Block:
    branches = [
        _Conv(width, narrow),
        nn.Sequential(_Conv(width, narrow), _Conv(narrow, narrow, (1, 7), 1, (0, 3)),
                      _Conv(narrow, narrow, (7, 1), 1, (3, 0))),
    ]  # fmt: skip
    return _Block(width, branches, 2 * narrow, 0.1, last=False)


def _block8(width: int, narrow: int, scale: float, last: bool = False) -> _Block:
    branches = [
        _Conv(width, narrow),
        nn.Sequential(_Conv(width, narrow), _Conv(narrow, narrow, (1, 3), 1, (0, 1)),
                      _Conv(narrow, narrow, (3, 1), 1, (1, 0))),
    ]  # fmt: skip
    return _Block(width, branches, 2 * narrow, scale, last)


class IdentityPredictor:
    """Callable on a frame and a mesh: logits over the known people."""

    def __init__(self, weights: Path) -> None:
        """Raises UserError if the file does not hold the network's weights."""
        try:
            state = load_file(weights)
        except (OSError, SafetensorError) as error:
            raise UserError(
                f"{weights}: cannot be read as safetensors ({error}); convert facenet-pytorch's"
                " vggface2 weights with safetensors.torch.save_file"
            ) from error
        try:
            thin = _STEM // len(state["conv2d_1a.conv.weight"])
            self._net = InceptionResNet(len(state["logits.weight"]), thin)
            self._net.load_state_dict(state)
        except (KeyError, RuntimeError, ZeroDivisionError) as error:
            first = str(error).strip().splitlines()[-1].strip()
            raise UserError(
                f"{weights}: does not hold an Inception-ResNet of VGGFace2 ({first}); give"
                " facenet-pytorch's weights, converted to safetensors"
            ) from error
        self._net.eval().requires_grad_(False)
        self.names = _names(weights.with_suffix(".txt"), self._net.logits.out_features)

    @torch.inference_mode()
    def __call__(self, rgb: RGB, mesh_4683: Mesh) -> Vector:
        low, high = mesh_4683[:, :2].min(axis=0), mesh_4683[:, :2].max(axis=0)
        scale = INPUT_PX / np.maximum(high - low, 1.0)
        matrix = np.column_stack([np.diag(scale), -scale * low])
        crop = warp(rgb, matrix, (INPUT_PX, INPUT_PX), "area")
        x_BCHW = torch.from_numpy(crop).permute(2, 0, 1)[None].float()
        return np.asarray(self._net((x_BCHW - 127.5) / 128)[0].numpy(), np.float32)

    def top(self, logits_D: Vector, count: int = 3) -> list[tuple[str, float]]:
        """The most likely people and their probabilities."""
        odds = np.exp(logits_D - logits_D.max())
        shares = odds / odds.sum()
        first = np.argsort(-shares, kind="stable")[:count].tolist()
        return [(self.names[k], float(shares[k])) for k in first]


def _names(path: Path, count: int) -> list[str]:
    if not path.is_file():
        return [f"identity {k}" for k in range(count)]
    names = path.read_text(encoding="utf-8").split("\n")[:count]
    if len(names) < count:
        raise UserError(f"{path}: holds {len(names)} names for {count} people; give one a line")
    return names
