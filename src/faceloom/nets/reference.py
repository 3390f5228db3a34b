"""What a decoder takes from a reference: another picture of the person it paints, already laid onto
the features of the face to be painted (`data.reference`).

A code says how the face is turned, lit and what it does; it is too small to say where every hair of
a brow is. The reference shows it, in another light and seldom with the same expression. So it is
given in two ways: as maps that are added to the decoder's own, and as fine detail, by which the
painted colours are multiplied as far as a learned gate lets it through: eyes that look elsewhere
and a mouth that is shut in the reference stay out.

Shapes: references (B, 3, S, S) in [-1, 1]; 0 in all where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceloom.enlarge import enlarged
from faceloom.nets.blocks import Down, Residual, SubpixelUp, activate, conv3, fold, in_full

_COARSE_PX = 8
"""Detail is what is finer than this."""
_BLACK = 0.04
"""Added to light, 0 to 1, so that noise in the dark is no detail."""
_DETAIL_LIMIT = 1.0
"""Of detail, as a logarithm."""
_GATE_START = -1.0
"""The gate's logit before anything is learned."""


@dataclass(frozen=True)
class ReferenceMaps:
    """What a reference gives a decoder, from the larger map to the smaller."""

    fine: Tensor
    coarse: Tensor


class ReferencePath(nn.Module):
    """Reads references for a decoder whose last two maps have these widths, and lets their detail
    into what it paints. As drawn, it adds nothing to the maps."""

    def __init__(self, coarse_width: int, fine_width: int, head: int) -> None:
        super().__init__()
        self.head = head
        self.enter = conv3(3 * head**2, fine_width)
        self.down = Down(fine_width, coarse_width)
        self.add_coarse = nn.Conv2d(coarse_width, coarse_width, 1)
        self.add_fine = nn.Conv2d(fine_width, fine_width, 1)
        for last in (self.add_coarse, self.add_fine):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        self.mix = Residual(fine_width)
        self.gate = SubpixelUp(fine_width, 1, head, gain=0.1)
        nn.init.constant_(self.gate.conv.bias, _GATE_START)  # type: ignore[arg-type]

    def read(self, reference_BCHW: Tensor) -> ReferenceMaps:
        """The maps of references, to be added to the decoder's."""
        fine = activate(self.enter(fold(reference_BCHW, self.head)))
        return ReferenceMaps(self.add_fine(fine), self.add_coarse(self.down(fine)))

    def detailed(self, rgb_BCHW: Tensor, logit_B1HW: Tensor, reference_BCHW: Tensor) -> Tensor:
        """The painted colours in [-1, 1] with the reference's detail, as far as the gate, by its
        logits, lets it through."""
        gate_B1HW = torch.sigmoid(logit_B1HW.float().contiguous())
        return with_detail(rgb_BCHW, gate_B1HW, detail(reference_BCHW.float()))


@torch.no_grad()
def detail(image_BCHW: Tensor) -> Tensor:
    """How much lighter each pixel is than what is around it, as a logarithm."""
    light = (image_BCHW / 2).add_(0.5 + _BLACK)
    size_px = (light.shape[-2], light.shape[-1])
    with in_full(light.device):
        around = enlarged(F.avg_pool2d(light, _COARSE_PX), size_px)
    return light.div_(around).log_().clamp_(-_DETAIL_LIMIT, _DETAIL_LIMIT)


def with_detail(rgb_BCHW: Tensor, gate_B1HW: Tensor, detail_BCHW: Tensor) -> Tensor:
    """Colours in [-1, 1], lighter or darker by as much of the detail as the gate (0 to 1) lets
    through."""
    return cast("Tensor", _Detailed.apply(rgb_BCHW, gate_B1HW, detail_BCHW))


class _Detailed(torch.autograd.Function):
    """((rgb + c) * exp(gate * detail) - c) within [-1, 1], with c = 1 + 2 * _BLACK: half as many
    passes over whole pictures as autograd would make."""

    @staticmethod
    def forward(ctx: Any, rgb_BCHW: Tensor, gate_B1HW: Tensor, detail_BCHW: Tensor) -> Tensor:
        lifted = 1 + 2 * _BLACK
        factor = torch.mul(gate_B1HW, detail_BCHW).exp_()
        whole = (rgb_BCHW + lifted).mul_(factor)
        ctx.save_for_backward(whole, factor, detail_BCHW)
        return (whole - lifted).clamp_(-1, 1)

    @staticmethod
    def backward(ctx: Any, grad_BCHW: Tensor) -> tuple[Tensor, Tensor, None]:
        whole, factor, detail_BCHW = ctx.saved_tensors
        inside = (whole > 2 * _BLACK) & (whole < 2 + 2 * _BLACK)
        grad = grad_BCHW * inside
        of_gate = (grad * whole).mul_(detail_BCHW).sum(dim=1, keepdim=True)
        return grad.mul_(factor), of_gate, None
