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
    return _PReLU.apply(x_BCHW, slope_C.to(x_BCHW.dtype))


class _PReLU(torch.autograd.Function):
    """A row of pixels at a time, with slopes for the whole row: where few channels are the
    innermost loop, CPU kernels are up to ten times slower, and torch's own gradient of it more."""

    @staticmethod
    def forward(ctx: Any, x_BCHW: Tensor, slope_C: Tensor) -> Tensor:
        x_RV, slope_V = _rows(x_BCHW), slope_C.repeat(x_BCHW.shape[3])
        ctx.save_for_backward(x_RV, slope_V)
        return _maps(torch._prelu_kernel(x_RV, slope_V), x_BCHW)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        x_RV, slope_V = ctx.saved_tensors
        grad_RV = _rows(grads[0])
        passed_RV = torch.ops.aten.leaky_relu_backward(grad_RV, x_RV, 0.0, False)
        return _maps(torch.lerp(passed_RV, grad_RV, slope_V), grads[0]), None


def _rows(x_BCHW: Tensor) -> Tensor:
    """Maps as rows of pixels, a pixel's channels side by side: (B H, W C)."""
    x_BHWC = x_BCHW.permute(0, 2, 3, 1).contiguous()
    return x_BHWC.flatten(2).flatten(0, 1)


def _maps(x_RV: Tensor, like_BCHW: Tensor) -> Tensor:
    """Rows of pixels as maps again, channels last."""
    count, channels, height, width = like_BCHW.shape
    return x_RV.view(count, height, width, channels).permute(0, 3, 1, 2)


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
