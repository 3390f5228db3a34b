"""Crossing between stored images and tensors, resampling, reading files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from faceloom.errors import UserError
from faceloom.geometry import Similarity
from faceloom.image import draw_grid, encode_image, read_image, sharpness, to_tensor, to_uint8, warp


def test_tensor_round_trip_is_exact() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    tensor = to_tensor(values)
    assert tensor.shape == (1, 3, 16, 16)
    assert float(tensor.min()) == -1.0
    assert float(tensor.max()) == 1.0
    assert np.array_equal(to_uint8(tensor), values)


def test_to_uint8_clips() -> None:
    out = to_uint8(torch.full((1, 3, 1, 1), 5.0))
    assert out.max() == 255


def test_warp_moves_content_by_the_transform() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    image[5, 7] = 255
    moved = warp(image, Similarity(1.0, 0.0, 3.0, 4.0), (20, 20))
    assert moved[9, 10].tolist() == [255, 255, 255]


def test_sharpness_falls_with_blur() -> None:
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    soft = warp(
        warp(image, Similarity(0.5, 0, 0, 0), (32, 32), "area"), Similarity(2, 0, 0, 0), (64, 64)
    )
    assert sharpness(soft) < sharpness(image) / 4


def test_png_keeps_colours_and_their_order(tmp_path: Path) -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[..., 0] = 200
    path = tmp_path / "red.png"
    path.write_bytes(encode_image(image, ".png"))
    assert np.array_equal(read_image(path), image)


def test_a_text_file_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("no picture")
    with pytest.raises(UserError, match=r"a\.png.*readable image"):
        read_image(path)


def test_grid_places_cells() -> None:
    black, grey = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 90, np.uint8)
    sheet = draw_grid([[black, grey]], gap_px=1)
    assert sheet.shape == (2, 5, 3)
    assert sheet[0, 3, 0] == 90
    assert sheet[0, 2, 0] == 255


def test_a_strong_shrink_averages_and_lands_in_the_same_place() -> None:
    y, x = np.mgrid[0:400, 0:500].astype(np.float32)
    smooth = np.stack([x / 2, y / 2, (x + y) / 4], axis=-1).astype(np.float32)
    transform = Similarity.from_parts(0.2, 12.0, 6.0, -3.0)
    linear = warp(smooth, transform, (60, 60), "linear")
    area = warp(smooth, transform, (60, 60), "area")
    assert np.abs(area - linear)[8:52, 8:52].max() < 1.0
    stripes = np.zeros((400, 500, 3), np.uint8)
    stripes[:, ::2] = 255
    averaged = warp(stripes, Similarity(0.1, 0.0, 0.0, 0.0), (40, 40), "area")
    assert np.abs(averaged[2:-2, 2:-2].astype(int) - 128).max() < 24
