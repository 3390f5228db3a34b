"""The origin's networks: parameter count, sizes, and what each option does."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
import torch

from faceloom.nets.bottleneck import BottleneckKind
from faceloom.nets.generators import parameter_count
from faceloom.nets.norms import Norm
from faceloom.nets.origin import (
    OriginDecoder,
    OriginDiscriminator,
    OriginEncoder,
    OriginShape,
    Upsampling,
)

SMALL = OriginShape(64, channels=4, code=16, attention_px=16)


def test_v2_2_has_the_origins_65_million_parameters() -> None:
    with torch.device("meta"):
        count = parameter_count([OriginEncoder(OriginShape()), OriginDecoder(OriginShape())])
    # Dense layers in and out of the code, and the enlargement to 512, by hand:
    dense = 16384 * 1024 + 1024 + 1024 * 16384 + 16384
    enlargement = 9 * 1024 * 2048 + 2048
    assert count > dense + enlargement
    assert count == pytest.approx(65e6, rel=0.01)


def test_lite_halves_the_widths() -> None:
    assert OriginShape().widths == (64, 128, 256, 512, 1024)
    assert OriginShape(capacity="lite").widths == (32, 64, 128, 256, 256)


@pytest.mark.parametrize(
    ("size_px", "smallest_px", "outputs_px"),
    [(64, 4, [64]), (96, 6, [96]), (128, 4, [64, 128]), (192, 6, [96, 192]),
     (256, 4, [64, 128, 256])],
)  # fmt: skip
def test_every_size_is_painted_with_its_smaller_outputs(
    size_px: int, smallest_px: int, outputs_px: list[int]
) -> None:
    shape = OriginShape(size_px, code=2048)
    assert shape.smallest_px == smallest_px
    with torch.device("meta"):
        maps = OriginEncoder(shape)(torch.empty(2, 3, size_px, size_px))
        painting = OriginDecoder(shape)(maps)
        scores = OriginDiscriminator(shape)(torch.empty(2, 6, size_px, size_px))
    assert maps.shape == (2, 512, 2 * smallest_px, 2 * smallest_px)
    assert [small.shape[-1] for small in [*painting.smaller, painting.rgb]] == outputs_px
    assert painting.logit is not None
    assert painting.logit.shape == (2, 1, size_px, size_px)
    assert scores.shape[1] == 1
    assert scores.shape[-1] in (7, 11)


@pytest.mark.parametrize("size_px", [32, 100])
def test_sizes_that_cannot_be_halved_are_refused(size_px: int) -> None:
    with pytest.raises(ValueError, match="must be halved"):
        OriginEncoder(OriginShape(size_px))


@pytest.mark.parametrize("norm", get_args(Norm))
@pytest.mark.parametrize("upsampling", get_args(Upsampling))
def test_every_norm_and_upsampling_trains(norm: Norm, upsampling: Upsampling) -> None:
    torch.manual_seed(0)
    shape = replace(SMALL, norm=norm, upsampling=upsampling)
    encoder, decoder = OriginEncoder(shape), OriginDecoder(shape)
    painting = decoder(encoder(torch.rand(2, 3, 64, 64)))
    assert painting.logit is not None
    (painting.rgb.square().mean() + painting.logit.square().mean()).backward()
    for net in (encoder, decoder):
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize(("kind", "code"), [("dense", (2, 16)), ("strided", (2, 16)),
                                            ("spatial", (2, 16, 6, 6))])  # fmt: skip
def test_bottlenecks(kind: BottleneckKind, code: tuple[int, ...]) -> None:
    encoder = OriginEncoder(replace(SMALL, size_px=96, bottleneck=kind))
    images = torch.rand(2, 3, 96, 96)
    assert encoder.code(images).shape == code
    assert encoder(images).shape == (2, 32, 12, 12)


def test_a_spatial_code_is_local_and_a_dense_one_is_not() -> None:
    """A change in one corner: the far corner of the maps before the last enlargement."""
    kinds: dict[BottleneckKind, bool] = {"dense": True, "spatial": False}
    for kind, moved in kinds.items():
        torch.manual_seed(0)
        shape = replace(SMALL, size_px=96, norm="none", attention_px=0, bottleneck=kind)
        encoder = OriginEncoder(shape)
        images = torch.rand(1, 3, 96, 96)
        changed = images.clone()
        changed[..., :8, :8] = 1
        difference = (encoder(changed) - encoder(images)).detach().abs()
        assert bool(difference[..., -1, -1].max() > 0) is moved


def test_v1_paints_no_mask() -> None:
    shape = replace(SMALL, mask=False, norm="none", attention_px=0, residuals=2, init="normal")
    assert OriginDecoder(shape)(OriginEncoder(shape)(torch.rand(1, 3, 64, 64))).logit is None


def test_fresh_pixel_shuffles_show_no_checkerboard() -> None:
    torch.manual_seed(0)
    shape = replace(SMALL, norm="none")
    grown = OriginEncoder(shape)(torch.rand(1, 3, 64, 64)).detach()
    blocks = grown[0].unfold(1, 2, 2).unfold(2, 2, 2)
    assert float(blocks.std(dim=(-1, -2)).max()) < 1e-6


def test_spectral_norm_bounds_the_discriminators_gain() -> None:
    torch.manual_seed(0)
    net = OriginDiscriminator(replace(SMALL, attention_px=0, norm="none"), 4, spectral=True)
    pictures = torch.rand(2, 6, 64, 64)
    for _ in range(30):  # Each pass is one step of power iteration.
        net(pictures)
    weight = net.head.weight.detach().flatten(1)  # type: ignore[operator]
    assert float(torch.linalg.matrix_norm(weight, 2)) == pytest.approx(1, abs=0.02)
