"""Coarse maps, enlarged by products."""

from __future__ import annotations

import torch

from faceloom.enlarge import enlarged


def test_maps_are_enlarged_over_the_frame_that_they_cover() -> None:
    ramp = torch.linspace(-15 / 16, 15 / 16, 16).expand(16, 16)
    whole, tight = (enlarged(ramp, 40, coverage) for coverage in (1.0, 2.0))
    places = (torch.arange(40) + 0.5) / 20 - 1
    assert torch.allclose(whole[3], places.clamp(-15 / 16, 15 / 16), atol=1e-5)
    assert torch.allclose(tight[3], places / 2, atol=1e-5)
