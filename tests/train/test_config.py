"""Configurations: every preset survives its file, old files are read, mistakes are named."""

from __future__ import annotations

import json

import pytest

from faceloom.data.augment import AugmentConfig
from faceloom.errors import UserError
from faceloom.losses import Schedule
from faceloom.models import AlphaGanConfig, MaskedGanConfig, OriginConfig
from faceloom.models.masked_gan import LossWeights
from faceloom.train.config import (
    PRESETS,
    from_dict,
    preset_config,
    sizes_px,
    to_dict,
    with_settings,
)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_survives_its_file(preset: str) -> None:
    for size_px in sizes_px(preset):
        config = preset_config(preset, size_px)
        assert from_dict(json.loads(json.dumps(to_dict(config)))) == config


def test_a_run_that_names_no_learner_is_a_masked_pair_model() -> None:
    values = to_dict(preset_config("fast", 64))
    del values["model"]["learner"]
    assert from_dict(values) == preset_config("fast", 64)


def test_settings_reach_every_kind_of_model() -> None:
    config = with_settings(
        preset_config("v2_2", 64),
        ["model.weights.mask_hinge_share.points=[[0,0.25]]", "model.rivalry.kind=hinge",
         "model.shape.norm=hybrid", "model.exchange=none", "model.weights.perceptual=[0.1]"],
    )  # fmt: skip
    assert isinstance(config.model, OriginConfig)
    assert config.model.weights.mask_hinge_share == Schedule(((0.0, 0.25),))
    assert config.model.weights.perceptual == (0.1,)
    assert config.model.rivalry.kind == "hinge"
    assert config.model.shape.norm == "hybrid"
    assert config.model.exchange is None
    config = with_settings(preset_config("alpha", 64), ["model.code=plain"])
    assert isinstance(config.model, AlphaGanConfig)
    assert config.model.code == "plain"


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("model.shape.norm=weight", "model.shape.norm: Input should be"),
        ("model.weights.mask_hinge_share.points=[[0.5,0.1]]", "must rise from 0"),
        ("model.learner=stylegan", "stylegan"),
        ("model.rivalry.kinds=hinge", "no setting is called"),
    ],
)
def test_mistakes_are_named(setting: str, named: str) -> None:
    with pytest.raises(UserError, match=named):
        with_settings(preset_config("v2_2", 64), [setting])


def test_unknown_entries_of_a_file_are_refused_at_any_depth() -> None:
    values = to_dict(preset_config("fast", 64))
    values["model"]["weights"]["nose"] = 4
    with pytest.raises(UserError, match=r"run: model\.weights\.nose"):
        from_dict(values, "run")


@pytest.mark.parametrize(("preset", "size_px"), [("v3", 64), ("fast", 192), ("v2_2", 100)])
def test_what_is_not_offered_is_said(preset: str, size_px: int) -> None:
    with pytest.raises(UserError, match="take one of"):
        preset_config(preset, size_px)


def test_fast_is_as_it_was() -> None:
    """The recipe that the benchmarks' figures hold for."""
    config = preset_config("fast", 96)
    assert isinstance(config.model, MaskedGanConfig)
    weights = LossWeights(mesh=5.0)
    assert config.model == MaskedGanConfig(
        config.model.shape, weights=weights, referenced=True, skipped=True
    )
    assert config.augment == AugmentConfig(shape_match=None, shape_kept=None)
    assert config.augment.shape_share == 0.5
    assert config.model.shape.widths == (48, 96, 192)
    assert (config.model.weights.eyes, config.model.weights.mouth) == (12.0, 8.0)
    assert (config.optimizer.lr, config.per_side, config.budget.minutes) == (1.2e-3, 16, 15.0)
