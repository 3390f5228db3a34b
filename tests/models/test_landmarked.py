"""Landmarks as a fourth channel: given, left out, and asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch
from tests.models.toy import CONFIGS, PER_SIDE, SIZE_PX, identities, toy_batch
from torch import Tensor

from faceloom.convert.clip import ConvertOptions, paint
from faceloom.data.batches import Batch, step_generator
from faceloom.faces.align import reference_points
from faceloom.faces.face import Aligned
from faceloom.geometry import Similarity
from faceloom.models import landmark_kind
from faceloom.models.base import Moment
from faceloom.models.landmarked import LandmarkPair, Landmarks, mesh_distance, with_landmarks
from faceloom.models.masked_gan import MaskedGan, MaskedGanConfig
from faceloom.nets.features import MeshCritic


def moment(step: int = 0) -> Moment:
    return Moment(step, 0.0, step_generator(1, step, stream=1))


def learner(landmarks: Landmarks | None = Landmarks()) -> MaskedGan:  # noqa: B008
    config = CONFIGS["landmarks"]
    assert isinstance(config, MaskedGanConfig)
    torch.manual_seed(0)
    return MaskedGan(replace(config, landmarks=landmarks), identities())


def test_a_missing_channel_is_an_empty_drawing() -> None:
    net = learner().generator
    assert isinstance(net, LandmarkPair)
    faces = toy_batch(0).a.target_BCHW
    empty = torch.cat([faces, torch.zeros_like(faces[:, :1])], dim=1)
    drawn = torch.cat([faces, torch.ones_like(faces[:, :1])], dim=1)
    assert torch.equal(net.encode(faces), net.encode(empty))
    assert not torch.allclose(net.encode(faces), net.encode(drawn), atol=1e-3)


def test_landmarks_are_left_out_at_random_and_the_same_at_the_same_step() -> None:
    batch = toy_batch(0, per_side=50)
    seen = with_landmarks(batch, Landmarks(dropout=0.3), moment())
    assert torch.equal(seen, with_landmarks(batch, Landmarks(dropout=0.3), moment()))
    assert torch.equal(seen[:50, :3], batch.a.warped_BCHW)
    given = seen[:, 3].flatten(1).amax(dim=1) > 0
    assert 0.55 < float(given.float().mean()) < 0.85
    drawn = batch.b.drawn_B1HW
    assert drawn is not None
    assert torch.equal(seen[50:, 3:][given[50:]], drawn[given[50:]])
    for dropout, share in ((0.0, 1.0), (1.0, 0.0)):
        some = with_landmarks(batch, Landmarks(dropout=dropout), moment())
        assert float((some[:, 3].flatten(1).amax(dim=1) > 0).float().mean()) == share


def moved(batch: Batch) -> Batch:
    """The first face of each side to the left and up, the second to the right and down."""
    sides = []
    for side in batch.sides:
        planes = {
            name: torch.stack([plane[0].roll((-9, -9), (1, 2)), plane[1].roll((9, 9), (1, 2))])
            for name, plane in vars(side).items()
            if plane is not None and name not in ("person_BE", "swap_reference")
        }
        sides.append(replace(side, person_BE=None, swap_reference=None, **planes))
    return Batch(batch.step, *sides)


def test_the_encoder_learns_to_find_landmarks_that_it_is_not_given() -> None:
    """With all landmarks left out, the head comes to draw each face's where they are."""
    model = learner(Landmarks(dropout=1.0, weight=1.0))
    head = model.landmark_head
    assert head is not None
    weights = [*model.generator.encoder.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, 3e-3)
    for step in range(60):
        loss = model.generator_loss(moved(toy_batch(step % 4)), moment(1))["landmarks"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    batch = moved(toy_batch(9)).a
    assert batch.drawn_target_B1HW is not None
    with torch.no_grad():
        seen = head(model.generator.encode(batch.warped_BCHW)).sigmoid()
    own, others = (batch.drawn_target_B1HW > 0.5), (batch.drawn_target_B1HW.flip(0) > 0.5)
    assert float(seen[own].mean()) > 2 * float(seen[others & ~own].mean())
    assert float(seen[own].mean()) > 0.4


def test_returned_inputs_come_with_their_targets_landmarks() -> None:
    model, batch = learner(), toy_batch(0)
    model._returned = replace(model._returned, share=0.5)
    seen = model._returned.laid_out("a", moved(batch).a, moment(1))
    assert seen.drawn_B1HW is not None
    assert seen.drawn_target_B1HW is not None
    assert torch.equal(seen.drawn_B1HW[-1:], seen.drawn_target_B1HW[-1:])
    assert not torch.equal(seen.drawn_B1HW[:-1], seen.drawn_target_B1HW[:-1])


def test_without_weight_there_is_no_head() -> None:
    model = learner(Landmarks(weight=0.0))
    assert model.landmark_head is None
    assert "landmarks" not in model.generator_loss(toy_batch(0), moment(1))
    assert set(model.all_modules.state_dict()) < set(learner().all_modules.state_dict())


def test_what_the_data_must_draw_follows_from_the_model() -> None:
    assert landmark_kind(learner().config) == "lines"
    assert landmark_kind(learner(Landmarks("heat")).config) == "heat"
    assert landmark_kind(learner(None).config) is None
    assert landmark_kind(CONFIGS["v2_2"]) is None
    bare = Batch(0, *(replace(side, drawn_B1HW=None) for side in toy_batch(0).sides))
    with pytest.raises(ValueError, match="drawn landmarks"):
        learner().generator_loss(bare, moment())


def test_conversion_works_with_and_without_the_mesh() -> None:
    mesh = np.pad(reference_points(SIZE_PX), ((0, 0), (0, 1))).astype(np.float32)
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 255, (PER_SIDE, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    faces = [Aligned(crop, Similarity(1, 0, 0, 0), mesh) for crop in crops]
    for model, differs in ((learner(), True), (learner(None), False)):
        swapper = model.swapper.eval()
        alone, drawn = (
            paint(swapper, faces, ConvertOptions(landmarks=given)) for given in (False, True)
        )
        assert len(alone) == len(drawn) == PER_SIDE
        same = all(
            np.array_equal(one.alpha_HW, other.alpha_HW)
            for one, other in zip(alone, drawn, strict=True)
        )
        assert same is not differs


class _Places:
    """Reads four points off a picture's first pixels."""

    eye_span_px = 10.0

    def __call__(self, faces_BCHW: Tensor) -> Tensor:
        return faces_BCHW[:, :2, :4, 0].transpose(1, 2)


def test_restored_faces_have_their_targets_landmarks_and_swapped_ones_move_alike() -> None:
    critic = cast("MeshCritic", _Places())
    targets = [torch.randn(3, 3, 8, 8, generator=step_generator(seed, 0)) for seed in (0, 1)]
    elsewhere = [faces + 5 for faces in targets]
    assert float(mesh_distance(critic, targets, elsewhere, targets)) == pytest.approx(0, abs=1e-4)
    # Five pixels both ways: the root of 50, over eyes ten apart.
    moved = float(mesh_distance(critic, elsewhere, elsewhere, targets))
    assert moved == pytest.approx(50**0.5 / 10, rel=0.01)
    still = [faces.mean(dim=0, keepdim=True).expand_as(faces) for faces in targets]
    assert float(mesh_distance(critic, targets, still, targets)) > 0.05


def test_the_mesh_is_looked_at_on_the_critics_turns_if_it_weighs_anything() -> None:
    config = CONFIGS["masked_gan"]
    assert isinstance(config, MaskedGanConfig)
    torch.manual_seed(0)
    model = MaskedGan(replace(config, weights=replace(config.weights, mesh=1.0)), identities())
    assert "mesh" not in learner().generator_loss(toy_batch(0), moment(0))
    assert "mesh" not in model.generator_loss(toy_batch(0), moment(1))
    found = model.generator_loss(toy_batch(0), moment(0))["mesh"]
    assert 0 < float(found.detach()) < 10
    found.backward()
    grads = [p.grad for p in model.generator.parameters() if p.grad is not None]
    assert grads
    assert all(bool(torch.isfinite(grad).all()) for grad in grads)
