"""A pair's swaps are held near those of the generator that it started from."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from tests.models.test_masked_gan import learner, moment, tiny_batch
from torch import Tensor

from faceloom.models.hold import Hold
from faceloom.models.masked_gan import MaskedGan
from faceloom.models.pair import PairGenerator
from faceloom.models.parts import settled
from faceloom.nets.generators import Decoder


def held(model: MaskedGan, step: int = 0) -> dict[str, Tensor]:
    generator = next(phase for phase in model.phases() if phase.name == "generator")
    terms: dict[str, Tensor] = {}
    for part in generator.parts:
        for name, value in part(tiny_batch(), moment(0.1, step)).items():
            terms[name] = terms.get(name, 0) + value
    return terms


def decoders(generator: PairGenerator) -> list[Decoder]:
    return [m for m in generator.modules() if isinstance(m, Decoder)]


def tinted(generator: PairGenerator, by: float) -> PairGenerator:
    other = copy.deepcopy(generator)
    with torch.no_grad():
        for decoder in decoders(other):
            decoder.head.conv.bias.add_(by)  # type: ignore[union-attr]
    return other


def test_a_swap_costs_as_it_parts_from_the_trunks_and_as_this_is_trusted() -> None:
    model = learner()
    assert "hold" not in held(model)
    costs = []
    for trunk, trust in ((0.0, 1.0), (0.3, 1.0), (0.6, 1.0), (0.6, 0.5)):
        model.hold_to(tinted(model.generator, trunk), trust)
        costs.append(float(held(model)["hold"].detach()))
    assert costs[0] == pytest.approx(0, abs=1e-6)
    assert 0 < costs[1] < costs[2]
    assert costs[3] == pytest.approx(costs[2] / 2)
    model.hold_to(model.generator, 0.0)
    assert "hold" not in held(model)


def test_it_is_looked_at_on_its_turn_alone() -> None:
    model = learner()
    model.hold_to(tinted(model.generator, 0.3), 1.0)
    every = model.config.schedule.hold_every
    assert ["hold" in held(model, step) for step in range(every + 1)] == [
        step % every == 0 for step in range(every + 1)
    ]


def test_the_trunk_does_not_learn_and_is_no_part_of_the_model() -> None:
    model = learner()
    names = set(model.all_modules.state_dict())
    trunk = tinted(model.generator, 0.3)
    model.hold_to(trunk, 1.0)
    assert set(model.all_modules.state_dict()) == names
    held(model)["hold"].backward()
    assert all(parameter.grad is None for parameter in trunk.parameters())
    for decoder in decoders(model.generator):
        bias = decoder.head.conv.bias
        assert bias is not None
        assert bias.grad is not None
        assert bias.grad.abs().max() > 0


def test_what_is_fine_is_free() -> None:
    model = learner()
    share = tiny_batch().a
    read = model.generator.read(share.warped_BCHW)

    class Chequered(PairGenerator):
        """The same, with every other pixel lighter or darker by as much."""

        def decode(self, *given: Any) -> tuple[Tensor, Tensor]:
            rgb, logit = super().decode(*given)
            side = torch.arange(rgb.shape[-1])
            sign = 1 - 2 * ((side[:, None] + side) % 2)
            return rgb + 0.2 * sign, logit

    model.generator.__class__ = Chequered
    fine = copy.deepcopy(model.generator)
    model.generator.__class__ = PairGenerator
    hold = Hold(fine, 1.0)
    assert float(hold(model.generator, "a", share, read).detach()) < 0.01


def test_a_net_that_stands_still_is_cast_once_and_paints_what_it_did() -> None:
    cpu, faces = torch.device("cpu"), tiny_batch().a.target_BCHW
    learning = learner().generator
    still = copy.deepcopy(learning).requires_grad_(False)
    kinds = {parameter.dtype for parameter in settled(still, cpu).parameters()}
    assert kinds == {torch.float32}, "nothing is cast where nothing would be"
    with torch.autocast("cpu", torch.bfloat16):
        before = still.swap(faces, "b")
        after = settled(still, cpu).swap(faces, "b")
        assert settled(learning, cpu) is learning
    assert torch.equal(before.rgb_BCHW, after.rgb_BCHW)
    assert torch.equal(before.alpha_B1HW, after.alpha_B1HW)
    assert still.decoders["a"].enter.weight.dtype == torch.bfloat16  # type: ignore[union-attr]
    assert {parameter.dtype for parameter in learning.parameters()} == {torch.float32}
