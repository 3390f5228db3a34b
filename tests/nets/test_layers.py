"""Norms, attention, judges of codes, translators."""

from __future__ import annotations

import pytest
import torch

from faceloom.nets.attention import SelfAttention
from faceloom.nets.codes import CodeDiscriminator
from faceloom.nets.discriminators import PatchDiscriminator
from faceloom.nets.norms import BatchStatistics, Norm, norm_layer
from faceloom.nets.translator import Translator, TranslatorShape


@pytest.mark.parametrize(
    ("kind", "dims"), [("instance", (2, 3)), ("layer", (1, 2, 3)), ("batch", (0, 2, 3))]
)
def test_norms_centre_their_own_extent(kind: Norm, dims: tuple[int, ...]) -> None:
    maps = 3 * torch.rand(4, 32, 6, 6) + 2
    out = norm_layer(kind, 32)(maps).detach()
    assert float(out.mean(dim=dims).abs().max()) < 1e-5
    assert float((out.std(dim=dims, correction=0) - 1).abs().max()) < 1e-3


def test_layouts_of_maps_are_normalised_alike_and_leave_channels_last() -> None:
    layer = norm_layer("instance", 8)
    one_BCHW = torch.randn(2, 8, 6, 6)
    found = [layer(one_BCHW), layer(one_BCHW.contiguous(memory_format=torch.channels_last))]
    assert torch.equal(*found)
    assert all(y.is_contiguous(memory_format=torch.channels_last) for y in found)


def test_group_norm_takes_sixteen_channels_together() -> None:
    out = norm_layer("group", 32)(torch.rand(2, 32, 5, 5)).detach()
    assert float(out.unflatten(1, (2, 16)).mean(dim=(2, 3, 4)).abs().max()) < 1e-5
    assert float(out.mean(dim=(2, 3)).abs().max()) > 1e-3


def test_hybrid_keeps_colour_in_one_half_only() -> None:
    torch.manual_seed(0)
    layer = norm_layer("hybrid", 8)
    maps = torch.rand(1, 8, 4, 4)
    moved = (layer(maps + 1) - layer(maps)).detach().abs().mean(dim=(0, 2, 3))
    assert float(moved[:4].min()) > 1e-2
    assert float(moved[4:].max()) < 1e-4


def test_batch_statistics_serve_single_pictures_later() -> None:
    layer = BatchStatistics(3)
    for _ in range(100):
        layer(torch.randn(16, 3, 4, 4) * 2 + 5)
    layer.eval()
    out = layer(torch.full((1, 3, 4, 4), 7.0)).detach()
    assert float(out.mean()) == pytest.approx(1.0, abs=0.15)
    assert all(t.is_floating_point() for t in layer.state_dict().values())


def test_fresh_attention_changes_nothing_and_then_mixes_all_places() -> None:
    torch.manual_seed(0)
    block = SelfAttention(16)
    maps = torch.randn(2, 16, 5, 7)
    assert torch.equal(block(maps), maps)
    torch.nn.init.ones_(block.scale)
    query, key, value = (conv(maps).flatten(2) for conv in (block.query, block.key, block.value))
    shares = torch.softmax(query.transpose(1, 2) @ key, dim=-1)
    expected = maps + (value @ shares.transpose(1, 2)).view_as(maps)
    assert torch.allclose(block(maps), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 24), (3, 6, 2, 2)])
def test_codes_of_any_form_are_judged(shape: tuple[int, ...]) -> None:
    assert CodeDiscriminator(24)(torch.rand(shape)).shape == (3, 1)


@pytest.mark.parametrize("mask", [True, False])
def test_translators_paint_in_range(mask: bool) -> None:
    rgb, logit = Translator(TranslatorShape(32, 8, 1, mask=mask))(torch.rand(2, 3, 32, 32))
    assert rgb.shape == (2, 3, 32, 32)
    assert float(rgb.detach().abs().max()) <= 1
    assert (logit is not None) is mask


def test_a_translator_of_odd_size_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        Translator(TranslatorShape(60))


def test_a_bounded_discriminator_cannot_tell_by_more_than_its_pictures_differ() -> None:
    torch.manual_seed(0)
    net = PatchDiscriminator(4, 2, inputs=3, spectral=True)
    one, other = torch.rand(2, 1, 3, 32, 32)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if name.endswith("original"):
                weight.mul_(100)
        for _ in range(30):  # Each pass is one step of power iteration.
            net(one)
        told = (net(one) - net(other)).norm()
    # Kernels of gain 1 as matrices: a 3x3 convolution has at most the gain 3, four of them 81.
    assert float(told) < 81 * float((one - other).norm())
