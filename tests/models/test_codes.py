"""What VAE, alphaGAN and any-to-one ask of the code; what CycleGAN makes without one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.models.toy import CONFIGS, PER_SIDE, toy_batch

from faceloom.data.batches import step_generator
from faceloom.losses import constant
from faceloom.models.alpha_gan import AlphaGan, AlphaGanConfig, VariationalPair
from faceloom.models.any_to_one import AnyToOne, AnyToOneConfig
from faceloom.models.base import SIDES, Moment
from faceloom.models.cycle_gan import CycleGan, CycleGanConfig


def moment(progress: float, step: int = 0) -> Moment:
    return Moment(step, progress, step_generator(1, step, stream=1))


def alpha_gan(name: str) -> AlphaGan:
    config = CONFIGS[name]
    assert isinstance(config, AlphaGanConfig)
    torch.manual_seed(0)
    return AlphaGan(config)


def any_to_one(config: AnyToOneConfig) -> AnyToOne:
    torch.manual_seed(0)
    return AnyToOne(config)


def tiny_any_to_one() -> AnyToOneConfig:
    config = CONFIGS["any_to_one"]
    assert isinstance(config, AnyToOneConfig)
    return config


def test_the_vae_trains_on_draws_and_converts_the_mean() -> None:
    model = alpha_gan("vae")
    assert isinstance(model.generator, VariationalPair)
    faces = toy_batch(0).a.target_BCHW
    assert torch.equal(model.swapper.encode(faces), model.generator.distribution(faces)[0])
    first, _ = model.encoded(toy_batch(0), moment(0.5))
    again, _ = model.encoded(toy_batch(0), moment(0.5))
    other, _ = model.encoded(toy_batch(0), moment(0.5, step=1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_vaes_divergence_comes_on_slowly() -> None:
    model = alpha_gan("vae")
    kl = [
        float(model.generator_loss(toy_batch(0), moment(p))["kl"].detach())
        for p in (0.0, 0.15, 0.9)
    ]
    assert kl[0] == 0
    assert kl[2] == pytest.approx(2 * kl[1], rel=1e-4)


def test_alpha_judges_faces_of_drawn_codes_as_well() -> None:
    model = alpha_gan("alpha")
    found = model.generator_loss(toy_batch(0), moment(0.5))
    assert "code" in found
    assert [len(model.fakes[side]) for side in SIDES] == [2, 2]
    real, fake = model._pictures("a")
    assert len(real) == len(fake) == 2 * PER_SIDE
    assert float(model.code_loss(toy_batch(0), moment(0.5))["code_judge"].detach()) > 0


def test_a_plain_code_is_left_alone() -> None:
    torch.manual_seed(0)
    model = AlphaGan(replace(alpha_gan("alpha").config, code="plain"))
    assert [phase.name for phase in model.phases()] == ["generator", "discriminator"]
    assert not {"code", "kl"} & set(model.generator_loss(toy_batch(0), moment(0.9)))


def test_rivals_wait_for_their_start() -> None:
    config = alpha_gan("alpha").config
    torch.manual_seed(0)
    model = AlphaGan(replace(config, adversarial_start=0.3))
    assert not {"code", "adversarial"} & set(model.generator_loss(toy_batch(0), moment(0.2)))
    assert [phase.active(moment(0.2)) for phase in model.phases()] == [True, False, False]


def test_the_encoder_hides_what_the_classifier_reads() -> None:
    """The domain term's gradient: reversed in the encoder, as it is in the classifier."""
    grads = {}
    for strength in (1.0, -1.0):
        weights = replace(tiny_any_to_one().weights, reversal=constant(strength), semantic=0.0)
        model = any_to_one(replace(tiny_any_to_one(), weights=weights))
        model.generator_loss(toy_batch(0), moment(0.5))["domain"].backward()
        grads[strength] = (model.generator.encoder.code.weight.grad,
                           next(model.domain.parameters()).grad)  # fmt: skip
    (encoder, classifier), (encoder_straight, classifier_straight) = grads[1.0], grads[-1.0]
    assert encoder is not None
    assert classifier is not None
    assert encoder_straight is not None
    assert float(encoder.abs().max()) > 0
    assert torch.allclose(encoder, -encoder_straight)
    assert torch.equal(classifier, classifier_straight)  # type: ignore[arg-type]


def test_only_the_single_side_is_varied() -> None:
    model = any_to_one(tiny_any_to_one())
    plain = any_to_one(replace(tiny_any_to_one(), single=None))
    varied, _ = model.encoded(toy_batch(0), moment(0.0))
    straight, _ = plain.encoded(toy_batch(0), moment(0.0))
    same = [torch.allclose(v, s) for v, s in zip(varied.chunk(2), straight.chunk(2), strict=True)]
    assert same == [True, False]


def test_unit_codes_have_length_one() -> None:
    model = any_to_one(replace(tiny_any_to_one(), unit_code=True))
    codes = model.swapper.encode(toy_batch(0).b.target_BCHW)
    assert codes.norm(dim=1).tolist() == pytest.approx([1.0] * PER_SIDE, abs=1e-5)


def test_a_cycle_without_mask_repaints_all_and_with_one_keeps_what_it_may() -> None:
    faces = toy_batch(0).a.target_BCHW
    for name, masked in (("cycle", False), ("cycle_mask", True)):
        config = CONFIGS[name]
        assert isinstance(config, CycleGanConfig)
        torch.manual_seed(0)
        model = CycleGan(config)
        terms = model.generator_loss(toy_batch(0), moment(0.0))
        assert ({"mask", "variation"} <= set(terms)) is masked
        painted = model.generator.paint(faces, "b")
        assert torch.equal(painted.result, painted.rgb) is not masked
