"""What cameras and codecs do: each against its definition, or another's implementation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from faceloom.data import degrade

SIDE_PX = 48
Degradation = Callable[[Tensor, Generator], Tensor]
ALL: dict[str, Degradation] = {
    "downsampled": degrade.downsampled,
    "motion": degrade.motion_blurred,
    "jpeg": degrade.compressed,
    "shadow": degrade.shadowed,
}


def smooth(count: int = 4, seed: int = 0) -> Tensor:
    coarse = torch.rand(count, 3, 7, 7, generator=generator(seed)) * 1.6 - 0.8
    return torch.nn.functional.interpolate(coarse, size=(SIDE_PX, SIDE_PX), mode="bicubic").clamp(
        -1, 1
    )


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("name", ALL)
def test_the_same_generator_does_the_same_and_leaves_its_input_alone(name: str) -> None:
    images = smooth()
    before = images.clone()
    first, again = (ALL[name](images, generator(1)) for _ in range(2))
    other = ALL[name](images, generator(2))
    assert torch.equal(images, before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == images.shape
    assert float(first.abs().max()) <= 1
    assert float((first - images).abs().mean()) > 1e-3


@pytest.mark.parametrize("name", ["downsampled", "motion"])
def test_an_even_picture_stays(name: str) -> None:
    even = torch.full((3, 3, SIDE_PX, SIDE_PX), 0.3)
    assert torch.allclose(ALL[name](even, generator()), even, atol=1e-5)


def test_jpeg_loses_more_at_lower_quality_and_little_at_the_best() -> None:
    images = smooth()
    lost = [
        float((degrade.compressed(images, generator(), (q, q)) - images).abs().mean())
        for q in (10.0, 40.0, 95.0)
    ]
    assert lost[0] > lost[1] > lost[2]
    assert 0.001 < lost[2] < 0.02


def test_the_grid_of_jpegs_blocks_is_not_always_at_the_same_place() -> None:
    """At a poor quality a ramp has steps where blocks meet: at other columns for other draws."""
    ramp = torch.linspace(-0.9, 0.9, SIDE_PX).expand(1, 3, SIDE_PX, SIDE_PX).contiguous()
    steps = set()
    for seed in range(6):
        found = degrade.compressed(ramp, generator(seed), (5, 5))[0, 1].mean(dim=0)
        steps.add(int((found.diff() - ramp[0, 1, 0].diff()).abs().argmax()) % 8)
    assert len(steps) > 2


def test_a_still_camera_does_not_blur_and_a_moving_one_smears_along_a_line() -> None:
    images = smooth()
    assert torch.allclose(degrade.motion_blurred(images, generator(), (0, 0)), images, atol=1e-6)
    dot = torch.full((1, 3, SIDE_PX, SIDE_PX), -1.0)
    dot[..., 24, 24] = 1
    trace = (degrade.motion_blurred(dot, generator(3), (0.2, 0.2))[0, 0] + 1) / 2
    assert float(trace.sum()) == pytest.approx(1, abs=1e-3)
    y, x = np.nonzero(trace.numpy() > 0.01)
    spread = np.linalg.eigvalsh(np.cov(np.stack([x, y]), aweights=trace.numpy()[y, x]))
    length_px = np.sqrt(12 * spread[1])
    assert length_px == pytest.approx(0.2 * SIDE_PX, rel=0.25)
    assert spread[0] < 0.1 * spread[1]


def test_no_reduction_is_the_identity() -> None:
    images = smooth()
    assert torch.allclose(degrade.downsampled(images, generator(), (1, 1)), images, atol=1e-5)


def test_a_shadow_only_darkens_one_part_and_keeps_hue() -> None:
    images = smooth(8)
    light = (degrade.shadowed(images, generator(1)) + 1) / (images + 1).clamp_min(1e-3)
    lit = (images > -0.9).all(dim=1, keepdim=True).expand_as(images)
    assert float(light[lit].max()) <= 1 + 1e-5
    assert float(light[lit].min()) >= 0.34
    spread = light.amax(dim=1) - light.amin(dim=1)
    assert float(spread[lit[:, 0]].max()) < 1e-4
    assert float(light[lit].max() - light[lit].min()) > 0.3
    assert torch.allclose(degrade.shadowed(images, generator(), (1, 1)), images, atol=1e-6)
