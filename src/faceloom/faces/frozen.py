"""What frozen networks compute, in forms whose gradients are quick on a CPU.

Shapes: maps (B, C, H, W), channels last; gradients pass to the maps alone, never to weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def prelu(x_BCHW: Tensor, slope_C: Tensor) -> Tensor:
    """Positive values as they are, others times their channel's slope (He et al. 2015)."""
    return _PReLU.apply(x_BCHW, slope_C.view(1, -1, 1, 1).to(x_BCHW.dtype))


class _PReLU(torch.autograd.Function):
    """As slope x + (1 - slope) relu(x), both ways: torch's own kernels, and `where`, are several
    times slower on a CPU."""

    @staticmethod
    def forward(ctx: Any, x_BCHW: Tensor, slope_1C11: Tensor) -> Tensor:
        ctx.save_for_backward(x_BCHW, slope_1C11)
        return torch.addcmul(slope_1C11 * x_BCHW, 1 - slope_1C11, F.relu(x_BCHW))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        x_BCHW, slope_1C11 = ctx.saved_tensors
        passed = torch.ops.aten.threshold_backward(grads[0], x_BCHW, 0)
        return torch.addcmul(slope_1C11 * grads[0], 1 - slope_1C11, passed), None


def convolve(
    x_BCHW: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
) -> Tensor:
    """A convolution; where a gradient is wanted, a strided depthwise one is done in full and every
    `stride`-th place kept: the CPU's own gradient of it is thirty times slower."""
    if stride == 1 or groups == 1 or not x_BCHW.requires_grad:
        return F.conv2d(x_BCHW, weight, bias, stride, padding, groups=groups)
    full = F.conv2d(x_BCHW, weight, bias, 1, padding, groups=groups)
    return full[..., ::stride, ::stride].contiguous(memory_format=torch.channels_last)
