"""Where a swap's features lie is read off swaps, and references and targets follow."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.conftest import SmallJob
from tests.data.test_batches import COVERAGE as BANK_COVERAGE
from tests.data.test_referenced import pair
from tests.train.test_material import config
from tests.train.test_score import Grey, Untouched
from torch import Tensor
from torch.nn import functional as F

from faceloom.data.bank import FaceBank
from faceloom.data.faceset import FaceSet
from faceloom.data.movement import COVERAGE, POINTS
from faceloom.data.reference import answer_moves
from faceloom.faces.face import Patch
from faceloom.faces.mask import BROWS, INNER_MOUTH, LIPS
from faceloom.models import MaskedGanConfig, build_learner
from faceloom.models.base import SIDES, ShownFaces, Side
from faceloom.models.pair import PairGenerator
from faceloom.train import places
from faceloom.train.material import keep_galleries, lay_as_model, make_batches
from faceloom.train.places import keep_places, painted_moves

SIZE_PX, DOWN_PX = 96, 3


class Lower(Untouched):
    """Paints the same face a little lower."""

    def swap(self, x_BCHW: Tensor, to: Side, shown: ShownFaces | None = None) -> Patch:
        padded = F.pad(x_BCHW, (0, 0, DOWN_PX, 0), mode="replicate")[:, :, :SIZE_PX]
        return Patch(padded, torch.ones_like(x_BCHW[:, :1]))


def moves_by(swapper: Untouched, job: SmallJob) -> Tensor | None:
    faces = FaceSet.open(job.faces_a)
    rows = np.arange(len(faces))
    return painted_moves(swapper, faces, rows, "a", contextlib.nullcontext)


def test_what_is_painted_lower_is_found_lower_by_as_much(small_job: SmallJob) -> None:
    still, lower = (moves_by(swapper, small_job) for swapper in (Untouched(), Lower()))
    assert still is not None
    assert lower is not None
    assert float(still.abs().max()) < 1e-6
    down = DOWN_PX * 2 / SIZE_PX / COVERAGE
    for points in (INNER_MOUTH, BROWS):
        across, further_down = lower[list(points)].mean(dim=0).tolist()
        assert abs(across) < 0.2 * down
        assert further_down == pytest.approx(down, rel=0.2)


def test_what_shows_no_face_says_nothing(small_job: SmallJob) -> None:
    assert moves_by(Grey(), small_job) is None


@pytest.mark.parametrize(
    ("carries", "seen", "share"), [(True, "ab", 0.7), (True, "a", 0.0), (False, "ab", None)]
)
def test_features_are_carried_on_as_far_as_the_trunk_is_trusted(
    carries: bool, seen: str, share: float | None, small_job: SmallJob,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Not where its swaps did not show on both sides where features lie."""

    def moves(*given: object) -> Tensor | None:
        return torch.full((468, 2), 0.1) if str(given[3]) in seen else None

    monkeypatch.setattr(places, "painted_moves", moves)
    model = config("fast").model
    assert isinstance(model, MaskedGanConfig)
    learner = build_learner(replace(model, carried=carries), torch.rand(2, 512))
    generator = learner.generator_modules
    assert isinstance(generator, PairGenerator)
    sets: dict[Side, FaceSet] = {
        "a": FaceSet.open(small_job.faces_a), "b": FaceSet.open(small_job.faces_b)
    }  # fmt: skip
    rows: dict[Side, np.ndarray] = {side: np.arange(len(faces)) for side, faces in sets.items()}
    keep_places(learner, sets, rows, contextlib.nullcontext, 0.7)
    carried = generator.carried
    assert (carried is None) == (share is None)
    assert carried is None or float(carried) == pytest.approx(share)
    assert float(generator.gallery("a").moves_N2.max()) == pytest.approx(0.1)


def test_references_and_targets_go_where_the_models_galleries_say() -> None:
    recipe = config("fast")
    a, b = pair()
    meshes = b.table.meshes_N4683.copy()
    meshes[:, list(LIPS), 1] += 8
    other = replace(b.table, meshes_N4683=meshes)
    batches = make_batches(recipe, a, FaceBank(b.planes, b.coverage, b.shares_N, other))
    learner = build_learner(recipe.model, torch.rand(2, 512))
    generator = learner.generator_modules
    assert isinstance(generator, PairGenerator)
    crops = np.random.default_rng(5).integers(0, 255, (10, 256, 256, 3), dtype=np.uint8)
    keep_galleries(learner, batches, lambda _side, rows: crops[rows % len(crops)])
    by_shapes = [true.clone() for _, true in batches.to_other]
    lay_as_model(learner, batches)
    for (_, true), before in zip(batches.to_other, by_shapes, strict=True):
        assert torch.allclose(true, before, atol=1e-5), "as the law of mean shapes has it"
    # The first side's features stay where they are on the second's face: nothing is bent.
    one, two = (generator.galleries[side] for side in SIDES)
    means = [torch.as_tensor(gallery.mean_N2) for gallery in (one, two)]
    assert torch.allclose(torch.as_tensor(two.moves_N2), answer_moves(means[1], means[0]))
    two.moves_N2 = means[0] - means[1]
    as_before = batches.to_other[1][1]
    lay_as_model(learner, batches)
    assert float(by_shapes[0].abs().max()) > 0.01
    assert float(batches.to_other[0][1].abs().max()) < 2e-3
    assert torch.equal(batches.to_other[1][1], as_before)
    references = batches.references
    assert references is not None
    assert BANK_COVERAGE == COVERAGE
    assert torch.equal(references._offsets[1], (means[0] - means[1])[POINTS])  # type: ignore[attr-defined]
