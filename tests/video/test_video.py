"""Video in and out: exact times, sound, colours, and samples that nobody asked to change."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from faceloom.errors import UserError
from faceloom.image import encode_image
from faceloom.video import (
    Frame,
    VideoWriter,
    find_clips,
    prefetch,
    probe,
    read_frames,
    read_metadata,
)
from faceloom.video.samples import plane_of


def picture(index: int, width: int, height: int) -> np.ndarray:
    """Smooth colours that change with the frame."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    channels = [128 + 90 * np.sin(x / 40 + index), 128 + 90 * np.cos(y / 30), 60 + x * 0.3 + index]
    return np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)


def make_clip(
    path: Path,
    pts: list[int],
    time_base: Fraction = Fraction(1, 600),
    rate: Fraction = Fraction(25),
    size: tuple[int, int] = (96, 64),
    pixel_format: str = "yuv420p",
    codec: str = "libx264",
    rotation_deg: int = 0,
    colorspace: int = 2,
    color_range: int = 0,
    sound: bool = False,
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options={"crf": "4", "preset": "fast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        stream.time_base = time_base
        context = stream.codec_context
        context.time_base = time_base
        context.colorspace, context.color_range = colorspace, color_range
        if rotation_deg:
            stream.set_display_rotation(rotation_deg)
        audio = container.add_stream("aac", rate=48000) if sound else None
        for index, at in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(picture(index, *size), format="rgb24")
            frame = frame.reformat(
                format=pixel_format, dst_colorspace=max(1, colorspace) if colorspace != 2 else None
            )
            frame.pts, frame.time_base = at, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            tone = (np.sin(np.arange(48000) / 20) * 0.3).astype(np.float32)
            for start in range(0, 48000, 1024):
                block = av.AudioFrame.from_ndarray(
                    tone[None, start : start + 1024], format="fltp", layout="mono"
                )
                block.rate = 48000
                block.pts = start
                container.mux(audio.encode(block))
            container.mux(audio.encode(None))
    return path


def rewritten(source: Path, target: Path, **options: object) -> Path:
    """Read and write a clip without changing anything."""
    with VideoWriter(target, probe(source), audio_from=source, **options) as writer:  # type: ignore[arg-type]
        for frame in read_frames(source):
            writer.write(frame)
    return target


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(audio=0) if p.size]


# -- time -----------------------------------------------------------------------------------------


def test_variable_rate_is_kept_exactly(tmp_path: Path) -> None:
    pts = [0, 20, 44, 45, 90, 170, 171, 300]
    clip = make_clip(tmp_path / "vfr.mp4", pts)
    times = [frame.time_s for frame in read_frames(clip)]
    assert times == [Fraction(p, 600) for p in pts]
    again = rewritten(clip, tmp_path / "again.mp4")
    assert [frame.time_s for frame in read_frames(again)] == times


def test_ntsc_rate_stays_a_fraction(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    clip = make_clip(tmp_path / "ntsc.mp4", [1001 * i for i in range(60)], 1 / (rate * 1001), rate)
    assert probe(clip).rate == rate
    again = rewritten(clip, tmp_path / "again.mp4")
    assert probe(again).rate == rate
    assert [f.time_s for f in read_frames(again)] == [i / rate for i in range(60)]


def test_reading_from_a_time_on(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", [24 * i for i in range(20)])
    rest = list(read_frames(clip, Fraction(24 * 13, 600)))
    assert [frame.index for frame in rest] == list(range(13, 20))


# -- pictures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_is_applied(tmp_path: Path, turn: int) -> None:
    plain = next(iter(read_frames(make_clip(tmp_path / "plain.mp4", [0]))))
    clip = make_clip(tmp_path / "turned.mp4", [0], rotation_deg=turn)
    info, frame = probe(clip), next(iter(read_frames(clip)))
    size = (64, 96) if turn % 180 else (96, 64)
    assert (info.width_px, info.height_px) == size == (frame.width_px, frame.height_px)
    with av.open(str(clip)) as container:
        rotation = next(container.decode(video=0)).rotation
    expected = np.rot90(plain.rgb, round(rotation / 90) % 4)
    assert np.abs(frame.rgb.astype(int) - expected).mean() < 4
    assert probe(rewritten(clip, tmp_path / "again.mp4")).width_px == size[0]


def test_odd_sizes_stay(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "odd.mkv", [0, 24, 48], size=(97, 63), pixel_format="yuv444p")
    again = rewritten(clip, tmp_path / "again.mp4")
    info = probe(again)
    assert (info.width_px, info.height_px) == (97, 63)
    mpeg = make_clip(
        tmp_path / "odd420.avi", [0, 1], Fraction(1, 25), size=(97, 63), codec="mjpeg",
        pixel_format="yuvj420p",
    )  # fmt: skip
    again = rewritten(mpeg, tmp_path / "again2.mp4")
    assert (probe(again).width_px, probe(again).height_px) == (97, 63)
    difference = next(iter(read_frames(again))).rgb.astype(int) - next(iter(read_frames(mpeg))).rgb
    assert np.abs(difference).mean() < 4


@pytest.mark.parametrize(
    "pixel_format", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv420p10le"]
)
def test_samples_outside_the_patch_are_bit_identical(tmp_path: Path, pixel_format: str) -> None:
    codec = "mjpeg" if pixel_format == "yuvj420p" else "libx264"
    suffix = ".avi" if codec == "mjpeg" else ".mkv"
    clip = make_clip(
        tmp_path / f"a{suffix}", [0], Fraction(1, 25), pixel_format=pixel_format, codec=codec
    )
    frame = next(iter(read_frames(clip)))
    patch = np.full((21, 33, 3), (200, 40, 60), np.uint8)
    pasted = frame.pasted(patch, 11, 7)
    assert frame.samples is not None
    assert pasted.samples is not None
    assert pasted.samples.format.name == frame.samples.format.name
    for one, other in zip(frame.samples.planes, pasted.samples.planes, strict=True):
        kind = np.uint16 if "10" in pixel_format else np.uint8
        a = np.frombuffer(memoryview(one), kind).reshape(one.height, -1)[:, : one.width]
        b = np.frombuffer(memoryview(other), kind).reshape(other.height, -1)[:, : other.width]
        scale_x, scale_y = 96 / one.width, 64 / one.height
        outside = np.ones(a.shape, bool)
        outside[
            int(6 / scale_y) : int(np.ceil(28 / scale_y)),
            int(10 / scale_x) : int(np.ceil(44 / scale_x)),
        ] = False
        assert np.array_equal(a[outside], b[outside])
        assert not np.array_equal(a, b)
    assert np.abs(pasted.rgb[10:26, 14:42].astype(int) - [200, 40, 60]).max() < 6
    if "10" not in pixel_format:  # Going down to 8 bits, the scaler dithers.
        assert np.array_equal(frame.rgb[40:], pasted.rgb[40:])


def test_a_patch_must_lie_inside(tmp_path: Path) -> None:
    frame = next(iter(read_frames(make_clip(tmp_path / "a.mp4", [0]))))
    with pytest.raises(ValueError, match="inside"):
        frame.pasted(np.zeros((10, 10, 3), np.uint8), 90, 0)


@pytest.mark.parametrize(("colorspace", "color_range"), [(1, 1), (5, 1), (1, 2)])
def test_colour_tags_are_kept_and_obeyed(tmp_path: Path, colorspace: int, color_range: int) -> None:
    clip = make_clip(tmp_path / "a.mp4", [0, 24], colorspace=colorspace, color_range=color_range)
    again = rewritten(clip, tmp_path / "again.mp4")
    assert (probe(again).colorspace, probe(again).color_range) == (colorspace, color_range)
    one, other = next(iter(read_frames(clip))).rgb, next(iter(read_frames(again))).rgb
    assert np.abs(one.astype(int) - other).mean() < 2


def test_image_folders_in_and_out(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in (1, 2, 10):
        (folder / f"{number}.png").write_bytes(encode_image(picture(number, 30, 20), ".png"))
    frames = list(read_frames(folder))
    assert [
        np.array_equal(f.rgb, picture(n, 30, 20)) for f, n in zip(frames, (1, 2, 10), strict=True)
    ]
    with VideoWriter(tmp_path / "out", probe(folder)) as writer:
        for frame in frames:
            writer.write(frame.pasted(np.zeros((2, 2, 3), np.uint8), 0, 0))
    again = list(read_frames(tmp_path / "out"))
    assert len(again) == 3
    assert again[0].rgb[0, 0].tolist() == [0, 0, 0]
    assert np.array_equal(again[2].rgb[5:], frames[2].rgb[5:])


# -- sound and metadata ---------------------------------------------------------------------------


def test_sound_is_copied_packet_by_packet(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", [24 * i for i in range(25)], sound=True)
    again = rewritten(clip, tmp_path / "again.mp4", metadata={"comment": "hello", "own_key": "x"})
    assert packets(again) == packets(clip)
    metadata = read_metadata(again)
    assert metadata["comment"] == "hello"
    assert metadata["own_key"] == "x"


def test_mpeg_sound_goes_into_mp4_as_it_is(media: Path, tmp_path: Path) -> None:
    clip = media / "grid/s1/session-a/bbaf2n.mpg"
    again = rewritten(clip, tmp_path / "again.mp4")
    assert packets(again) == packets(clip)
    assert [f.time_s for f in read_frames(again)] == [Fraction(i, 25) for i in range(75)]


def test_sound_that_a_container_cannot_hold_is_encoded_again(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", [24 * i for i in range(25)], sound=True)
    target = tmp_path / "a.webm"
    with VideoWriter(target, probe(source), codec="libvpx-vp9", audio_from=source) as writer:
        for frame in read_frames(source):
            writer.write(frame)
    assert writer.audio == "re-encoded"
    with av.open(str(target)) as container:
        seconds = sum(f.samples for f in container.decode(audio=0)) / 48000
    assert seconds == pytest.approx(1.0, abs=0.1)


# -- what cannot be read or written ---------------------------------------------------------------


def test_a_truncated_clip_gives_what_there_is(media: Path, tmp_path: Path) -> None:
    data = (media / "grid/s1/session-a/bbaf2n.mpg").read_bytes()
    clip = tmp_path / "cut.mpg"
    clip.write_bytes(data[: len(data) // 2])
    assert 25 < len(list(read_frames(clip))) < 50


def test_damaged_clips_are_read_to_their_end(media: Path) -> None:
    for clip in sorted((media / "grid/s1/damaged").iterdir())[:2]:
        assert len(list(read_frames(clip))) >= 74


@pytest.mark.parametrize("content", [b"", b"just text, no video\n" * 99])
def test_what_is_no_video_is_said(tmp_path: Path, content: bytes) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(content)
    with pytest.raises(UserError, match=r"clip\.mp4: is not a readable video"):
        probe(clip)
    with pytest.raises(UserError, match=r"clip\.mp4"):
        list(read_frames(clip))


def test_a_sound_file_has_no_pictures(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", [0], sound=True)
    sound = tmp_path / "sound.m4a"
    with av.open(str(clip)) as source, av.open(str(sound), "w", format="mp4") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    with pytest.raises(UserError, match="has no video track"):
        probe(sound)


def test_inputs_are_found(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        find_clips(tmp_path / "no")
    with pytest.raises(UserError, match="holds no video and no images"):
        find_clips(tmp_path)
    make_clip(tmp_path / "b10.mp4", [0])
    make_clip(tmp_path / "b9.mp4", [0])
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_bytes(encode_image(picture(0, 8, 8), ".png"))
    assert [clip.name for clip in find_clips(tmp_path)] == ["b9.mp4", "b10.mp4", "images"]


def test_an_error_while_writing_leaves_nothing(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", [0, 24])
    for target in (tmp_path / "out" / "b.mp4", tmp_path / "out" / "folder"):
        with pytest.raises(RuntimeError, match="stop"), VideoWriter(target, probe(clip)) as writer:  # noqa: PT012
            writer.write(next(iter(read_frames(clip))))
            raise RuntimeError("stop")
        assert list((tmp_path / "out").iterdir()) == []


# -- running ahead --------------------------------------------------------------------------------


def test_prefetch_keeps_order_and_passes_errors() -> None:
    def items() -> Iterator[int]:
        yield from range(20)
        raise KeyError("broken")

    got: list[int] = []
    with pytest.raises(KeyError, match="broken"):
        got.extend(prefetch(items(), 3))
    assert got == list(range(20))


def test_prefetch_runs_ahead_but_not_far() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    ahead = prefetch(items(), 4)
    next(ahead)
    time.sleep(0.2)
    assert 3 <= len(made) <= 7
    ahead.close()


def test_a_consumer_that_stops_ends_the_thread() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            closed.set()

    ahead = prefetch(items(), 2)
    assert next(ahead) == 0
    ahead.close()
    assert closed.is_set()
    assert not [t for t in threading.enumerate() if t.name == "faceloom-prefetch"]


def test_a_frame_needs_something_to_show() -> None:
    with pytest.raises(ValueError, match="samples or a picture"):
        Frame(0, 0, Fraction(1))


# -- all the way through --------------------------------------------------------------------------


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize("box", [(13, 7, 101, 55), (300, 250, 61, 37)])
def test_samples_outside_a_patch_reach_the_file_bit_by_bit(
    tmp_path: Path, pixel_format: str, box: tuple[int, int, int, int]
) -> None:
    """Odd size, odd offsets, and the last row and column; through a lossless encoder."""
    clip = make_clip(
        tmp_path / "a.mkv", [0, 40], Fraction(1, 1000), size=(361, 287), codec="ffv1",
        pixel_format=pixel_format,
    )  # fmt: skip
    x, y, width, height = box
    patch = np.full((height, width, 3), (200, 40, 60), np.uint8)
    target = tmp_path / "again.mkv"
    with VideoWriter(target, probe(clip), codec="ffv1") as writer:
        for frame in read_frames(clip):
            writer.write(frame.pasted(patch, x, y))
    assert probe(target).pixel_format == pixel_format
    for before, after in zip(read_frames(clip), read_frames(target), strict=True):
        for index in range(3):
            assert before.samples is not None
            assert after.samples is not None
            old, new = plane_of(before.samples, index), plane_of(after.samples, index)
            step = 2 if index else 1
            rows = slice(y // step, -(-(y + height) // step))
            columns = slice(x // step, -(-(x + width) // step))
            outside = np.ones(old.shape, bool)
            outside[rows, columns] = False
            assert np.array_equal(old[outside], new[outside])
            assert not np.array_equal(old, new)
        middle = after.rgb[y + 4 : y + height - 4, x + 4 : x + width - 4].astype(int)
        assert np.abs(middle - [200, 40, 60]).max() < 7


def test_a_turned_clip_of_variable_rate_keeps_its_times_and_is_turned_once(tmp_path: Path) -> None:
    pts = [0, 20, 44, 45, 90, 170]
    clip = make_clip(tmp_path / "turned.mp4", pts, rotation_deg=90, sound=True)
    again = rewritten(rewritten(clip, tmp_path / "again.mp4"), tmp_path / "third.mp4")
    assert [f.time_s for f in read_frames(again)] == [Fraction(p, 600) for p in pts]
    assert (probe(again).width_px, probe(again).rotation_deg) == (64, 0)
    assert packets(again) == packets(clip)


@pytest.mark.parametrize("attempt", [probe, find_clips, lambda path: list(read_frames(path))])
@pytest.mark.parametrize("name", ["gone.mp4", "no-media"])
def test_nothing_to_read_is_said_by_name(tmp_path: Path, attempt: Any, name: str) -> None:
    (tmp_path / "no-media").mkdir()
    (tmp_path / "no-media" / "notes.txt").write_text("nothing to see")
    with pytest.raises(UserError) as raised:
        attempt(tmp_path / name)
    assert str(tmp_path / name) in str(raised.value)
    assert "\n" not in str(raised.value)
