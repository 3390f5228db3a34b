"""Batches: a pure function of seed and step; augmentation keeps what it must."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from faceloom.data import augment
from faceloom.data.augment import AugmentConfig
from faceloom.data.bank import FaceBank
from faceloom.data.batches import Batch, PairBatches, step_generator
from faceloom.data.reference import Laying
from faceloom.errors import UserError
from faceloom.faces.align import recrop_transform, reference_points
from faceloom.faces.drawing import LandmarkKind
from faceloom.image import to_uint8, warp

STILL = AugmentConfig(
    rotation_deg=0, zoom=0, shift=0, flip=0, warp=0, colour_match=0, shape_match=0, brightness=0,
    noise=0, blur=0,
)  # fmt: skip
SIZE_PX, STORED_PX, COVERAGE = 64, 160, 1.25


@cache
def bank(seed: int, count: int = 6, kind: LandmarkKind | None = None) -> FaceBank:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (count, 8, 8, 3), dtype=np.uint8)
    crops = np.stack([warp(s, np.array([[20.0, 0, 9.5], [0, 20, 9.5]]), (160, 160)) for s in small])
    mesh = np.pad(reference_points(STORED_PX, COVERAGE), ((0, 0), (0, 1))).astype(np.float32)
    return FaceBank.from_crops(crops, np.stack([mesh] * count), SIZE_PX, COVERAGE, kind)


def same(one: Batch, other: Batch) -> bool:
    """Bit for bit, both sides."""
    return all(
        (ours is None and theirs is None) or torch.equal(ours, theirs)
        for pair in zip(one.sides, other.sides, strict=True)
        for ours, theirs in zip(*(map(_laid, vars(side).values()) for side in pair), strict=True)
    )


def _laid(value: torch.Tensor | Laying | None) -> torch.Tensor | None:
    return value() if isinstance(value, Laying) else value


def batches(config: AugmentConfig, seed: int = 3) -> PairBatches:
    return PairBatches(bank(0), bank(1), SIZE_PX, 4, seed, config)


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    first, second = batches(AugmentConfig()), batches(AugmentConfig())
    second.batch(0)
    assert same(first.batch(7), second.batch(7))
    other = batches(AugmentConfig(), seed=4).batch(7)
    assert not torch.equal(first.batch(7).a.warped_BCHW, other.a.warped_BCHW)


def test_without_augmentation_input_and_target_are_the_tight_crop() -> None:
    pair = batches(STILL)
    batch = pair.batch(0)
    assert torch.equal(batch.a.warped_BCHW, batch.a.target_BCHW)
    shares = pair.banks[0].shares_N
    rows = torch.multinomial(shares, 4, replacement=True, generator=step_generator(3, 0))
    stored = pair.banks[0].planes[rows, :3].permute(0, 2, 3, 1).numpy()
    px = stored.shape[1]
    tighten = recrop_transform(px, px / (SIZE_PX * 1.15), SIZE_PX, 1.0)
    expected = np.stack([warp(image, tighten, (SIZE_PX, SIZE_PX)) for image in stored])
    difference = np.abs(to_uint8(batch.a.target_BCHW).astype(int) - expected)
    assert difference.mean() < 2


def longer_faced_bank(seed: int) -> FaceBank:
    """The bank of that seed, its people's mouths and chins lower in the crop."""
    own = bank(seed)
    meshes = own.table.meshes_N4683.copy()
    meshes[..., 1] += 0.15 * np.clip(meshes[..., 1] - STORED_PX / 2, 0, None)
    table = dataclasses.replace(own.table, meshes_N4683=meshes)
    return FaceBank(own.planes, own.coverage, own.shares_N, table)


@pytest.mark.parametrize("kept", [0.0, 0.4, 1.0, None])
def test_of_a_bent_face_the_target_follows_but_for_the_shape_that_is_kept(
    kept: float | None,
) -> None:
    config = dataclasses.replace(STILL, shape_match=1.0, shape_kept=kept)
    pair = PairBatches(bank(0), longer_faced_bank(1), SIZE_PX, 4, 3, config)
    plain = PairBatches(bank(0), longer_faced_bank(1), SIZE_PX, 4, 3, STILL).batch(0).b
    side = pair.batch(0).b
    from_input, from_plain = (
        float((side.target_BCHW - other).abs().mean())
        for other in (side.warped_BCHW, plain.target_BCHW)
    )
    if kept == 0:
        assert from_input == 0
        assert not torch.equal(side.mouth_B1HW, plain.mouth_B1HW)
    elif kept == 1:
        assert from_plain == 0
        assert torch.equal(side.hull_B1HW, plain.hull_B1HW)
    else:
        assert from_plain > 0
        assert from_input > 0


def test_mirrored_faces_are_bent_as_their_originals_are() -> None:
    config = dataclasses.replace(STILL, shape_match=1.0, shape_kept=0.3)
    straight, mirrored = (
        PairBatches(
            bank(0), longer_faced_bank(1), SIZE_PX, 4, 3, dataclasses.replace(config, flip=flip)
        )
        .batch(0)
        .b
        for flip in (0.0, 1.0)
    )
    for one, other in (
        (straight.warped_BCHW, mirrored.warped_BCHW),
        (straight.target_BCHW, mirrored.target_BCHW),
        (straight.mouth_B1HW, mirrored.mouth_B1HW),
    ):
        torch.testing.assert_close(one, other.flip(-1), atol=2e-3, rtol=0)


def test_masks_sit_on_the_mean_face() -> None:
    side = batches(STILL).batch(0).a
    hull = side.hull_B1HW[0, 0]
    assert 0.4 < float(hull.mean()) < 0.7
    eyes_y = (side.eyes_B1HW[0, 0].sum(1) * torch.arange(SIZE_PX)).sum() / side.eyes_B1HW[0].sum()
    mouth_y = (side.mouth_B1HW[0, 0].sum(1) * torch.arange(SIZE_PX)).sum() / side.mouth_B1HW[
        0
    ].sum()
    assert eyes_y < SIZE_PX / 2 < mouth_y
    assert float((side.eyes_B1HW * (1 - side.hull_B1HW)).sum()) < 5


def test_warp_bends_only_the_input() -> None:
    still = batches(STILL).batch(2).b
    bent = batches(dataclasses.replace(STILL, warp=0.03)).batch(2).b
    assert torch.allclose(still.target_BCHW, bent.target_BCHW)
    assert (still.warped_BCHW - bent.warped_BCHW).abs().mean() > 0.01


SWITCHED: dict[str, tuple[dict[str, Any], bool]] = {
    "coarse": ({"warp_kind": "coarse", "warp": 0.02, "warp_coverage": 0.1}, True),
    "channels": ({"channel_shift": 0.1}, True),
    "shadow": ({"shadow": 1.0}, True),
    "motion": ({"motion_blur": 1.0}, True),
    "parts of oneself": ({"part_swap": 1.0, "part_swap_from": "own"}, True),
    "parts of the other": ({"part_swap": 1.0}, False),
    "fewer pixels": ({"downsample": 1.0}, False),
    "jpeg": ({"jpeg": 1.0}, False),
}
"""Each augmentation that is off by default, and whether it touches the target as well."""


@pytest.mark.parametrize("name", SWITCHED)
def test_what_is_switched_on_changes_what_it_should_and_nothing_else(name: str) -> None:
    values, target_too = SWITCHED[name]
    config = dataclasses.replace(AugmentConfig(), warp=0.02)
    switched = batches(dataclasses.replace(config, **values))
    plain, changed = batches(config).batch(4), switched.batch(4)
    assert same(changed, switched.batch(4))
    assert not same(changed, switched.batch(5))
    for before, after in zip(plain.sides, changed.sides, strict=True):
        assert float((before.warped_BCHW - after.warped_BCHW).abs().mean()) > 2e-3
        assert torch.equal(before.target_BCHW, after.target_BCHW) is not target_too
        # Nothing but the origin's warp moves a face.
        assert torch.equal(before.hull_B1HW, after.hull_B1HW) is (name != "coarse")


@pytest.mark.parametrize("name", [name for name in SWITCHED if name != "coarse"])
def test_an_augmentation_of_no_strength_is_no_augmentation(name: str) -> None:
    given = SWITCHED[name][0]
    values: dict[str, Any] = {key: 0.0 for key, value in given.items() if isinstance(value, float)}
    nothing = dataclasses.replace(AugmentConfig(), **values)
    assert same(batches(nothing).batch(1), batches(AugmentConfig()).batch(1))


def test_a_probability_is_the_share_of_faces_that_change() -> None:
    plain, half = batches(STILL), batches(dataclasses.replace(STILL, jpeg=0.5))
    changed = [
        bool((ours - theirs).abs().max() > 0)
        for step in range(20)
        for ours, theirs in zip(half.batch(step).a.warped_BCHW, plain.batch(step).a.warped_BCHW,
                                strict=True)
    ]  # fmt: skip
    assert 0.3 < np.mean(changed) < 0.7


def test_the_coarse_warp_of_no_strength_is_the_plain_frame() -> None:
    config = dataclasses.replace(STILL, rotation_deg=8, flip=0.5)
    grid = augment.similarity_grid(4, 32, 1.25, config, torch.Generator().manual_seed(0))
    points = torch.randn(4, 2, 5, 5, generator=torch.Generator().manual_seed(1))
    target, bent = augment.coarse_warp(grid, 1.25, config, points, torch.Generator())
    assert torch.allclose(target, grid, atol=1e-6)
    assert torch.allclose(bent, grid, atol=1e-6)


def test_the_coarse_warps_target_is_the_nearest_similarity() -> None:
    """Points that a similarity has moved: target and input agree; other points: the target is a
    similarity, nearer to the input than the frame is."""
    plain = augment.similarity_grid(2, 33, 1.25, STILL, torch.Generator().manual_seed(0))
    config = dataclasses.replace(STILL, warp=0.05)
    line = torch.linspace(-1, 1, 5)
    x, y = line.expand(5, 5), line.view(5, 1).expand(5, 5)
    turned = torch.stack([0.3 * x - 0.2 * y + 0.1, 0.2 * x + 0.3 * y]).expand(2, -1, -1, -1)
    target, bent = augment.coarse_warp(plain, 1.25, config, turned, torch.Generator())
    assert torch.allclose(target, bent, atol=1e-5)
    assert float((target - plain).abs().max()) > 0.02
    points = torch.randn(2, 2, 5, 5, generator=torch.Generator().manual_seed(1))
    target, bent = augment.coarse_warp(plain, 1.25, config, points, torch.Generator())
    across, down = target[:, 0, 1] - target[:, 0, 0], target[:, 1, 0] - target[:, 0, 0]
    assert torch.allclose(across.norm(dim=1), down.norm(dim=1), atol=1e-5)
    assert torch.allclose((across * down).sum(1), torch.zeros(2), atol=1e-6)
    assert float((bent - target).square().mean()) < float((bent - plain).square().mean())


def test_full_colour_match_gives_the_other_statistics() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, 16, 16, generator=generator) * 0.4 - 0.2
    mask = torch.ones(1, 1, 16, 16)
    for space in (torch.eye(3), torch.tensor(augment.RGB_TO_XYZ)):
        own = augment.colour_statistics(image, mask, space)
        other = (own[0] + 0.1, own[1] * 1.5)
        mapped = augment.apply_colour(
            (image + 1) * 127.5, *augment.matching_map(own, other, torch.ones(1), space)
        )
        found = augment.colour_statistics(mapped, mask, space)
        assert torch.allclose(found[0], other[0], atol=1e-3)
        assert torch.allclose(found[1], other[1], atol=1e-3)


def test_the_jittered_grid_is_a_similarity_and_keeps_pixel_centres() -> None:
    grid = augment.similarity_grid(3, 8, 1.25, STILL, torch.Generator().manual_seed(0))
    theta = torch.tensor([[1 / 1.25, 0.0, 0.0], [0.0, 1 / 1.25, 0.0]]).expand(3, 2, 3)
    plain = torch.nn.functional.affine_grid(theta, [3, 1, 8, 8], align_corners=False)
    assert torch.allclose(grid, plain, atol=1e-6)
    turned = dataclasses.replace(STILL, rotation_deg=30.0, zoom=0.2, shift=0.1)
    grid = augment.similarity_grid(3, 8, 1.25, turned, torch.Generator().manual_seed(0))
    across, down = grid[:, 0, 1] - grid[:, 0, 0], grid[:, 1, 0] - grid[:, 0, 0]
    assert torch.allclose(across.norm(dim=1), down.norm(dim=1), atol=1e-5)
    assert torch.allclose((across * down).sum(1), torch.zeros(3), atol=1e-6)


def test_no_colour_match_is_the_identity() -> None:
    own = (torch.zeros(2, 3), torch.ones(2, 3))
    other = (torch.ones(2, 3), torch.full((2, 3), 2.0))
    matrix, shift = augment.matching_map(
        own, other, torch.zeros(2), torch.tensor(augment.RGB_TO_XYZ)
    )
    assert torch.allclose(matrix, torch.eye(3).expand(2, 3, 3), atol=1e-4)
    assert float(shift.abs().max()) == pytest.approx(0, abs=1e-6)


def test_drawn_landmarks_go_where_their_pictures_go() -> None:
    """Bent with the input, straight with the target, and nothing else is drawn otherwise."""
    a, b = (bank(seed, kind="lines") for seed in (0, 1))
    config = dataclasses.replace(STILL, rotation_deg=8, zoom=0.05)
    straight = PairBatches(a, b, SIZE_PX, 4, 3, config).batch(1)
    bent = PairBatches(a, b, SIZE_PX, 4, 3, dataclasses.replace(config, warp=0.03)).batch(1)
    plain = batches(dataclasses.replace(config, warp=0.03)).batch(1)
    for still, moved, bare in zip(straight.sides, bent.sides, plain.sides, strict=True):
        assert bare.drawn_B1HW is None
        assert torch.equal(moved.warped_BCHW, bare.warped_BCHW)
        assert torch.equal(moved.hull_B1HW, bare.hull_B1HW)
        assert still.drawn_B1HW is not None
        assert moved.drawn_B1HW is not None
        assert torch.equal(still.drawn_B1HW, still.drawn_target_B1HW)  # type: ignore[arg-type]
        assert torch.equal(still.drawn_target_B1HW, moved.drawn_target_B1HW)  # type: ignore[arg-type]
        assert float((moved.drawn_B1HW - still.drawn_B1HW).abs().mean()) > 0.01
        assert float(still.drawn_B1HW.amin()) == 0
        assert float(still.drawn_B1HW.amax()) == pytest.approx(1, abs=0.1)


def test_other_openings_of_oneself_would_contradict_the_landmarks() -> None:
    config = dataclasses.replace(STILL, part_swap=0.5, part_swap_from="own")
    with pytest.raises(UserError, match="part_swap_from=own"):
        PairBatches(bank(0, kind="heat"), bank(1, kind="heat"), SIZE_PX, 4, 3, config)
