"""The origin's learner: what comes when, what each version leaves out, the exchange of decoders."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from tests.models.toy import CONFIGS, toy_batch, toy_trainer
from torch import Tensor

from faceloom.data.batches import step_generator
from faceloom.losses import Schedule
from faceloom.models.base import SIDES, Moment
from faceloom.models.origin import V2_2_RATE, OriginConfig, OriginLearner
from faceloom.models.rivalry import Rivalry, RivalryKind
from faceloom.train.config import preset_config
from faceloom.train.run import Place


def tiny(version: str = "v2_2") -> OriginConfig:
    config = CONFIGS[version]
    assert isinstance(config, OriginConfig)
    return config


def learner(config: OriginConfig) -> OriginLearner:
    torch.manual_seed(0)
    return OriginLearner(config)


def moment(progress: float) -> Moment:
    return Moment(0, progress, step_generator(1, 0, stream=1))


def terms(model: OriginLearner, progress: float) -> dict[str, Tensor]:
    return model.generator_loss(toy_batch(0), moment(progress))


def test_terms_follow_the_origins_schedule() -> None:
    model = learner(replace(tiny(), exchange=None))
    always = {"l1", "edge", "adversarial", "variation", "mask", "weight_size"}
    assert set(terms(model, 0.1)) == always
    assert set(terms(model, 0.2)) == always | {"perceptual"}
    alpha = torch.stack([model._painted[side].alpha for side in SIDES]).detach()
    size = 0.01 * 2 * float(alpha.mean())
    hinges = {share: 0.1 * 2 * float((share - alpha).clamp_min(0).mean()) for share in (0.5, 0.2)}
    for progress, expected in ((0.29, size), (0.3, hinges[0.5]), (0.4, hinges[0.2]), (0.7, size)):
        assert float(terms(model, progress)["mask"].detach()) == pytest.approx(expected, rel=1e-3)


def test_v1_has_no_mask_and_judges_the_colour_alone() -> None:
    model = learner(tiny("v1"))
    assert not {"mask", "variation"} & set(terms(model, 0.5))
    assert len(model._judged(model._painted["a"])) == 1
    patch = model.swapper.swap(toy_batch(0).a.target_BCHW, "b")
    assert float(patch.alpha_B1HW.min()) == 1


def test_eyes_weigh_as_the_origin_has_it() -> None:
    """L1 is mean |x - y| plus 30 times its mean within the eyes."""
    model = learner(tiny())
    share = toy_batch(0).a
    terms(model, 0.0)
    painted = model._painted["a"]
    error = (painted.rgb - share.target_BCHW).abs().mean(dim=1, keepdim=True).detach()
    expected = float((error * (1 + 30 * share.eyes_B1HW)).mean())
    found = model._reconstruction(painted, [], share)["l1"].detach()
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_smaller_outputs_are_restored_too() -> None:
    model = learner(tiny())
    share = toy_batch(0).a
    terms(model, 0.0)
    small = torch.nn.functional.avg_pool2d(share.target_BCHW, 2)
    found = [
        float(model._reconstruction(model._painted["a"], smaller, share)["l1"].detach())
        for smaller in ([], [small], [small + 0.25])
    ]
    assert found[1] == pytest.approx(found[0], abs=1e-5)
    assert found[2] == pytest.approx(found[0] + 0.25, abs=1e-4)


def test_decoders_are_exchanged_once() -> None:
    model = learner(tiny())
    faces = toy_batch(0).a.target_BCHW

    def painted() -> list[Tensor]:
        return [model.swapper.swap(faces, side).rgb_BCHW.detach() for side in SIDES]

    before = painted()
    terms(model, 0.49)
    assert torch.equal(painted()[0], before[0])
    terms(model, 0.5)
    assert torch.equal(painted()[0], before[1])
    assert torch.equal(painted()[1], before[0])
    terms(model, 0.6)
    assert torch.equal(painted()[0], before[1])


def test_the_cycle_counts_both_ways() -> None:
    model = learner(replace(tiny(), weights=replace(tiny().weights, cycle=10.0)))
    assert float(terms(model, 0.0)["cycle"].detach()) > 0


def test_rates_fall_as_the_origins() -> None:
    generator, discriminator = learner(tiny()).phases()
    assert generator.rate(moment(0.5)) == 1
    assert discriminator.rate(moment(0.5)) == 2
    assert [V2_2_RATE.at(p) for p in (0.66, 0.67, 0.8, 0.9)] == [1.0, 0.3, 0.09, 0.009]
    assert preset_config("v2_2", 64).optimizer.lr == 1e-4


def test_the_loop_follows_the_falling_rate(tmp_path: Path) -> None:
    still = replace(tiny(), rate=Schedule(((0.0, 0.0), (0.5, 1.0))), exchange=None)
    trainer = toy_trainer(still, tmp_path, 4)
    weight = trainer.learner.generator_modules.get_parameter("encoder.layers.0.weight")
    before = weight.detach().clone()
    trainer._step(trainer.batches.batch(0))
    assert torch.equal(weight, before)
    trainer.place = Place(2)
    trainer._step(trainer.batches.batch(2))
    assert not torch.equal(weight, before)


@pytest.mark.parametrize("kind", get_args(RivalryKind))
def test_every_rivalry_trains_the_origins_networks(kind: RivalryKind, tmp_path: Path) -> None:
    """With penalties through attention and norms, and bounded layers."""
    rivalry = Rivalry(kind, r1=0.1, spectral=kind == "hinge")
    trainer = toy_trainer(replace(tiny(), rivalry=rivalry), tmp_path, 2)
    for step in range(2):
        trainer.place = Place(step)
        values = trainer._step(trainer.batches.batch(step))
        assert all(math.isfinite(value) for value in values.values())
    assert {"adversarial", "discriminator"} <= values.keys()
