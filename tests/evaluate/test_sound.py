"""Loudness, delays and packets of clips with a known sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.conftest import cut_clip

from faceloom.evaluate.sound import best_lag, kept_share, loudness_db, sound_delay_s

RATE_HZ = 16000


def write_sound(path: Path, samples: np.ndarray) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16)[None], layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def tone(seconds: float, amplitude: float) -> np.ndarray:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return amplitude * np.sin(2 * np.pi * 440 * t)


def test_loudness_is_that_of_the_tone_at_its_time(tmp_path: Path) -> None:
    samples = np.concatenate([tone(1, 0.5), np.zeros(RATE_HZ), tone(1, 0.05)])
    clip = write_sound(tmp_path / "tones.wav", samples)
    loudness = loudness_db(clip, np.array([0.5, 1.5, 2.5]), 0.08)
    assert loudness is not None
    full = 20 * np.log10(0.5 / np.sqrt(2))
    assert loudness == pytest.approx([full, -80, full - 20], abs=0.3)


def test_pictures_have_no_sound(tmp_path: Path) -> None:
    assert loudness_db(tmp_path, np.zeros(3), 0.1) is None
    assert kept_share(tmp_path, tmp_path) is None


@pytest.mark.parametrize("frames_late", [-4, -1, 0, 2, 5])
def test_a_delay_is_found(frames_late: int) -> None:
    opening = np.random.default_rng(0).normal(0, 1, 200)
    late = np.roll(opening, frames_late)
    lag_s, found = best_lag(opening, late, 25.0)
    assert lag_s == frames_late / 25
    assert found == pytest.approx(1, abs=0.01)


def test_a_delay_beyond_reach_and_a_short_clip_are_not_found() -> None:
    opening = np.random.default_rng(0).normal(0, 1, 200)
    _, found = best_lag(opening, np.roll(opening, 12), 25.0)
    assert found < 0.4
    for frames in (0, 1, 3, 20):
        assert np.isnan(best_lag(opening[:frames], opening[:frames], 25.0)).all()


def test_frames_without_a_face_are_left_out_of_the_delay() -> None:
    opening = np.random.default_rng(0).normal(0, 1, 200)
    gappy = opening.copy()
    gappy[50:70] = np.nan
    assert best_lag(opening, gappy, 25.0)[0] == 0


def test_packets_are_kept_or_not(media: Path, tmp_path: Path) -> None:
    source = media / "grid" / "s1" / "session-a" / "bbaf2n.mpg"
    first, second = (cut_clip(source, tmp_path / f"{name}.mkv", 5) for name in "ab")
    assert kept_share(first, second) == 1
    other = cut_clip(media / "grid" / "s2" / "s2_pwij3p.mpg", tmp_path / "other.mkv", 5)
    assert kept_share(first, other) == 0
    silent = tmp_path / "silent.mp4"
    with av.open(str(first)) as container, av.open(str(silent), "w") as out:
        pictures = out.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(container.streams.video[0]):
            if packet.dts is not None:
                packet.stream = pictures
                out.mux(packet)
    assert kept_share(first, silent) == 0
    assert kept_share(silent, first) is None


def talking(path: Path, delay_s: float, seed: int = 0, level: float = 0.3) -> Path:
    """Pictures at 25 a second, and syllables of random loudness that begin later."""
    rng = np.random.default_rng(seed)
    syllables = np.concatenate([tone(0.12, level * loud) for loud in rng.uniform(0, 1, 25)])
    samples = np.concatenate([np.zeros(round((1 + delay_s) * RATE_HZ)), syllables])
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=25)
        pictures.width = pictures.height = 32
        sound = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        for k in range(25):
            grey = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 8 * k, np.uint8), format="rgb24")
            grey.pts, grey.time_base = k, Fraction(1, 25)
            container.mux(pictures.encode(grey))
        container.mux(pictures.encode(None))
        frame = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16)[None], layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


@pytest.mark.parametrize("delay_s", [-0.3, -0.04, 0.0, 0.1, 0.45])
def test_the_sound_s_delay_is_found(delay_s: float, tmp_path: Path) -> None:
    footage = talking(tmp_path / "footage.mkv", 0)
    # Softer, as it may be after it was encoded again.
    result = talking(tmp_path / "result.mkv", delay_s, level=0.2)
    assert sound_delay_s(footage, result) == pytest.approx(delay_s, abs=0.011)


def test_another_sound_has_no_delay(tmp_path: Path) -> None:
    footage = talking(tmp_path / "footage.mkv", 0)
    assert sound_delay_s(footage, talking(tmp_path / "other.mkv", -1, seed=1)) is None
    assert sound_delay_s(footage, tmp_path) is None
