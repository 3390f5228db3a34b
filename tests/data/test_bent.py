"""Bent pictures for use: the same as training's way of laying them."""

from __future__ import annotations

import pytest
import torch

from faceloom.data import bent
from faceloom.data.bent import bent_bytes
from faceloom.data.movement import COVERAGE
from faceloom.data.reference import laid, tight_grid

SIZE_PX, SIDE_PX = 64, 92


@pytest.mark.parametrize("most_rows", [32_000, 300])
@pytest.mark.parametrize(("count", "channels"), [(2, 3), (3, 1), (12, 1)])
def test_it_is_what_training_lays(
    count: int, channels: int, most_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where there are more than can be read at once."""
    monkeypatch.setattr(bent, "_MOST_ROWS", most_rows)
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 12, 12, generator=generator) * 255
    picture = torch.nn.functional.interpolate(coarse, size=(SIDE_PX, SIDE_PX), mode="bilinear")
    picture = picture[:, :channels].round().byte()
    shades = torch.linspace(0.5, 1, 4).view(-1, 1, 1, 1)
    pictures = (picture * shades).byte()
    field = 0.1 * torch.randn(count, 2, 16, 16, generator=generator)
    chosen = torch.randint(4, (count,), generator=generator)
    found = bent_bytes(pictures, chosen, field, SIZE_PX)
    expected = laid(pictures[chosen].float(), field, tight_grid(count, SIZE_PX, COVERAGE))
    assert found.shape == expected.shape == (count, channels, SIZE_PX, SIZE_PX)
    assert float((found - expected).abs().max()) < 4  # Steps of a 32nd of a pixel, and of a byte.
    assert float((found - expected).abs().mean()) < 0.6
