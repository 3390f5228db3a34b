"""A trunk is trusted as far as it knows a pair's people."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch
from tests.conftest import SmallJob
from tests.data.test_referenced import pair
from torch import Tensor

from faceloom.data.bank import FaceBank
from faceloom.data.description import person_description
from faceloom.data.faceset import FaceSet
from faceloom.models import MaskedGanConfig, build_learner
from faceloom.models.base import SIDES, Side
from faceloom.models.pair import PairGenerator
from faceloom.nets.generators import Encoded
from faceloom.train import trust
from faceloom.train.config import TrainConfig, preset_config
from faceloom.train.trust import hold_to_trunk, restoring_error, trust_by


def test_trust_falls_with_the_error_of_restoring() -> None:
    assert [trust_by(error) for error in (0.05, 0.2, 0.2175, 0.235, 0.5)] == [1, 1, 0.5, 0, 0]


class Repeats:
    """Paints what it is shown, mixed with grey."""

    size_px = 64

    def __init__(self, grey: float) -> None:
        self.grey = grey

    def encode(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW

    def decode(self, read: Encoded, to: Side) -> tuple[Tensor, Tensor]:
        return read.code_BD * (1 - self.grey), read.code_BD[:, :1]


def test_the_better_faces_are_restored_the_less_is_the_error() -> None:
    bank, _ = pair()
    errors = [
        restoring_error(cast("PairGenerator", Repeats(grey)), bank, "a", contextlib.nullcontext)
        for grey in (0.0, 0.5, 1.0)
    ]
    assert errors[0] == pytest.approx(0, abs=1e-4)
    assert errors[0] < errors[1] < errors[2] <= 1


def with_start(size_px: int, start: str, hold: float = 0.5) -> TrainConfig:
    config = preset_config("fast", size_px)
    assert isinstance(config.model, MaskedGanConfig)
    weights = replace(config.model.weights, hold=hold)
    return replace(config, start=start, model=replace(config.model, weights=weights))


def material(job: SmallJob, size_px: int) -> tuple[dict[Side, FaceSet], dict[Side, FaceBank]]:
    sets: dict[Side, FaceSet] = {
        "a": FaceSet.open(job.faces_a),
        "b": FaceSet.open(job.faces_b),
    }
    banks = {
        side: FaceBank.from_crops(
            faces.crops(np.arange(6)), faces.meshes_N4683[:6], size_px, faces.coverage
        )
        for side, faces in sets.items()
    }
    return sets, banks


@pytest.mark.parametrize(
    ("config", "held"),
    [
        (with_start(96, "trunk"), True),
        (with_start(96, "none"), False),
        (with_start(96, "trunk", 0.0), False),
        (with_start(64, "trunk"), False),
        (replace(preset_config("trunk", 96), start="trunk"), False),
    ],
)
def test_pairs_that_start_from_the_trunk_are_held_to_it(
    config: TrainConfig, held: bool, small_job: SmallJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = iter((0.1, 0.2175))
    monkeypatch.setattr(trust, "restoring_error", lambda *_: next(known))
    sets, banks = material(small_job, config.model.shape.size_px)
    learner = build_learner(config.model, torch.rand(2, 512))
    people = torch.stack([person_description(sets[side]) for side in SIDES])
    found = hold_to_trunk(learner, config, banks, people, contextlib.nullcontext)
    assert found == (0.5 if held else 0), "as far as it knows whom it knows less"


def test_real_people_are_not_what_a_trunk_of_synthetic_ones_knows(small_job: SmallJob) -> None:
    config = with_start(96, "trunk")
    sets, banks = material(small_job, config.model.shape.size_px)
    people = torch.stack([person_description(sets[side]) for side in SIDES])
    learner = build_learner(config.model, torch.rand(2, 512))
    assert hold_to_trunk(learner, config, banks, people, contextlib.nullcontext) < 0.5
