"""Pasting changes what it is given and not one sample more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceloom.video import Frame, read_frames
from faceloom.video.samples import plane_of

Clip = Callable[..., Path]
FORMATS = ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le"]
TAGS = {"bt601": (6, 1, 6, 6), "bt709": (1, 1, 1, 1), "full": (1, 2, 1, 1), "2020": (9, 1, 9, 14)}


def planes(frame: Frame) -> list[np.ndarray[Any, Any]]:
    assert frame.samples is not None
    return [plane_of(frame.samples, index).copy() for index in range(3)]


def one_frame(clip: Path) -> Frame:
    return list(read_frames(clip))[3]


@pytest.mark.parametrize(
    "box", [(10, 20, 30, 16), (11, 21, 31, 17), (0, 0, 96, 64), (65, 41, 31, 23)]
)
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_samples_outside_the_box_stay_bit_identical(
    make_clip: Clip, pixel_format: str, box: tuple[int, int, int, int]
) -> None:
    frame = one_frame(make_clip(pixel_format=pixel_format))
    before = planes(frame)
    x, y, width, height = box
    patch = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    pasted = frame.pasted(patch, x, y)
    after = planes(pasted)
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        x_step = 2 if index and "444" not in pixel_format else 1
        y_step = 2 if index and "420" in pixel_format else 1
        same = old == new
        same[y // y_step : -(-(y + height) // y_step), x // x_step : -(-(x + width) // x_step)] = (
            True
        )
        assert same.all()
        assert not np.array_equal(old, new)
    assert all(np.array_equal(a, b) for a, b in zip(before, planes(frame), strict=True))
    assert (pasted.index, pasted.pts, pasted.time_base) == (frame.index, frame.pts, frame.time_base)


@pytest.mark.parametrize("tags", TAGS)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_the_patch_has_its_colours(make_clip: Clip, pixel_format: str, tags: str) -> None:
    frame = one_frame(make_clip(pixel_format=pixel_format, tags=TAGS[tags]))
    for colour in [(200, 60, 40), (20, 90, 220), (128, 128, 128), (250, 250, 250), (3, 3, 3)]:
        patch = np.full((20, 30, 3), colour, np.uint8)
        pasted = frame.pasted(patch, 21, 13)
        # A fresh frame of the same samples: its picture is read back from them.
        again = Frame(0, 0, frame.time_base, pasted.samples).rgb[15:31, 24:48]
        assert np.abs(again.astype(int) - colour).max() <= 7
        assert np.abs(again.astype(int) - colour).mean() <= 2.5


@pytest.mark.parametrize("tags", TAGS)
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_pasting_the_picture_itself_changes_nothing(
    make_clip: Clip, pixel_format: str, tags: str
) -> None:
    frame = one_frame(make_clip(pixel_format=pixel_format, tags=TAGS[tags]))
    again = frame.pasted(frame.rgb[7:50, 9:70].copy(), 9, 7)
    assert all(np.array_equal(a, b) for a, b in zip(planes(frame), planes(again), strict=True))


def test_no_square_shows_around_a_change(make_clip: Clip) -> None:
    """A patch that changes its middle leaves its margin as it was, in every plane."""
    frame = one_frame(make_clip())
    patch = frame.rgb[10:50, 20:80].copy()
    patch[12:28, 20:40] = 255 - patch[12:28, 20:40]
    for old, new in zip(planes(frame), planes(frame.pasted(patch, 20, 10)), strict=True):
        step = 64 // old.shape[0]
        changed = np.argwhere(old != new) * step
        assert changed[:, 0].min() >= 22 - step
        assert changed[:, 0].max() < 38
        assert changed[:, 1].min() >= 40 - step
        assert changed[:, 1].max() < 60


def test_samples_beyond_the_displayable_do_not_shine_through(make_clip: Clip) -> None:
    frame = one_frame(make_clip())
    assert frame.samples is not None
    plane_of(frame.samples, 0)[20:24] = 254  # Whiter than white, in stripes.
    pasted = frame.pasted(np.full((16, 32, 3), 120, np.uint8), 16, 16)
    luma = planes(pasted)[0][16:32, 16:48]
    assert int(luma.max()) - int(luma.min()) <= 4


def test_odd_sizes_paste_to_the_last_pixel(make_clip: Clip) -> None:
    clip = make_clip("odd.mkv", size_px=(97, 65), codec="ffv1")
    frame = one_frame(clip)
    pasted = frame.pasted(np.full((5, 6, 3), 200, np.uint8), 91, 60)
    again = Frame(0, 0, frame.time_base, pasted.samples).rgb
    assert np.abs(again[61:, 92:].astype(int) - 200).max() <= 4
    assert np.array_equal(planes(pasted)[0][:60], planes(frame)[0][:60])


def test_other_formats_paste_by_rgb(make_clip: Clip) -> None:
    frame = one_frame(make_clip("clip.mkv", codec="ffv1", pixel_format="bgr0"))
    pasted = frame.pasted(np.full((8, 8, 3), 99, np.uint8), 3, 5)
    expected = frame.rgb.copy()
    expected[5:13, 3:11] = 99
    assert np.array_equal(pasted.rgb, expected)


@pytest.mark.parametrize("place", [(-1, 0), (0, -1), (90, 0), (0, 60)])
def test_a_patch_must_lie_inside(make_clip: Clip, place: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="inside"):
        one_frame(make_clip()).pasted(np.zeros((8, 8, 3), np.uint8), *place)


def test_damage_and_time_are_kept(make_clip: Clip) -> None:
    frame = one_frame(make_clip())
    marked = Frame(7, 11, frame.time_base, frame.samples, damaged=True, name="a7")
    for other in (
        marked.pasted(np.zeros((8, 8, 3), np.uint8), 0, 0),
        Frame.from_rgb(np.zeros((8, 8, 3), np.uint8), marked),
    ):
        assert (other.index, other.pts, other.damaged, other.name) == (7, 11, True, "a7")
