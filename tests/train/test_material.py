"""Which references each recipe is trained with, and what of them its model keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.data.test_batches import COVERAGE, STORED_PX
from tests.data.test_referenced import crowd, pair

from faceloom.data.bank import FaceBank
from faceloom.data.referenced import CrowdReferences, PairReferences
from faceloom.models import MaskedGanConfig, build_learner
from faceloom.models.base import SIDES
from faceloom.models.pair import PairGenerator
from faceloom.train.config import TrainConfig, preset_config
from faceloom.train.material import keep_galleries, make_batches

SIZE_PX = 96


def config(preset: str, answered: float = 0.0) -> TrainConfig:
    whole = preset_config(preset, SIZE_PX)
    assert isinstance(whole.model, MaskedGanConfig)
    return replace(whole, model=replace(whole.model, answered=answered), per_side=2)


@pytest.mark.parametrize(
    ("preset", "answered", "banks", "kind"),
    [
        ("fast", 0.0, pair, PairReferences),
        ("quality", 0.0, pair, None),
        ("trunk", 0.0, pair, None),
        ("trunk", 0.5, crowd, CrowdReferences),
    ],
)
def test_every_recipe_gets_the_references_that_it_can_use(
    preset: str, answered: float, banks: type, kind: type | None
) -> None:
    recipe = config(preset, answered)
    a, b = banks()
    assert isinstance(a, FaceBank)
    assert (a.coverage, a.table.crop_px) == (COVERAGE, STORED_PX)
    batches = make_batches(recipe, a, b)
    assert type(batches.references) is (type(None) if kind is None else kind)
    learner = build_learner(recipe.model, torch.rand(2, 512))
    crops = np.random.default_rng(5).integers(0, 255, (10, 256, 256, 3), dtype=np.uint8)
    keep_galleries(learner, batches, lambda _side, rows: crops[rows % len(crops)])
    generator = learner.generator_modules
    assert isinstance(generator, PairGenerator)
    if isinstance(batches.references, PairReferences):
        for side, gallery in zip(SIDES, batches.references.galleries, strict=True):
            kept = generator.galleries[side].state_dict()
            assert kept["pictures_K3PP"].any()
            assert kept["fine_KTT"].any()
            assert all(torch.equal(kept[n], t) for n, t in gallery.state_dict().items())
    else:
        assert not any(name.startswith("galleries.") for name in generator.state_dict())
