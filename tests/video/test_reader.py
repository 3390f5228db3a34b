"""Reading: every frame, at its own time, upright; damage and broken files told."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from faceloom.errors import UserError
from faceloom.image import encode_image
from faceloom.video import ReadReport, probe, read_frames

Clip = Callable[..., Path]
VFR = [0, 1001, 3003, 3500, 9009, 9100, 12012, 15015, 15020, 20020, 25025, 30030]


def test_variable_times_are_exact(make_clip: Clip) -> None:
    clip = make_clip(pts=VFR, time_base=Fraction(1, 30000), rate=Fraction(30000, 1001))
    frames = list(read_frames(clip))
    assert [frame.time_s for frame in frames] == [Fraction(p, 30000) for p in VFR]
    assert [frame.index for frame in frames] == list(range(12))


def test_avi_which_has_no_times_keeps_order_and_sound(make_clip: Clip) -> None:
    frames = list(read_frames(make_clip("clip.avi", options={"bf": "2"}, audio="pcm_s16le")))
    assert [frame.time_s for frame in frames] == [Fraction(i, 25) for i in range(12)]
    whole = list(read_frames(make_clip("clip.avi"), Fraction(7, 25)))
    assert [frame.index for frame in whole] == list(range(7, 12))


def test_times_count_from_the_start_of_the_file(make_clip: Clip) -> None:
    later = [50 + i for i in range(12)]
    alone = list(read_frames(make_clip("alone.ts", pts=later)))
    assert alone[0].time_s == 0
    after_sound = list(read_frames(make_clip(pts=later, audio="aac")))
    assert after_sound[0].time_s == 2


def test_the_picture_is_right(make_clip: Clip, draw: Callable[..., Any]) -> None:
    clip = make_clip(options={"crf": "1"}, pixel_format="yuv444p")
    for frame in read_frames(clip):
        assert frame.rgb.shape == (64, 96, 3)
        error = np.abs(frame.rgb.astype(int) - draw(frame.index, (96, 64)))
        assert error.mean() < 2


@pytest.mark.parametrize("options", [{"g": "4", "bf": "2"}, {"g": "100"}, {"g": "1"}])
@pytest.mark.parametrize("start", [0, 1, 5, 8, 11])
def test_a_later_start_gives_the_same_tail(
    make_clip: Clip, options: dict[str, str], start: int
) -> None:
    clip = make_clip(options=options, pts=VFR, time_base=Fraction(1, 30000))
    expected = list(read_frames(clip))[start:]
    found = list(read_frames(clip, expected[0].time_s))
    assert [(f.index, f.pts) for f in found] == [(f.index, f.pts) for f in expected]
    assert all(np.array_equal(a.rgb, b.rgb) for a, b in zip(found, expected, strict=True))


def test_a_start_between_frames_and_one_past_the_end(make_clip: Clip) -> None:
    clip = make_clip()
    assert [f.index for f in read_frames(clip, Fraction(9, 50))] == list(range(5, 12))
    assert list(read_frames(clip, Fraction(100))) == []


def test_a_later_start_decodes_little(make_clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(frames=60, options={"g": "10", "bf": "2", "sc_threshold": "0"})
    report = ReadReport()
    frames = list(read_frames(clip, Fraction(55, 25), report))
    assert [frame.index for frame in frames] == list(range(55, 60))
    assert report.frames == 5
    assert not report.broken_off


MATRICES = {  # a, b, c, d; what it does to an array; the turn that is told.
    "quarter": ((0, 1, -1, 0), lambda a: np.rot90(a, -1), 90),
    "half": ((-1, 0, 0, -1), lambda a: np.rot90(a, 2), 180),
    "three quarters": ((0, -1, 1, 0), lambda a: np.rot90(a, 1), 270),
    "mirrored": ((-1, 0, 0, 1), lambda a: a[:, ::-1], 0),
    "upside down": ((1, 0, 0, -1), lambda a: a[::-1], 0),
    "transposed": ((0, 1, 1, 0), lambda a: a.swapaxes(0, 1), 270),
}


@pytest.mark.parametrize("kind", MATRICES)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le", "yuv422p"])
def test_rotation_is_applied(
    make_clip: Clip, turn: Callable[..., None], kind: str, pixel_format: str
) -> None:
    matrix, expected, turn_deg = MATRICES[kind]
    clip = make_clip(pixel_format=pixel_format)
    plain = list(read_frames(clip))
    turn(clip, *matrix)
    info = probe(clip)
    turned = list(read_frames(clip))
    assert info.rotation_deg == turn_deg
    for before, after in zip(plain, turned, strict=True):
        wanted = expected(before.rgb)
        assert (after.height_px, after.width_px) == wanted.shape[:2]
        assert (info.height_px, info.width_px) == wanted.shape[:2]
        # Chroma is spread over pixels after turning: not bit by bit the same.
        assert np.abs(after.rgb.astype(int) - wanted).mean() < 2
        assert after.pts == before.pts


def test_turned_luma_is_lossless(make_clip: Clip, turn: Callable[..., None]) -> None:
    clip = make_clip()
    before = [frame.samples.to_ndarray()[:64] for frame in read_frames(clip) if frame.samples]
    turn(clip, 0, 1, -1, 0)
    after = [frame.samples.to_ndarray()[:96] for frame in read_frames(clip) if frame.samples]
    assert all(np.array_equal(np.rot90(a, -1), b) for a, b in zip(before, after, strict=True))


def test_a_file_that_breaks_off_gives_what_there_is(
    make_clip: Clip, caplog: pytest.LogCaptureFixture
) -> None:
    clip = make_clip(frames=60, options={"g": "10"}, movflags="+faststart")
    whole = clip.read_bytes()
    clip.write_bytes(whole[: len(whole) * 2 // 3])
    report = ReadReport()
    with caplog.at_level(logging.WARNING):
        frames = list(read_frames(clip, report=report))
    assert 20 < len(frames) < 60
    assert report.broken_off
    assert report.frames == len(frames)
    assert f"{clip}: breaks off after {len(frames)} frames" in caplog.text


def test_a_whole_file_does_not_break_off(make_clip: Clip, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.mp4", "a.mkv", "a.ts"):
        report = ReadReport()
        clip = make_clip(name, audio="aac", pts=[3 * i for i in range(12)])
        assert len(list(read_frames(clip, report=report))) == 12
        assert not report.broken_off
        assert report.damaged == 0
    assert not caplog.records


def test_a_file_without_its_index_is_refused(make_clip: Clip) -> None:
    clip = make_clip()
    clip.write_bytes(clip.read_bytes()[:1000])
    with pytest.raises(UserError, match="breaks off before its first picture"):
        list(read_frames(clip))


def test_damaged_frames_are_marked_and_kept(make_clip: Clip) -> None:
    clip = make_clip(frames=40, size_px=(320, 240), options={"g": "10", "bf": "0"})
    spoil(clip, 12, 0.75, 0.9)
    report = ReadReport()
    frames = list(read_frames(clip, report=report))
    assert [frame.index for frame in frames if frame.damaged] == [12]
    assert (report.frames, report.damaged) == (40, 1)
    assert [frame.pts for frame in frames] == list(range(0, 40 * 512, 512))


def test_a_frame_that_cannot_be_decoded_leaves_the_others_at_their_times(
    make_clip: Clip,
) -> None:
    clip = make_clip(
        "clip.mkv", frames=40, size_px=(320, 240), codec="libvpx-vp9", options={"g": "10"}
    )
    expected = [frame.time_s for frame in read_frames(clip)]
    spoil(clip, 12, 0.33, 0.67)
    report = ReadReport()
    frames = list(read_frames(clip, report=report))
    assert [frame.time_s for frame in frames] == expected[:12] + expected[13:]
    assert report.damaged == 1
    assert frames[12].damaged


def spoil(clip: Path, packet: int, first: float, last: float) -> None:
    """Overwrite a stretch of one packet, in shares of its length."""
    with av.open(str(clip)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        pos, size = packets[packet].pos, packets[packet].size
    assert pos is not None
    data = bytearray(clip.read_bytes())
    start, end = pos + int(first * size), pos + int(last * size)
    data[start:end] = b"\x5a" * (end - start)
    clip.write_bytes(data)


def numbered(folder: Path, numbers: list[int], suffix: str = ".png") -> Path:
    folder.mkdir()
    for number in numbers:
        image = np.full((10, 12, 3), number, np.uint8)
        (folder / f"shot{number}{suffix}").write_bytes(encode_image(image, suffix))
    return folder


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_images_come_in_natural_order_with_a_number_missing(tmp_path: Path, suffix: str) -> None:
    folder = numbered(tmp_path / "shots", [1, 2, 9, 10, 11, 100], suffix)
    (folder / "notes.txt").write_text("not a picture")
    (folder / "._shot1.png").write_bytes(b"what some systems leave")
    frames = list(read_frames(folder))
    assert [int(frame.rgb[5, 5, 0]) for frame in frames] == [1, 2, 9, 10, 11, 100]
    assert [frame.time_s for frame in frames] == [Fraction(i, 25) for i in range(6)]
    assert frames[3].name == "shot10"
    assert [f.index for f in read_frames(folder, Fraction(3, 25))] == [3, 4, 5]


def test_an_image_that_cannot_be_read_is_stood_in_for(tmp_path: Path) -> None:
    folder = numbered(tmp_path / "shots", [1, 2, 3, 4])
    for number in (1, 3):
        (folder / f"shot{number}.png").write_bytes(b"broken")
    frames = list(read_frames(folder))
    assert [frame.damaged for frame in frames] == [True, False, True, False]
    assert [int(frame.rgb[0, 0, 0]) for frame in frames] == [2, 2, 2, 4]


def test_pictures_do_not_outlive_their_use(make_clip: Clip) -> None:
    """Nor wait for the garbage collector, which seldom comes: memory stays flat."""
    gc.collect()
    gc.disable()
    try:
        decoded = 0
        for frame in read_frames(make_clip(frames=60)):
            _ = frame.rgb
            del frame
            decoded += 1
            pictures = [one for one in gc.get_objects() if type(one) is av.VideoFrame]
            assert len(pictures) <= 12, f"after {decoded} frames"  # The decoder hands out a few.
            del pictures
        assert decoded == 60
    finally:
        gc.enable()


def test_the_real_clips_read_whole(media: Path) -> None:
    clip = min((media / "grid/s1/session-a").glob("*.mpg"))
    report = ReadReport()
    frames = list(read_frames(clip, report=report))
    assert len(frames) in (74, 75)
    assert {b.time_s - a.time_s for a, b in pairwise(frames)} == {Fraction(1, 25)}
    assert not report.broken_off
    tail = list(read_frames(clip, frames[50].time_s))
    assert [f.index for f in tail] == [f.index for f in frames[50:]]
    assert np.array_equal(tail[0].rgb, frames[50].rgb)
