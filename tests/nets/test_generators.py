"""The networks: shapes at every size and preset, and what the swap must keep apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from faceloom.models import MaskedGanConfig
from faceloom.models.pair import PairGenerator
from faceloom.nets.blocks import (
    Residual,
    Style,
    SubpixelUp,
    even,
    fold,
    styled_weights,
    unfold,
)
from faceloom.nets.discriminators import PatchDiscriminator
from faceloom.nets.generators import Decoder, GeneratorShape, Told
from faceloom.train.config import SIZES_PX, preset_config

TINY = GeneratorShape(32, 2, (8, 12, 16), 24, (16, 12, 8), (1, 0))


@pytest.mark.parametrize("preset", ["fast", "quality"])
@pytest.mark.parametrize("size_px", SIZES_PX)
def test_every_preset_paints_at_its_size(preset: str, size_px: int) -> None:
    model = preset_config(preset, size_px).model
    assert isinstance(model, MaskedGanConfig)
    with torch.device("meta"):
        patch = PairGenerator(model.shape).swap(torch.empty(2, 3, size_px, size_px), "a")
    assert patch.rgb_BCHW.shape == (2, 3, size_px, size_px)
    assert patch.alpha_B1HW.shape == (2, 1, size_px, size_px)


def test_outputs_stay_in_range() -> None:
    patch = PairGenerator(TINY).swap(torch.rand(3, 3, 32, 32) * 2 - 1, "b")
    assert float(patch.rgb_BCHW.detach().abs().max()) <= 1
    assert (
        0 <= float(patch.alpha_B1HW.detach().min()) <= float(patch.alpha_B1HW.detach().max()) <= 1
    )


def test_each_side_has_its_own_decoder_behind_one_encoder() -> None:
    model = PairGenerator(TINY)
    loss = model.swap(torch.rand(1, 3, 32, 32), "a").rgb_BCHW.sum()
    loss.backward()
    touched = {
        name.split(".")[0:2][-1] for name, p in model.named_parameters() if p.grad is not None
    }
    assert "a" in touched
    assert "b" not in touched
    assert any(p.grad is not None for p in model.encoder.parameters())


def test_a_fresh_head_has_no_checkerboard() -> None:
    patch = PairGenerator(replace(TINY, stem=4, size_px=64)).swap(torch.rand(1, 3, 64, 64), "a")
    blocks = patch.rgb_BCHW.detach()[0].unfold(1, 4, 4).unfold(2, 4, 4)
    assert float(blocks.std(dim=(-1, -2)).max()) < 1e-5


@pytest.mark.parametrize("factor", [2, 4])
def test_folding_keeps_every_value_in_its_place(factor: int) -> None:
    image = torch.rand(2, 3, 16, 24)
    folded = fold(image, factor)
    assert folded.shape == (2, 3 * factor**2, 16 // factor, 24 // factor)
    assert folded.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(folded[:, :3, 1, 2], image[:, :, factor, 2 * factor])
    assert torch.equal(unfold(folded, factor), image)


def test_a_shape_that_cannot_be_built_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple"):
        PairGenerator(replace(TINY, size_px=36))


def test_discriminator_scores_patches() -> None:
    assert PatchDiscriminator(4, 4)(torch.rand(2, 6, 96, 96)).shape == (2, 1, 6, 6)


@pytest.mark.parametrize("block", [SubpixelUp(6, 4), Residual(6)])
def test_a_style_is_but_other_weights(block: SubpixelUp | Residual) -> None:
    torch.manual_seed(0)
    if isinstance(block, Residual):
        torch.nn.init.normal_(block.second.weight, std=0.1)
    conv, maps = block.styled_conv, torch.randn(2, 6, 5, 5)
    torch.nn.init.normal_(conv.bias)  # type: ignore[arg-type]
    style = Style(*(torch.randn(1, conv.out_channels) for _ in range(2)))
    wanted, plain = block(maps, Style(*(part.expand(2, -1) for part in style))), block(maps)
    assert not torch.allclose(wanted, plain, atol=1e-2)
    with torch.no_grad():
        weight, bias = styled_weights(conv, *(part[0] for part in style))
        conv.weight.copy_(weight)
        conv.bias.copy_(bias)  # type: ignore[union-attr]
    assert torch.allclose(block(maps), wanted, atol=1e-5)


def test_styles_act_on_all_but_the_head_and_the_ends_of_residuals() -> None:
    torch.manual_seed(0)
    shape = GeneratorShape(64, 4, (8, 12, 16), 24, (16, 12, 8), (1, 0))
    decoder = Decoder(shape)
    assert list(decoder.styled()) == ["layers.0.conv", "layers.2.first", "layers.3.conv"]
    residual = decoder.layers[2]
    assert isinstance(residual, Residual)
    torch.nn.init.normal_(residual.second.weight, std=0.1)
    code = torch.randn(1, 24)
    nothing = torch.zeros(1, decoder.enter.out_features)
    painted, _ = decoder(code)
    for at in range(3):
        styles = [
            Style(*(torch.full((1, conv.out_channels), 0.5 * (number == at)) for _ in range(2)))
            for number, conv in enumerate(decoder.styled().values())
        ]
        other, _ = decoder(code, Told(nothing, tuple(styles)))
        assert not torch.allclose(other, painted, atol=1e-4)


@pytest.mark.parametrize(("channels", "factor"), [(3, 2), (4, 2), (6, 4), (1, 2)])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_unfolding_and_its_gradient_are_a_pixel_shuffles(
    channels: int, factor: int, kind: torch.dtype
) -> None:
    maps = torch.randn(2, channels * factor**2, 5, 3).to(kind).requires_grad_()
    # A pixel's colours lie side by side here, there a colour's pixels.
    order = torch.arange(channels * factor**2).view(factor**2, channels).T.flatten()
    wanted = torch.nn.functional.pixel_shuffle(maps[:, order], factor)
    made = unfold(maps, factor)
    assert torch.equal(made, wanted)
    weighting = torch.randn_like(wanted)
    gradients = [torch.autograd.grad((y * weighting).sum(), maps)[0] for y in (made, wanted)]
    assert torch.equal(*gradients)


def test_gradients_of_parts_and_of_flattened_maps_keep_channels_last() -> None:
    maps = torch.randn(4, 6, 5, 5).contiguous(memory_format=torch.channels_last).requires_grad_()
    for use in (lambda x: x[1:3], lambda x: x.flatten(1)):
        weighting = torch.randn_like(use(maps))
        plain, made = (
            torch.autograd.grad((use(x) * weighting).sum(), maps)[0] for x in (maps, even(maps))
        )
        assert torch.equal(made, plain)
        assert made.is_contiguous(memory_format=torch.channels_last)
        assert not plain.is_contiguous(memory_format=torch.channels_last)


def test_folding_may_be_differentiated_twice() -> None:
    """As R1 does, through a judge that folds its picture."""
    image = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: fold(x, 2) ** 3, image)
    assert torch.autograd.gradgradcheck(lambda x: fold(x, 2) ** 3, image)
    maps = torch.randn(2, 8, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: unfold(even(x), 2) ** 3, maps)
