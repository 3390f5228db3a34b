"""Writing: times, sound, colours and sizes as they were; nothing half-written."""

from __future__ import annotations

import errno
import resource
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from faceloom.errors import UserError
from faceloom.video import Frame, VideoWriter, probe, read_frames, read_metadata, writer
from faceloom.video.encoding import open_output

Clip = Callable[..., Path]
VFR = [0, 1001, 3003, 3500, 9009, 9100, 12012, 15015, 15080, 20020, 25025, 30030]
NTSC = {"time_base": Fraction(1, 30000), "rate": Fraction(30000, 1001)}


def rewrite(source: Path, target: Path, **options: Any) -> VideoWriter:
    with VideoWriter(target, probe(source), audio_from=source, **options) as out:
        for frame in read_frames(source):
            out.write(frame)
    return out


def write(frames: Iterable[Frame], target: Path, like: Path, **options: Any) -> None:
    with VideoWriter(target, probe(like), **options) as out:
        for frame in frames:
            out.write(frame)


def times(path: Path) -> list[Fraction]:
    return [frame.time_s for frame in read_frames(path)]


def sound(path: Path) -> list[tuple[bytes, float]]:
    """Packets, and their times from the first picture on."""
    with av.open(str(path)) as container:
        start = container.streams.video[0].start_time or 0
        start_s = start * Fraction(container.streams.video[0].time_base or 1)
        packets = [p for p in container.demux(audio=0) if p.size]
        return [(bytes(p), float((p.pts or 0) * p.time_base - start_s)) for p in packets]


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_times_are_exact(make_clip: Clip, tmp_path: Path, suffix: str) -> None:
    vfr = make_clip("vfr.mp4", pts=VFR, **NTSC)
    rewrite(vfr, tmp_path / f"out{suffix}")
    assert times(tmp_path / f"out{suffix}") == [Fraction(p, 30000) for p in VFR]
    ntsc = make_clip("ntsc.mp4", frames=40, pts=[1001 * i for i in range(40)], **NTSC)
    done = rewrite(ntsc, tmp_path / f"ntsc-out{suffix}")
    assert done.frames_written == 40
    info = probe(tmp_path / f"ntsc-out{suffix}")
    assert (info.rate, info.frame_count) == (Fraction(30000, 1001), 40)
    assert info.duration_s == pytest.approx(probe(ntsc).duration_s)
    assert times(tmp_path / f"ntsc-out{suffix}")[-1] == Fraction(39 * 1001, 30000)


def test_matroska_keeps_times_to_the_millisecond(make_clip: Clip, tmp_path: Path) -> None:
    rewrite(make_clip(pts=VFR, **NTSC), tmp_path / "out.mkv")
    found = times(tmp_path / "out.mkv")
    assert len(found) == 12
    assert all(
        abs(a - Fraction(b, 30000)) <= Fraction(1, 1000) for a, b in zip(found, VFR, strict=True)
    )
    ntsc = make_clip("ntsc.mp4", frames=40, pts=[1001 * i for i in range(40)], **NTSC)
    rewrite(ntsc, tmp_path / "ntsc.mkv")
    assert probe(tmp_path / "ntsc.mkv").rate == Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("codec", "source", "target"),
    [
        ("aac", ".mp4", ".mp4"),
        ("aac", ".mp4", ".mkv"),
        ("aac", ".mkv", ".mp4"),
        ("mp2", ".mkv", ".mp4"),
        ("libopus", ".mkv", ".mp4"),
        ("flac", ".mkv", ".mp4"),
        ("pcm_s16le", ".mov", ".mov"),
        ("pcm_s16le", ".avi", ".mkv"),
    ],
)
def test_sound_is_copied_byte_for_byte(
    make_clip: Clip, tmp_path: Path, codec: str, source: str, target: str
) -> None:
    clip = make_clip(f"in{source}", audio=codec)
    done = rewrite(clip, tmp_path / f"out{target}")
    before, after = sound(clip), sound(tmp_path / f"out{target}")
    assert done.audio == "copied"
    if codec.startswith("pcm"):  # It has no packets of its own: each file cuts it anew.
        assert b"".join(data for data, _ in before) == b"".join(data for data, _ in after)
        assert times(clip)[0] == times(tmp_path / f"out{target}")[0]
        assert before[0][1] == after[0][1]
        return
    assert [data for data, _ in before] == [data for data, _ in after]
    assert np.allclose([at for _, at in before], [at for _, at in after], atol=0.0015)


@pytest.mark.parametrize("start", [0, 24000])
def test_sound_that_does_not_fit_is_encoded_anew(
    make_clip: Clip, tmp_path: Path, start: int
) -> None:
    clip = make_clip("in.mkv", audio="pcm_s16le", audio_start=start)
    done = rewrite(clip, tmp_path / "out.mp4")
    assert done.audio == "re-encoded"
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        frames = list(container.decode(audio=0))
    heard = [f for f in frames if np.abs(f.to_ndarray()).max() > 0.01]
    assert heard[0].time == pytest.approx(start / 48000, abs=0.05)
    assert heard[-1].time == pytest.approx(start / 48000 + 0.48, abs=0.05)


def test_pictures_that_start_late_stay_in_step_with_the_sound(
    make_clip: Clip, tmp_path: Path
) -> None:
    clip = make_clip("in.ts", pts=[7 + i for i in range(12)], audio="aac")
    rewrite(clip, tmp_path / "out.mp4")
    assert times(tmp_path / "out.mp4") == times(clip)
    assert np.allclose(
        [at for _, at in sound(tmp_path / "out.mp4")], [at for _, at in sound(clip)], atol=1e-4
    )


def test_no_sound_is_said(make_clip: Clip, tmp_path: Path) -> None:
    assert rewrite(make_clip(), tmp_path / "out.mp4").audio == "none"


TAGS = {
    "none": (2, 0, 2, 2),
    "bt601": (6, 1, 6, 6),
    "bt709": (1, 1, 1, 1),
    "full": (1, 2, 1, 1),
    "2020": (9, 1, 9, 14),
}


@pytest.mark.parametrize("new_picture", [False, True])
@pytest.mark.parametrize("tags", TAGS)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le", "yuv444p"])
def test_colours_are_kept(
    make_clip: Clip, tmp_path: Path, pixel_format: str, tags: str, new_picture: bool
) -> None:
    """Also those of pictures that come as RGB, of another size."""
    clip = make_clip(pixel_format=pixel_format, tags=TAGS[tags], options={"crf": "4"})
    info = probe(clip)
    size = (192, 64) if new_picture else (96, 64)
    with VideoWriter(tmp_path / "out.mp4", info, size_px=size, crf=4) as out:
        for frame in read_frames(clip):
            twice = np.concatenate([frame.rgb, frame.rgb], axis=1)
            out.write(Frame.from_rgb(twice, frame) if new_picture else frame)
    after = probe(tmp_path / "out.mp4")
    assert after.colours == info.colours
    assert after.pixel_format == info.pixel_format
    for old, new in zip(read_frames(clip), read_frames(tmp_path / "out.mp4"), strict=True):
        difference = new.rgb[:, :96].astype(int) - old.rgb
        assert np.abs(difference).mean() < 5
        assert np.abs(difference.mean(axis=(0, 1))).max() < 3


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "vp9", "ffv1"])
def test_every_codec_keeps_an_odd_size_and_the_colours(
    make_clip: Clip, tmp_path: Path, codec: str, capfd: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip("odd.mkv", size_px=(361, 287), codec="ffv1", tags=(1, 1, 1, 1), frames=4)
    target = tmp_path / f"out{'.mkv' if codec == 'ffv1' else '.mp4'}"
    rewrite(clip, target, codec=codec)
    info = probe(target)
    assert (info.width_px, info.height_px) == (361, 287)
    assert info.colours.matrix == 1
    for old, new in zip(read_frames(clip), read_frames(target), strict=True):
        assert np.abs(new.rgb.astype(int) - old.rgb).mean() < 6
    assert capfd.readouterr().err == ""


def test_a_lossless_codec_keeps_every_sample(make_clip: Clip, tmp_path: Path) -> None:
    clip = make_clip(pixel_format="yuv420p10le")
    rewrite(clip, tmp_path / "out.mkv", codec="ffv1")
    for old, new in zip(read_frames(clip), read_frames(tmp_path / "out.mkv"), strict=True):
        assert old.samples is not None
        assert new.samples is not None
        assert np.array_equal(old.samples.to_ndarray(), new.samples.to_ndarray())


def test_full_range_4_2_0_stays(make_clip: Clip, tmp_path: Path) -> None:
    clip = make_clip(pixel_format="yuvj420p", tags=(5, 2, 2, 2))
    rewrite(clip, tmp_path / "out.mp4")
    info = probe(tmp_path / "out.mp4")
    assert (info.pixel_format, info.colours.range) == ("yuvj420p", 2)


def test_turned_clips_are_written_upright(
    make_clip: Clip, turn: Callable[..., None], tmp_path: Path
) -> None:
    clip = make_clip(aspect=Fraction(4, 3))
    turn(clip, 0, 1, -1, 0)
    rewrite(clip, tmp_path / "out.mp4", crf=4)
    info = probe(tmp_path / "out.mp4")
    assert (info.width_px, info.height_px, info.rotation_deg) == (64, 96, 0)
    assert info.sample_aspect == Fraction(3, 4)
    for old, new in zip(read_frames(clip), read_frames(tmp_path / "out.mp4"), strict=True):
        assert np.abs(new.rgb.astype(int) - old.rgb).mean() < 5


def test_the_decoder_does_not_choose_the_encoders_key_frames(
    make_clip: Clip, tmp_path: Path
) -> None:
    rewrite(make_clip(frames=30, options={"g": "1"}), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        keys = Counter(p.is_keyframe for p in container.demux(video=0) if p.size)
    assert keys[True] < 5


def test_quality_and_options_reach_the_encoder(make_clip: Clip, tmp_path: Path) -> None:
    clip = make_clip(frames=25, size_px=(192, 128))
    sizes = []
    for number, crf in enumerate((4, 40)):
        rewrite(clip, tmp_path / f"{number}.mp4", crf=crf, options={"g": "5", "bf": "0"})
        sizes.append((tmp_path / f"{number}.mp4").stat().st_size)
    assert sizes[0] > 1.5 * sizes[1]
    with av.open(str(tmp_path / "0.mp4")) as container:
        keys = sum(p.is_keyframe for p in container.demux(video=0) if p.size)
    assert keys >= 5


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_metadata_come_back(make_clip: Clip, tmp_path: Path, suffix: str) -> None:
    written = {"comment": "contains a synthetic face", "faceloom_consent_face": "Zoë, 2026; äöü"}
    rewrite(make_clip(), tmp_path / f"out{suffix}", metadata=written)
    assert written.items() <= read_metadata(tmp_path / f"out{suffix}").items()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("out.avi", {}),
        ("out.txt", {}),
        ("out.webm", {}),
        ("out.mp4", {"codec": "nonsense"}),
        ("out.mp4", {"codec": "aac"}),
        ("out.mp4", {"options": {"preset": "nonsense"}}),
    ],
)
def test_what_cannot_be_encoded_is_refused_at_once(
    make_clip: Clip, tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    clip, target = make_clip("source.mp4"), tmp_path / "made" / name
    with (
        pytest.raises(UserError, match=name) as raised,
        VideoWriter(target, probe(clip), **options),
    ):
        pytest.fail("must not be entered")
    assert ".part" not in str(raised.value)
    assert not target.parent.exists() or list(target.parent.iterdir()) == []


def test_an_output_that_cannot_be_written_is_refused(make_clip: Clip, tmp_path: Path) -> None:
    clip = make_clip("source.mp4")
    (tmp_path / "file").write_bytes(b"in the way")
    for target in (tmp_path / "file" / "out.mp4", tmp_path / "file" / "folder", tmp_path):
        with pytest.raises(UserError), VideoWriter(target, probe(clip)):
            pytest.fail("must not be entered")
    (tmp_path / "folder.mp4").mkdir()
    with (
        pytest.raises(UserError, match="is a folder"),
        VideoWriter(tmp_path / "folder.mp4", probe(clip)),
    ):
        pytest.fail("must not be entered")


@pytest.mark.parametrize("name", ["out.mp4", "out", "out.jpg"])
def test_an_error_leaves_the_old_output_and_nothing_else(
    make_clip: Clip, tmp_path: Path, name: str
) -> None:
    clip, folder = make_clip("source.mp4"), tmp_path / "made"
    rewrite(clip, folder / name)
    before = sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*"))

    def broken(frames: list[Frame]) -> Iterator[Frame]:
        yield frames[0]
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write(broken(list(read_frames(clip))), folder / name, clip)
    assert sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*")) == before


@contextmanager
def little_space(size_bytes: int) -> Iterator[None]:
    """No file can grow beyond this, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size_bytes", [1000, 60_000])
def test_a_full_disk_is_told_and_leaves_nothing(
    make_clip: Clip, tmp_path: Path, size_bytes: int
) -> None:
    clip, folder = make_clip("source.mp4", frames=40, size_px=(320, 240)), tmp_path / "made"
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    noisy = [Frame.from_rgb(np.roll(noise, f.index, axis=0), f) for f in read_frames(clip)]
    with little_space(size_bytes), pytest.raises(UserError, match="free some space") as raised:
        write(noisy, folder / "out.mp4", clip, crf=1)
    assert str(folder / "out.mp4") in str(raised.value)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("where", ["mux", "close"])
def test_a_disk_that_fills_at_the_very_end_leaves_nothing(
    make_clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    clip, folder = make_clip("source.mp4"), tmp_path / "made"

    class FullDisk:
        """Stands before the real container."""

        def __init__(self, *arguments: Any) -> None:
            self._container = open_output(*arguments)

        def __getattr__(self, name: str) -> Any:
            return self._full if name == where else getattr(self._container, name)

        def _full(self, *_: object) -> None:
            self._container.close()
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writer, "open_output", FullDisk)
    with pytest.raises(UserError, match="free some space"):
        write(read_frames(clip), folder / "out.mp4", clip)
    assert list(folder.iterdir()) == []


def test_a_full_disk_is_told_of_images_too(make_clip: Clip, tmp_path: Path) -> None:
    clip, folder = make_clip("source.mp4"), tmp_path / "made"
    with little_space(100), pytest.raises(UserError, match="free space"):
        write(read_frames(clip), folder / "out", clip)
    assert list(folder.iterdir()) == []


def test_times_that_do_not_rise_are_a_bug(make_clip: Clip, tmp_path: Path) -> None:
    clip = make_clip("source.mp4")
    frames = list(read_frames(clip))
    with pytest.raises(ValueError, match="not later"):
        write([frames[1], frames[0]], tmp_path / "out.mp4", clip)
    assert not (tmp_path / "out.mp4").exists()


def test_no_frame_is_no_clip(make_clip: Clip, tmp_path: Path) -> None:
    clip, folder = make_clip("source.mp4"), tmp_path / "made"
    for name in ("out.mp4", "out"):
        with pytest.raises(UserError, match="no frame"), VideoWriter(folder / name, probe(clip)):
            pass
    assert list(folder.iterdir()) == []


def test_a_real_clip_keeps_times_and_sound(media: Path, tmp_path: Path) -> None:
    clip = min((media / "grid/s1/session-a").glob("*.mpg"))
    done = rewrite(clip, tmp_path / "out.mp4")
    assert done.audio == "copied"
    assert times(tmp_path / "out.mp4") == times(clip)
    assert [data for data, _ in sound(clip)] == [data for data, _ in sound(tmp_path / "out.mp4")]
