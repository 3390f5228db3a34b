"""Bending faces into another mean shape: what lies at one's mouth comes to lie at the other's."""

from __future__ import annotations

import numpy as np
import torch

from faceloom.data import augment
from faceloom.data.augment import AugmentConfig
from faceloom.data.shape_match import answer_shape, mean_shape, shape_field
from faceloom.faces.align import reference_points

SIZE_PX, COVERAGE, CROP_PX = 64, 1.25, 160
MOUTH = 13
"""A point of the upper lip."""


def reference() -> np.ndarray:
    mesh = np.pad(reference_points(CROP_PX, COVERAGE), ((0, 0), (0, 1))).astype(np.float32)
    return mean_shape(np.stack([mesh, mesh, mesh + 30]), CROP_PX, COVERAGE)


def plain_grid() -> torch.Tensor:
    still = AugmentConfig(rotation_deg=0, zoom=0, shift=0, flip=0)
    generator = torch.Generator().manual_seed(0)
    return augment.similarity_grid(1, SIZE_PX, COVERAGE, still, generator)


def place_of_dot(field: torch.Tensor, dot_2: np.ndarray) -> np.ndarray:
    """Where a dot of the stored crop appears in the bent frame, in the crop's coordinates."""
    px = 200
    rows, columns = np.mgrid[0:px, 0:px]
    centre = (dot_2 + 1) / 2 * px - 0.5
    away = np.hypot(columns - centre[0], rows - centre[1])
    image = torch.from_numpy(np.exp(-((away / 6) ** 2)).astype(np.float32))[None, None]
    seen = augment.sample(image, plain_grid() + field)[0, 0].numpy()
    rows, columns = np.mgrid[0:SIZE_PX, 0:SIZE_PX]
    at = np.array([(columns * seen).sum(), (rows * seen).sum()]) / seen.sum()
    return ((at + 0.5) / SIZE_PX * 2 - 1) / COVERAGE


def test_the_mean_shape_is_not_moved_by_an_outlier() -> None:
    places = (reference_points(CROP_PX, COVERAGE) + 0.5) / CROP_PX * 2 - 1
    np.testing.assert_allclose(reference(), places, atol=1e-5)


def test_turned_faces_have_the_shape_of_straight_ones() -> None:
    rng = np.random.default_rng(0)
    flat = np.pad(reference_points(CROP_PX, COVERAGE), ((0, 0), (0, 1)))
    face = flat + np.column_stack([np.zeros((468, 2)), rng.normal(0, 8, 468)])
    face[[10, 152, 234, 454], 2] = 0  # The points that its axes are read from.
    turn = np.deg2rad(25)
    axes = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    turned = 0.8 * face @ axes.T + [5, -9, 0]
    straight, aside = (
        mean_shape(mesh[None].astype(np.float32), CROP_PX, COVERAGE) for mesh in (face, turned)
    )
    np.testing.assert_allclose(aside, straight, atol=1e-4)


def test_equal_shapes_move_nothing() -> None:
    shape = reference()
    assert float(shape_field(shape, shape, SIZE_PX, COVERAGE).abs().max()) < 1e-6


def test_a_lower_mouth_comes_up_and_the_frame_stays() -> None:
    own, other = reference(), reference()
    # The lower the point, the lower the own face has it: a longer chin.
    own[:, 1] += 0.10 * np.clip(own[:, 1] + 0.2, 0, None)
    field = shape_field(own, other, SIZE_PX, COVERAGE)
    there = place_of_dot(field, own[MOUTH])
    np.testing.assert_allclose(there, other[MOUTH], atol=0.012)
    assert np.hypot(*(own[MOUTH] - other[MOUTH])) > 0.03
    assert float(field[0].abs().max()) < 0.02


def test_of_the_own_shape_brows_keep_more_than_the_outline() -> None:
    """On another's head brows sit nearly as high over the eyes as on their own; the forehead's and
    the chin's height is that head's."""
    own, brow, top, chin, eyes = reference(), 105, 10, 152, (33, 263)
    other = own.copy()
    other[:, 1] += 0.1

    placed = answer_shape(own, other)

    kept = (other - placed)[:, 1] / 0.1
    assert kept[brow] > kept[list(eyes)].mean() > 2 * kept[chin] > 0
    assert kept[top] < kept[chin]
    np.testing.assert_allclose(placed[:, 0], own[:, 0])


def test_what_two_people_share_stays_and_left_is_as_right() -> None:
    own = reference()
    np.testing.assert_allclose(answer_shape(own, own), own)
    # Mirror points of brows, lids, mouth corners and jaw.
    pairs = ((105, 334), (159, 386), (61, 291), (172, 397))
    wider = own * [1.2, 1.0]
    moved = answer_shape(own, wider) - wider
    for one, two in pairs:
        np.testing.assert_allclose(moved[one, 0], -moved[two, 0], atol=6e-3)
