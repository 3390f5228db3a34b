"""The loop: resuming is exact, a broken state is refused, a loss that is not finite stops it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from faceloom.data.bank import FaceBank
from faceloom.data.batches import Batch, PairBatches
from faceloom.errors import UserError
from faceloom.faces.align import reference_points
from faceloom.image import warp
from faceloom.models import build_learner
from faceloom.models.masked_gan import MaskedGanConfig, Schedule
from faceloom.nets.blocks import seeded_init
from faceloom.nets.generators import GeneratorShape
from faceloom.train.config import Budget, TrainConfig, from_dict, to_dict, with_settings
from faceloom.train.loop import Trainer
from faceloom.train.optimizer import learning_rate
from faceloom.train.run import Place, Run, SideRecord, load_swapper
from faceloom.train.status import TrainStatus

TINY = GeneratorShape(64, 4, (8, 12, 16), 24, (16, 12, 8), (1, 1))


def config(steps: int, shape: GeneratorShape = TINY) -> TrainConfig:
    schedule = Schedule(adversarial_start=0.0, critic_start=0.0, critic_every=3, critic_faces=1)
    model = MaskedGanConfig(shape, discriminator_width=4, schedule=schedule)
    return TrainConfig(model, budget=Budget(None, steps), per_side=2, checkpoint_s=1e9, seed=5)


def bank(seed: int) -> FaceBank:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (5, 6, 6, 3), dtype=np.uint8)
    crops = np.stack([warp(s, np.array([[14.0, 0, 9], [0, 14.0, 9]]), (100, 100)) for s in small])
    mesh = np.pad(reference_points(100, 1.25), ((0, 0), (0, 1))).astype(np.float32)
    return FaceBank.from_crops(crops, np.stack([mesh] * 5), 64, 1.25)


def trainer(path: Path, settings: TrainConfig) -> Trainer:
    seeded_init(settings.seed)
    identities = torch.nn.functional.normalize(torch.randn(2, 512), dim=1)
    learner = build_learner(settings.model, identities)
    batches = PairBatches(bank(0), bank(1), 64, settings.per_side, settings.seed, settings.augment)
    run = Run(path)
    if not run.exists:
        side = SideRecord("faces", 5, "synthetic", [0.0] * 512)
        run.create(settings, {"a": side, "b": side})
    return Trainer(learner, batches, run, settings)


def weights(path: Path) -> dict[str, Tensor]:
    found = Run(path).load_checkpoint()
    assert found is not None
    return found[0]


@pytest.mark.parametrize("optimizer", ["adamw", "soap"])
def test_a_resumed_run_is_the_unbroken_one(optimizer: str, tmp_path: Path) -> None:
    settings = with_settings(config(6), [f"optimizer.kind={optimizer}"])
    whole = trainer(tmp_path / "whole", settings)
    whole.fit()

    half = trainer(tmp_path / "broken", settings)
    half.config = replace(half.config, budget=Budget(None, 6))
    steps = iter(range(3))

    def stop(status: TrainStatus) -> None:
        pass

    # Cut off after three steps, as a kill right after a checkpoint would.
    for batch, _ in zip(half._batches(), steps, strict=False):
        half._step(batch)
        half.place = Place(half.place.step + 1, 0.0)
    half.save()
    second = trainer(tmp_path / "broken", settings)
    assert second.resume()
    second.fit(stop)

    ours, theirs = weights(tmp_path / "whole"), weights(tmp_path / "broken")
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.allclose(ours[name], theirs[name], rtol=1e-5, atol=1e-7), name


def test_training_lowers_the_loss_and_logs(tmp_path: Path) -> None:
    run = trainer(tmp_path, config(12))
    first = run._step(run.batches.batch(0))
    run.fit()
    run.place = Place(0)
    last = run._step(run.batches.batch(0))
    assert last["l1"] < first["l1"]
    lines = [json.loads(line) for line in run.run.log_path.read_text().splitlines()]
    assert lines[-1]["progress"] == 1.0
    assert lines[-1]["losses"]["l1"] > 0
    assert -1 <= lines[-1]["identity"] <= 1


def test_the_saved_model_is_the_moving_average(tmp_path: Path) -> None:
    run = trainer(tmp_path, config(3))
    run.fit()
    loaded = load_swapper(tmp_path)
    faces = torch.zeros(2, 3, 64, 64)
    patch = loaded.swapper.swap(faces, "b")
    assert patch.rgb_BCHW.shape == (2, 3, 64, 64)
    assert patch.alpha_B1HW.shape == (2, 1, 64, 64)
    assert len(loaded.sha256) == 64
    assert loaded.consents == {"a": "synthetic", "b": "synthetic"}
    own = dict(run.learner.generator_modules.state_dict())
    name = "encoder.enter.weight"
    assert torch.allclose(loaded.swapper.encoder.enter.weight, run.average[name])  # type: ignore[attr-defined]
    assert not torch.equal(own[name], run.average[name])


def test_a_checkpoint_cut_short_falls_back_to_the_one_before(tmp_path: Path) -> None:
    run = trainer(tmp_path, config(2))
    run.save()
    run.place = Place(1)
    run.save()
    data = run.run.checkpoint_path.read_bytes()
    run.run.checkpoint_path.write_bytes(data[: len(data) // 2])
    found = run.run.load_checkpoint()
    assert found is not None
    assert found[1].step == 0
    run.run.previous_path.write_bytes(b"")
    with pytest.raises(UserError, match="damaged"):
        run.run.load_checkpoint()


def test_another_shape_is_refused(tmp_path: Path) -> None:
    first = trainer(tmp_path, config(1))
    first.fit()
    wider = replace(TINY, code=32)
    with pytest.raises(UserError, match="another shape"):
        trainer(tmp_path, config(1, wider)).resume()
    record = json.loads((tmp_path / "config.json").read_text())
    record["config"]["model"]["shape"]["code"] = 32
    (tmp_path / "config.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"model\.safetensors: does not fit"):
        load_swapper(tmp_path)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    run = trainer(tmp_path, config(4))
    run.save()
    before = weights(tmp_path)
    batch = run.batches.batch

    def broken(step: int) -> Batch:
        found = batch(step)
        found.a.target_BCHW.fill_(float("nan"))
        return found

    run.batches.batch = broken  # type: ignore[method-assign]
    with pytest.raises(UserError, match="no longer finite at step 0, also after 3 returns"):
        run.fit()
    after = weights(tmp_path)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_interrupting_saves(tmp_path: Path) -> None:
    run = trainer(tmp_path, config(50))
    batch = run.batches.batch

    def interrupted(step: int) -> object:
        if step == 2:
            raise KeyboardInterrupt
        return batch(step)

    run.batches.batch = interrupted  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        run.fit()
    found = run.run.load_checkpoint()
    assert found is not None
    assert found[1].step == 2


def test_settings_reach_their_place() -> None:
    changed = with_settings(
        config(3), ["optimizer.lr=0.002", "model.weights.eyes=9", "budget.steps=7"]
    )
    assert isinstance(changed.model, MaskedGanConfig)
    assert (changed.optimizer.lr, changed.model.weights.eyes, changed.budget.steps) == (0.002, 9, 7)
    assert from_dict(json.loads(json.dumps(to_dict(changed)))) == changed


@pytest.mark.parametrize("setting", ["optimizer.lr", "optimizer.rate=1", "seed=often", "a.b.c=1"])
def test_bad_settings_are_said(setting: str) -> None:
    with pytest.raises(UserError, match="--set"):
        with_settings(config(3), [setting])


def test_learning_rate_warms_up_and_falls() -> None:
    optimizer = config(1).optimizer
    assert learning_rate(optimizer, 0, 0.0) < optimizer.lr / 50
    assert learning_rate(optimizer, 500, 0.1) == pytest.approx(optimizer.lr)
    assert learning_rate(optimizer, 500, 1.0) == pytest.approx(optimizer.lr * optimizer.final_share)
