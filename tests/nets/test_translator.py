"""A translator that paints changes begins with the picture itself."""

from __future__ import annotations

import pytest
import torch

from faceloom.nets.translator import Translator, TranslatorShape


@pytest.mark.parametrize("mask", [False, True])
def test_a_change_is_small_at_first_and_spans_all_colours(mask: bool) -> None:
    torch.manual_seed(0)
    net = Translator(TranslatorShape(64, 8, 1, mask=mask, change=True))
    picture = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        rgb, logit = net(picture)
        assert float((rgb - picture).abs().mean()) < 0.2
        assert torch.corrcoef(torch.stack([rgb.flatten(), picture.flatten()]))[0, 1] > 0.9
        assert net.head.conv.bias is not None
        net.head.conv.bias += 6.0
        assert float(net(picture)[0].min()) > 0.9
    assert (logit is not None) == mask


def test_without_it_the_picture_is_made_anew() -> None:
    torch.manual_seed(0)
    net = Translator(TranslatorShape(64, 8, 1))
    picture = torch.ones(1, 3, 64, 64)
    with torch.no_grad():
        assert float(net(picture)[0].abs().mean()) < 0.5
