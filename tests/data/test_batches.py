"""Batches: a pure function of seed and step; augmentation keeps what it must."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from faceloom.data import augment
from faceloom.data.augment import AugmentConfig
from faceloom.data.batches import FaceBank, PairBatches, balanced_shares, step_generator
from faceloom.faces.align import recrop_transform, reference_points
from faceloom.image import to_uint8, warp

STILL = AugmentConfig(
    rotation_deg=0, zoom=0, shift=0, flip=0, warp=0, colour_match=0, shape_match=0, brightness=0,
    noise=0, blur=0,
)  # fmt: skip
SIZE_PX, STORED_PX, COVERAGE = 64, 160, 1.25


def bank(seed: int, count: int = 6) -> FaceBank:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (count, 8, 8, 3), dtype=np.uint8)
    crops = np.stack([warp(s, np.array([[20.0, 0, 9.5], [0, 20, 9.5]]), (160, 160)) for s in small])
    mesh = np.pad(reference_points(STORED_PX, COVERAGE), ((0, 0), (0, 1))).astype(np.float32)
    return FaceBank.from_crops(crops, np.stack([mesh] * count), SIZE_PX, COVERAGE)


def batches(config: AugmentConfig, seed: int = 3) -> PairBatches:
    return PairBatches(bank(0), bank(1), SIZE_PX, 4, seed, config)


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    first, second = batches(AugmentConfig()), batches(AugmentConfig())
    second.batch(0)
    for ours, theirs in zip(first.batch(7).sides, second.batch(7).sides, strict=True):
        for field in dataclasses.fields(ours):
            assert torch.equal(getattr(ours, field.name), getattr(theirs, field.name))
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


def test_rare_openings_are_drawn_more_often() -> None:
    eyes = np.concatenate([[0.05, 0.1], np.linspace(0.28, 0.3, 48)])
    shares = balanced_shares(eyes, np.zeros(50))
    assert shares.sum() == pytest.approx(1)
    assert shares[:2].min() > 2 * shares[2:].max()
