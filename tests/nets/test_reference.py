"""What a decoder makes of a reference: nothing before it has learned, fine detail afterwards."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from faceloom.nets.generators import Decoder, GeneratorShape
from faceloom.nets.reference import ReferencePath, detail, with_detail

TINY = GeneratorShape(32, 2, (8, 12, 16), 24, (16, 12, 8), (1, 0))


def decoders() -> tuple[Decoder, Decoder]:
    """A plain one, and one with the same weights that takes references."""
    torch.manual_seed(0)
    plain, referenced = Decoder(TINY), Decoder(TINY, referenced=True)
    referenced.load_state_dict(referenced.state_dict() | plain.state_dict())
    return plain, referenced


def path(decoder: Decoder) -> ReferencePath:
    assert decoder.reference is not None
    return decoder.reference


def test_an_empty_reference_changes_nothing_before_learning() -> None:
    plain, referenced = decoders()
    code = torch.randn(2, 24)
    for given in (None, torch.zeros(2, 3, 32, 32)):
        rgb, logit = referenced(code, None, given)
        assert torch.allclose(rgb, plain(code)[0], atol=1e-6)
        assert torch.allclose(logit, plain(code)[1], atol=1e-6)


@torch.no_grad()
def test_the_gate_lets_detail_through_and_keeps_it_out() -> None:
    plain, referenced = decoders()
    code = torch.randn(1, 24)
    reference = 0.2 * torch.ones(1, 3, 32, 32)
    reference[..., 15:17, 4:28] = -0.5
    bias = path(referenced).gate.conv.bias
    assert isinstance(bias, nn.Parameter)
    painted = {}
    for logit in (-30.0, 30.0):
        nn.init.constant_(bias, logit)
        painted[logit] = referenced(code, None, reference)[0]
    assert torch.allclose(painted[-30.0], plain(code)[0], atol=1e-5)
    darker = (painted[30.0] - painted[-30.0])[..., 15:17, 8:24].mean()
    assert float(darker) < -0.2
    # What is broad is light, not detail.
    assert float((painted[30.0] - painted[-30.0])[..., :6, :].abs().max()) < 0.02


def test_detail_hangs_little_on_how_bright_and_not_on_how_evenly_lit_a_face_is() -> None:
    generator = torch.Generator().manual_seed(0)
    fine = torch.rand(1, 3, 64, 64, generator=generator) * 0.4 + 0.5
    bright, dark = (detail(2 * light * fine - 1) for light in (1.0, 0.6))
    assert float((bright - dark).abs().mean() / bright.abs().mean()) < 0.06
    flat = torch.linspace(-0.5, 0.5, 64).view(1, 1, 1, 64).expand(1, 3, 64, 64)
    assert float(detail(flat)[..., 8:-8].abs().max()) < 0.02


def test_what_a_reference_gives_can_be_learned() -> None:
    _, referenced = decoders()
    code, target = torch.randn(2, 24), torch.rand(2, 3, 32, 32) * 2 - 1
    optimizer = torch.optim.Adam(path(referenced).parameters(), 3e-3)
    losses = []
    for _ in range(60):
        loss = (referenced(code, None, target)[0] - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_the_gradients_of_detail_are_those_of_its_equation() -> None:
    generator = torch.Generator().manual_seed(0)
    rgb = torch.rand(2, 3, 5, 5, generator=generator, dtype=torch.float64) * 2.2 - 1.1
    gate = torch.rand(2, 1, 5, 5, generator=generator, dtype=torch.float64)
    shown = torch.randn(2, 3, 5, 5, generator=generator, dtype=torch.float64)
    rgb.requires_grad_(), gate.requires_grad_()
    plain = ((rgb + 1.08) * torch.exp(gate * shown) - 1.08).clamp(-1, 1)
    assert torch.allclose(with_detail(rgb, gate, shown), plain)
    assert torch.autograd.gradcheck(lambda x, g: with_detail(x, g, shown), (rgb, gate))


def test_detail_is_what_is_lighter_than_the_enlarged_means_around() -> None:
    image = torch.rand(2, 3, 48, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    light = image / 2 + 0.54
    around = functional.interpolate(
        functional.avg_pool2d(light, 8), size=(48, 96), mode="bilinear", align_corners=False
    )
    wanted = (light / around).log().clamp(-1, 1)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(detail(image), wanted, rtol=1e-4, atol=1e-5)
