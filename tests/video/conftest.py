"""Clips made for the tests of video."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

Clip = Callable[..., Path]


def picture(index: int, size_px: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Ramps along x and y, and a block that moves; every frame differs."""
    width, height = size_px
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.linspace(20, 235, width)[None]
    image[..., 1] = np.linspace(20, 235, height)[:, None]
    image[..., 2] = 40 + 15 * (index % 12)
    x = 4 * (index % 12)
    image[4:20, x : x + 12] = (220, 40, 60)
    return image


@pytest.fixture
def make_clip(tmp_path: Path) -> Clip:
    """Writes a clip with PyAV itself, so that the tests do not rest on our own writer."""

    def make(
        name: str = "clip.mp4",
        *,
        frames: int = 12,
        size_px: tuple[int, int] = (96, 64),
        pts: list[int] | None = None,
        time_base: Fraction = Fraction(1, 25),
        rate: Fraction = Fraction(25),
        codec: str = "libx264",
        pixel_format: str = "yuv420p",
        tags: tuple[int, int, int, int] = (2, 0, 2, 2),
        options: dict[str, str] | None = None,
        aspect: Fraction | None = None,
        audio: str | None = None,
        audio_start: int = 0,
        movflags: str = "",
    ) -> Path:
        path = tmp_path / name
        container_options = {"movflags": movflags} if movflags else {}
        with av.open(str(path), "w", container_options=container_options) as container:
            stream: Any = container.add_stream(codec, rate=rate, options=options or {})
            stream.width, stream.height = size_px
            stream.pix_fmt = pixel_format
            stream.time_base = stream.codec_context.time_base = time_base
            context = stream.codec_context
            context.colorspace, context.color_range = tags[0], tags[1]
            context.color_primaries, context.color_trc = tags[2], tags[3]
            if aspect is not None:
                context.sample_aspect_ratio = aspect
            sound: Any = container.add_stream(audio, rate=48000) if audio else None
            for index in range(frames):
                frame = av.VideoFrame.from_ndarray(picture(index, size_px), format="rgb24")
                frame = frame.reformat(
                    format=pixel_format,
                    dst_colorspace={1: 1, 9: 9}.get(tags[0], 5),
                    dst_color_range=2 if tags[1] == 2 else 1,
                )
                frame.pts, frame.time_base = (pts[index] if pts else index), time_base
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
            if sound is not None:
                _add_sound(container, sound, frames * 2, audio_start)
        return path

    return make


def _add_sound(container: Any, sound: Any, blocks: int, start: int) -> None:
    for block in range(blocks):
        wave = (np.sin(np.arange(960) / 10 + block) * 8000).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48000, start + block * 960
        container.mux(sound.encode(frame))
    container.mux(sound.encode(None))


def set_display_matrix(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Change the matrix in the header of an MP4 file's first track."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40
    one = 1 << 16
    matrix = [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30]
    data[start : start + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(data)


@pytest.fixture
def turn() -> Callable[..., None]:
    return set_display_matrix


@pytest.fixture
def draw() -> Callable[..., np.ndarray[Any, np.dtype[np.uint8]]]:
    return picture
