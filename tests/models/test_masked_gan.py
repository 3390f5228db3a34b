"""The masked pair model: every recipe trains, phases act when they should, gradients go where they
should."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.models.toy import CONFIGS, people, terms_of, toy_batch
from torch import Tensor
from torch.nn import functional as F

from faceloom.data.bank import FaceBank
from faceloom.data.batches import Batch, PairBatches, step_generator
from faceloom.data.referenced import PairReferences
from faceloom.faces.align import reference_points
from faceloom.models.base import SIDES, Moment, other_side
from faceloom.models.masked_gan import MaskedGan, MaskedGanConfig, Schedule
from faceloom.models.pair import Trunk
from faceloom.nets.generators import Encoded, GeneratorShape
from faceloom.train.config import SIZES_PX, Budget, preset_config
from faceloom.train.loop import Trainer
from faceloom.train.run import Place, Run

TINY = GeneratorShape(64, 4, (8, 12, 16), 24, (16, 12, 8), (1, 1))
ALL_AT_ONCE = Schedule(0.0, 1, critic_start=0.0, critic_every=1, critic_faces=1)


def batches(size_px: int, per_side: int) -> PairBatches:
    stored_px = round(1.25 * size_px)
    mesh = np.pad(reference_points(stored_px, 1.25), ((0, 0), (0, 1))).astype(np.float32)
    banks = []
    for seed in (0, 1):
        crops = np.random.default_rng(seed).integers(
            0, 255, (3, stored_px, stored_px, 3), dtype=np.uint8
        )
        banks.append(FaceBank.from_crops(crops, np.stack([mesh] * 3), size_px, 1.25))
    settings = preset_config("fast", 64).augment
    references = PairReferences(banks[0], banks[1], size_px)
    return PairBatches(banks[0], banks[1], size_px, per_side, 1, settings, references)


def identities() -> Tensor:
    return F.normalize(torch.randn(2, 512, generator=torch.Generator().manual_seed(0)), dim=1)


def learner(schedule: Schedule = ALL_AT_ONCE, seed: int = 0) -> MaskedGan:
    torch.manual_seed(seed)
    config = MaskedGanConfig(TINY, discriminator_width=4, schedule=schedule)
    return MaskedGan(config, identities())


def toy_model(name: str, **values: Any) -> MaskedGan:
    torch.manual_seed(0)
    config = CONFIGS[name]
    assert isinstance(config, MaskedGanConfig)
    return MaskedGan(replace(config, **values), identities())


def tiny_batch() -> Batch:
    return batches(64, 2).batch(0)


def moment(progress: float, step: int = 0) -> Moment:
    return Moment(step, progress, step_generator(1, step, stream=1))


@pytest.mark.parametrize("size_px", SIZES_PX)
@pytest.mark.parametrize("preset", ["fast", "quality"])
def test_every_recipe_trains_three_steps(preset: str, size_px: int, tmp_path: Path) -> None:
    """The third reaches what lies behind two layers that start at zero."""
    config = preset_config(preset, size_px)
    assert isinstance(config.model, MaskedGanConfig)
    model = replace(config.model, schedule=ALL_AT_ONCE)
    config = replace(config, model=model, per_side=1, budget=Budget(None, 3))
    trainer = Trainer(
        MaskedGan(model, identities()), batches(size_px, 1), Run(tmp_path / "run"), config
    )
    before = {name: p.clone() for name, p in trainer.learner.all_modules.named_parameters()}
    for step in range(3):
        trainer.place = Place(step)
        terms = trainer._step(trainer.batches.batch(step))
        assert np.isfinite(list(terms.values())).all()
        assert {"l1", "adversarial", "discriminator", "identity", "features"} <= terms.keys()
    still = [n for n, p in trainer.learner.all_modules.named_parameters() if p.equal(before[n])]
    assert not still


def test_the_terms_come_on_one_after_the_other() -> None:
    model = learner(Schedule(0.4, 3, critic_start=0.2, critic_every=4))
    always = {"l1", "dssim", "edge", "mask", "variation"}
    critic = {"features", "identity", "swap_identity", "swap_mask", "specks", "swap_cosine"}
    batch = tiny_batch()
    assert set(model.generator_loss(batch, moment(0.1))) == always
    assert set(model.generator_loss(batch, moment(0.3, step=4))) == always | critic
    assert set(model.generator_loss(batch, moment(0.3, step=5))) == always
    assert set(model.generator_loss(batch, moment(0.5, step=6))) == always | {"adversarial"}
    assert set(model.generator_loss(batch, moment(0.5, step=7))) == always
    _, discriminator = model.phases()
    turns = [step for step in range(8) if discriminator.active(moment(0.5, step=step))]
    assert turns == [0, 3, 6], "both players take the same turns"


def test_fewer_turns_of_the_rivals_count_for_more() -> None:
    batch = tiny_batch()
    found = []
    for every in (1, 3):
        model = learner(Schedule(0.0, every, critic_start=2.0))
        found.append(model.generator_loss(batch, moment(1.0))["adversarial"].item())
    assert found[1] == pytest.approx(3 * found[0])


def test_fooling_leaves_the_discriminators_alone_and_judging_the_generator() -> None:
    model = learner()
    batch = tiny_batch()
    torch.stack(list(model.generator_loss(batch, moment(1.0)).values())).sum().backward()
    assert all(p.grad is None for p in model.discriminators.parameters())
    assert all(p.grad is not None for p in model.generator.parameters())
    model.generator.zero_grad(set_to_none=True)
    _, rivals = model.phases()
    torch.stack(list(terms_of(rivals, batch, moment(1.0)).values())).sum().backward()
    assert all(p.grad is not None for p in model.discriminators.parameters())
    assert all(p.grad is None for p in model.generator.parameters())


def test_the_discriminator_sees_nothing_of_the_result_outside_the_hull() -> None:
    model = learner()
    batch = tiny_batch()
    model.generator_loss(batch, moment(1.0))
    judged = model._judged("a")
    outside = (batch.a.hull_B1HW == 0).expand_as(judged)
    assert torch.equal(judged[outside], batch.a.target_BCHW[outside])
    assert not torch.equal(judged[~outside], batch.a.target_BCHW[~outside])


def test_without_identities_nothing_is_said_of_the_swap() -> None:
    model = MaskedGan(learner().config, None)
    terms = model.generator_loss(tiny_batch(), moment(1.0))
    assert not {"swap_identity", "swap_mask", "specks"} & set(terms)
    assert "identity" in terms


def test_the_mask_of_a_swap_is_taught_by_the_face_it_is_laid_over() -> None:
    model = learner()
    sides = [
        replace(share, hull_B1HW=torch.rand(share.hull_B1HW.shape, generator=generator))
        for share, generator in zip(
            tiny_batch().sides, (torch.Generator().manual_seed(n) for n in (1, 2)), strict=True
        )
    ]
    batch = Batch(0, *sides)
    terms = model.generator_loss(batch, moment(0.95))
    with torch.no_grad():
        expected = torch.zeros(())
        for other, share in zip(SIDES[::-1], batch.sides, strict=True):
            _, logit = model.generator.decode(model.generator.read(share.warped_BCHW[:1]), other)
            expected += F.binary_cross_entropy_with_logits(logit, share.hull_B1HW[:1])
    weight = model.config.weights.swap_mask
    assert terms["swap_mask"].item() == pytest.approx(weight * expected.item(), rel=1e-4)


def test_eyes_and_mouth_weigh_more() -> None:
    """The same error costs more within the eyes than on the cheek."""
    model = learner()
    batch = tiny_batch()
    share = batch.a
    eyes = share.eyes_B1HW > 0.9
    cheek = (share.hull_B1HW > 0.9) & (share.eyes_B1HW == 0) & (share.mouth_B1HW == 0)
    losses = []
    for place in (eyes, cheek):
        model.generator_loss(batch, moment(0.0))
        painted = model._met["a"].painted
        wrong = share.target_BCHW + 0.5 * place / place.sum() * 1000
        painted = dataclasses.replace(painted, rgb=wrong)
        losses.append(float(model._reconstruction(painted, share)["l1"].detach()))
    assert losses[0] > 2 * losses[1]


@pytest.mark.parametrize("by_trunk", [False, True])
def test_returned_inputs_are_the_other_person_in_the_targets_place(by_trunk: bool) -> None:
    model, batch = learner(), batches(64, 4).batch(0)
    painter = learner(seed=1).generator if by_trunk else model.generator
    if by_trunk:
        model.hold_to(painter, 0.0)
    model._returned = replace(model._returned, share=0.5, start=0.5, noise=0.0)
    early = model._returned.laid_out("b", batch.b, moment(0.4))
    assert early is batch.b
    model.generator_loss(batch, moment(0.6))
    for side, given in zip(SIDES, batch.sides, strict=True):
        seen = model._met[side].share
        assert torch.equal(seen.warped_BCHW[:2], given.warped_BCHW[:2])
        assert torch.equal(seen.target_BCHW, given.target_BCHW)
        outside = (given.hull_B1HW == 0).expand(-1, 3, -1, -1)
        assert torch.equal(seen.warped_BCHW[2:][outside[2:]], given.target_BCHW[2:][outside[2:]])
        with torch.no_grad():
            patch = painter.swap(given.target_BCHW[2:], other_side(side))
        share = given.hull_B1HW[2:] * patch.alpha_B1HW
        painted = share * patch.rgb_BCHW + (1 - share) * given.target_BCHW[2:]
        assert torch.allclose(seen.warped_BCHW[2:], painted, atol=1e-5)
        assert not seen.warped_BCHW.requires_grad


def test_returned_inputs_have_some_cameras_noise() -> None:
    model, batch = learner(), batches(64, 4).batch(0)
    returned = replace(model._returned, share=1.0)
    clean = replace(returned, noise=0.0).laid_out("a", batch.a, moment(0.5)).warped_BCHW
    noisy, again = (returned.laid_out("a", batch.a, moment(0.5)).warped_BCHW for _ in range(2))
    assert torch.equal(noisy, again)
    deviations = (noisy - clean).flatten(1).std(dim=1)
    assert 0 < float(deviations.min()) < float(deviations.max()) < returned.noise
    other = returned.laid_out("a", batch.a, moment(0.5, step=3)).warped_BCHW
    assert not torch.equal(noisy, other)


@pytest.mark.parametrize(("trust", "count"), [(0.0, 2), (0.5, 2), (1.0, 3)])
def test_more_is_returned_where_the_trunk_is_trusted(trust: float, count: int) -> None:
    model, trunk = learner(), learner(seed=1).generator
    model._returned = replace(model._returned, share=0.5)
    model.hold_to(trunk, trust)
    assert model._returned.count(4, moment(0.0)) == count
    assert model._returned.by(trunk, 1.0).by(trunk, 1.0).count(4, moment(0.0)) == 4


def test_a_trunk_paints_answers_from_the_other_sides_code() -> None:
    torch.manual_seed(0)
    config = MaskedGanConfig(TINY, 4, schedule=ALL_AT_ONCE, decoders=1, answered=0.5)
    model = MaskedGan(config, identities())
    codes = torch.arange(12.0).view(12, 1).expand(12, TINY.code)
    a, b = (given.code_BD for given in model._given(Encoded(codes), None, moment(0.0)))
    exchanged = a[:, 0] >= 6
    assert 0 < int(exchanged.sum()) < 6
    assert torch.equal(exchanged, b[:, 0] < 6)
    assert torch.equal(a[:, 0] % 6, b[:, 0] % 6)


def test_what_a_trunk_is_told_is_in_doubt_while_it_learns() -> None:
    config = MaskedGanConfig(TINY, 4, decoders=1, identity_noise=0.0, looks_noise=0.0, untold=0.5)
    torch.manual_seed(0)
    model = MaskedGan(config, identities())
    trunk = model.generator
    assert isinstance(trunk, Trunk)
    trunk.meet(torch.cat([people(), -people(), people().flip(1)]))
    torch.nn.init.normal_(trunk.told_looks.weight, std=0.1)
    code, person = torch.randn(1, TINY.code).expand(20, -1), people()[:1].expand(20, -1)
    doubt = model._doubt(person, moment(0.0))
    untold = doubt.untold_B1[:, 0]
    assert 4 <= int(untold.sum()) <= 16
    painted, _ = trunk.decode_as(Encoded(code), person, doubt)
    surely, _ = trunk.decode_as(Encoded(code), person)
    assert torch.allclose(painted[~untold], surely[~untold], atol=1e-5)
    # Whose identity is kept from it is painted by the looks alone, on the usual person's.
    usual = torch.cat([trunk.usual_E[:512], people()[0, 512:]]).expand(20, -1)
    wanted, _ = trunk.decode_as(Encoded(code), usual)
    assert torch.allclose(painted[untold], wanted[untold], atol=1e-5)
    model.config = replace(config, looks_noise=0.5, untold=0.0)
    noisy, _ = trunk.decode_as(Encoded(code), person, model._doubt(person, moment(0.0)))
    assert not torch.allclose(noisy[0], noisy[1], atol=1e-3)


@pytest.mark.parametrize(
    ("kind", "returned"), [("referenced", 0.0), ("referenced", 0.5), ("skipped", 0.5)]
)
def test_sides_on_their_own_cost_what_they_cost_together(kind: str, returned: float) -> None:
    model = toy_model(kind, returned=returned)
    batch, now = toy_batch(0), moment(1.0)
    whole = model.generator_loss(batch, now)
    generator, _ = model.phases()
    assert len(generator.parts) == 2
    apart = terms_of(generator, batch, now)
    assert {"adversarial", "identity", "swap_mask", "specks", "swap_cosine"} <= whole.keys()
    assert {n: t.item() for n, t in apart.items()} == pytest.approx(
        {n: t.item() for n, t in whole.items()}, rel=1e-4
    )
