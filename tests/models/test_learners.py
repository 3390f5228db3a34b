"""What every learner must do, and the curve that each one's losses take."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from tests.models.toy import CONFIGS, SIZE_PX, identities, terms_of, toy_batch, toy_trainer
from torch import Tensor

from faceloom.data.batches import step_generator
from faceloom.models import build_generator, build_learner
from faceloom.models.base import SIDES, Learner, Moment
from faceloom.train.config import PRESETS, preset_config, sizes_px
from faceloom.train.preview import using
from faceloom.train.run import Place, Run, load_swapper

GOLDEN = json.loads((Path(__file__).parent / "golden_losses.json").read_text())
"""Sums of the generator phase's terms at steps 0, 6, 12 and 19 of 20."""


@pytest.fixture(params=CONFIGS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def learner(name: str) -> Learner:
    torch.manual_seed(0)
    return build_learner(CONFIGS[name], identities())


def moment(progress: float, step: int = 0) -> Moment:
    return Moment(step, progress, step_generator(1, step, stream=1))


def test_each_phase_moves_its_own_modules_and_no_others(name: str) -> None:
    model = learner(name)
    everything = dict(model.all_modules.named_parameters())
    phases = model.phases()
    assert phases[0].name == "generator"
    assert len({phase.name for phase in phases}) == len(phases)
    for phase in phases:
        terms = terms_of(phase, toy_batch(0), moment(0.95))
        torch.stack([t for n, t in terms.items() if n not in phase.observed]).sum().backward()
        own = {id(p) for p in phase.parameters}
        for key, parameter in everything.items():
            if id(parameter) in own:
                assert parameter.grad is not None, f"{phase.name} forgets {key}"
                assert torch.isfinite(parameter.grad).all(), f"{phase.name}: {key}"
            else:
                assert parameter.grad is None, f"{phase.name} reaches {key}"
        model.all_modules.zero_grad(set_to_none=True)
        assert all(p.requires_grad for p in everything.values())
    trained = {id(p) for phase in phases for p in phase.parameters}
    assert trained == {id(p) for p in everything.values()}


def test_the_swapper_paints_in_range(name: str) -> None:
    swapper = learner(name).swapper
    assert (swapper.size_px, swapper.coverage) == (SIZE_PX, 1.0)
    faces = torch.rand(3, 3, SIZE_PX, SIZE_PX) * 2 - 1
    for side in SIDES:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            patch = swapper.swap(faces, side)
        assert patch.rgb_BCHW.shape == faces.shape
        assert patch.alpha_B1HW.shape == (3, 1, SIZE_PX, SIZE_PX)
        assert patch.rgb_BCHW.dtype == patch.alpha_B1HW.dtype == torch.float32
        assert float(patch.rgb_BCHW.abs().max()) <= 1
        assert 0 <= float(patch.alpha_B1HW.min()) <= float(patch.alpha_B1HW.max()) <= 1
    assert len(swapper.encode(faces)) == 3


@pytest.mark.parametrize("cut", [1, 3])
def test_a_resumed_run_is_the_unbroken_one_and_converts(
    name: str, cut: int, tmp_path: Path
) -> None:
    """Cut before and after the decoders' exchange, and the critic's turn."""
    whole = toy_trainer(CONFIGS[name], tmp_path / "whole", 4)
    whole.fit()
    half = toy_trainer(CONFIGS[name], tmp_path / "broken", 4)
    for step in range(cut):
        half._step(half.batches.batch(step))
        half.place = Place(step + 1, 0.0)
    half.save()
    rest = toy_trainer(CONFIGS[name], tmp_path / "broken", 4)
    assert rest.resume()
    rest.fit()

    ours, theirs = (_checkpoint(tmp_path / part) for part in ("whole", "broken"))
    assert ours.keys() == theirs.keys()
    for key, tensor in ours.items():
        assert torch.isfinite(tensor.float()).all(), key
        assert torch.allclose(tensor.float(), theirs[key].float(), rtol=1e-4, atol=1e-6), key

    faces = toy_batch(9).a.target_BCHW
    loaded = load_swapper(tmp_path / "broken").swapper
    own = rest.learner.generator_modules.eval()
    with torch.inference_mode(), using(own, rest.average):
        expected = rest.learner.swapper.swap(faces, "b")
        found = loaded.swap(faces, "b")
    for ours_, theirs_ in zip(expected[:2], found[:2], strict=True):
        assert torch.allclose(ours_, theirs_, atol=1e-4)


def test_golden_loss_curves(name: str, tmp_path: Path) -> None:
    """Twenty steps from a fixed seed. Within 5%: other processors round bfloat16 otherwise."""
    trainer = toy_trainer(CONFIGS[name], tmp_path, 20)
    phase = trainer.phases[0]
    curve = []
    for step in range(20):
        values = trainer._step(trainer.batches.batch(step))
        trainer.place = Place(step + 1)
        others = {"discriminator", "code_judge", *phase.observed}
        curve.append(sum(value for key, value in values.items() if key not in others))
    found = [curve[step] for step in (0, 6, 12, 19)]
    assert all(math.isfinite(value) for value in curve)
    assert found == pytest.approx(GOLDEN[name], rel=0.05), f"{name}: {found}"


@pytest.mark.parametrize("preset", [p for p in PRESETS if p not in ("fast", "quality")])
def test_every_preset_trains_two_steps(preset: str, tmp_path: Path) -> None:
    """At 64 px; those of the masked pair model at every size in test_masked_gan."""
    trainer = toy_trainer(preset_config(preset, SIZE_PX).model, tmp_path, 2)
    weights = dict(trainer.learner.generator_modules.named_parameters())
    watched = {name: p.detach().clone() for name, p in weights.items() if p.numel() < 5000}
    for step in range(2):
        trainer.place = Place(step)
        values = trainer._step(toy_batch(step, per_side=1))
        assert all(math.isfinite(value) for value in values.values())
    still = {name for name, before in watched.items() if torch.equal(weights[name], before)}
    # A fresh attention block's queries and keys wait for its scale.
    assert not {name for name in still if "query" not in name and "key" not in name}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_can_be_built_at_every_size(preset: str) -> None:
    for size_px in sizes_px(preset):
        model = preset_config(preset, size_px).model
        assert model.shape.size_px == size_px
        with torch.device("meta"):
            patch = build_generator(model).swap(torch.empty(1, 3, size_px, size_px), "a")
        assert patch.rgb_BCHW.shape == (1, 3, size_px, size_px)


def _checkpoint(path: Path) -> dict[str, Tensor]:
    found = Run(path).load_checkpoint()
    assert found is not None
    return found[0]
