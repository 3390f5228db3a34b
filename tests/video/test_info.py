"""What is said of a clip before it is read, and which clips an input holds."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from faceloom.errors import UserError
from faceloom.image import encode_image
from faceloom.video import find_clips, probe, read_frames

PNG = encode_image(np.full((8, 10, 3), 90, np.uint8), ".png")


def test_a_clip_is_described(make_clip: Callable[..., Path]) -> None:
    clip = make_clip(
        frames=30,
        pts=[1001 * i for i in range(30)],
        time_base=Fraction(1, 30000),
        rate=Fraction(30000, 1001),
        audio="aac",
    )
    info = probe(clip)
    assert (info.width_px, info.height_px, info.frame_count) == (96, 64, 30)
    assert info.rate == Fraction(30000, 1001)
    assert info.duration_s == pytest.approx(30 * 1001 / 30000)
    assert (info.codec, info.pixel_format, info.kind) == ("h264", "yuv420p", "video")
    assert info.has_audio
    assert info.rotation_deg == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty"), (b"This is no video.\n" * 50, "not a readable video"), (None, "not exist")],
)
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "text.mp4"
    if content is not None:
        path.write_bytes(content)
    for attempt in (probe, lambda p: list(read_frames(p))):
        with pytest.raises(UserError, match=said) as raised:
            attempt(path)
        assert str(path) in str(raised.value)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("cover", [False, True])
def test_sound_alone_is_refused(tmp_path: Path, cover: bool) -> None:
    path = tmp_path / "sound.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=48000)
        image = None
        if cover:
            image = container.add_stream("png", rate=1)
            image.width, image.height, image.pix_fmt = 8, 8, "rgb24"
            image.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), "s16", "mono")
        frame.sample_rate = 48000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
        if image is not None:
            container.mux(image.encode(av.VideoFrame(8, 8, "rgb24")))
            container.mux(image.encode(None))
    with pytest.raises(UserError, match="no video track"):
        probe(path)


def test_clips_of_a_folder_come_in_natural_order(tmp_path: Path) -> None:
    for name in ("10.mp4", "2.MP4", "notes.txt", ".hidden.mp4"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "shots").mkdir()
    (tmp_path / "shots" / "1.png").write_bytes(PNG)
    (tmp_path / "other").mkdir()
    assert [clip.name for clip in find_clips(tmp_path)] == ["2.MP4", "10.mp4", "shots"]
    assert find_clips(tmp_path / "2.MP4") == [tmp_path / "2.MP4"]
    assert find_clips(tmp_path / "shots") == [tmp_path / "shots"]


def test_an_input_with_nothing_in_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no video"):
        find_clips(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        find_clips(tmp_path / "none")


def test_pixels_that_are_not_square_are_told(make_clip: Callable[..., Path]) -> None:
    assert probe(make_clip(aspect=Fraction(16, 11))).sample_aspect == Fraction(16, 11)


def test_a_damaged_first_image_does_not_hide_the_size(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"broken")
    (tmp_path / "2.png").write_bytes(PNG)
    info = probe(tmp_path)
    assert (info.width_px, info.height_px, info.frame_count) == (10, 8, 2)
    (tmp_path / "2.png").write_bytes(io.BytesIO(PNG[:20]).getvalue())
    with pytest.raises(UserError, match="none of its images"):
        probe(tmp_path)
