"""What a clip is, before any frame is decoded; and which clips an input holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import av.container

from faceloom.errors import UserError
from faceloom.image import IMAGE_SUFFIXES, read_image

VIDEO_SUFFIXES = frozenset(
    {
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".mpg",
        ".mpeg",
        ".ts",
        ".mts",
        ".wmv",
        ".flv",
    }
)
IMAGES_RATE = Fraction(25)
"""The rate of an image folder, which has none of its own."""


@dataclass(frozen=True)
class VideoInfo:
    """A clip or an image folder. Sizes are as displayed, rotation applied."""

    path: Path
    kind: Literal["video", "images"]
    width_px: int
    height_px: int
    rate: Fraction
    """Nominal frames a second, exact (30000/1001); single frames may lie off it."""
    time_base: Fraction
    frame_count: int | None
    """As the container says or the duration suggests; None if unknown."""
    duration_s: float | None
    rotation_deg: int
    """Clockwise turn already applied to what `read_frames` gives."""
    codec: str
    pixel_format: str
    colorspace: int
    """ISO/IEC 23091-2 matrix coefficients, as ffmpeg numbers them; 2 is unspecified."""
    color_range: int
    """0 unspecified, 1 limited, 2 full."""
    color_primaries: int
    color_trc: int
    has_audio: bool


def natural_key(path: Path) -> list[tuple[int, str | int]]:
    """Sorts 2.png before 10.png."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(1, int(part)) if part.isdigit() else (0, part) for part in parts]


def image_files(folder: Path) -> list[Path]:
    """The images of a folder, in natural order."""
    found = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()]
    return sorted(found, key=natural_key)


def find_clips(path: Path) -> list[Path]:
    """The clips of an input: a video, a folder of images, or a folder of either.

    A folder that holds both images and clips gives its clips and itself. Raises UserError if there
    is nothing to read.
    """
    if not path.exists():
        raise UserError(f"{path}: does not exist; check the path")
    if path.is_file():
        return [path]
    clips = [path] if image_files(path) else []
    for entry in sorted(path.iterdir(), key=natural_key):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if image_files(entry):
                clips.append(entry)
        elif entry.suffix.lower() in VIDEO_SUFFIXES:
            clips.append(entry)
    if not clips:
        raise UserError(f"{path}: holds no video and no images; give a folder that does")
    return clips


def probe(path: Path) -> VideoInfo:
    """Read a clip's description. Raises UserError if it is no readable video or image folder."""
    if path.is_dir():
        return _probe_images(path)
    with open_video(path) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        # Rotation is only known once a frame has been decoded.
        first = next(_decoded(container, path), None)
        if first is None:
            raise UserError(f"{path}: no frame of it can be decoded; replace the file")
        turned = first.rotation % 180 != 0
        size = (context.height, context.width) if turned else (context.width, context.height)
        rate = stream.average_rate or stream.guessed_rate or IMAGES_RATE
        duration_s = _duration_s(container)
        count = stream.frames or (round(duration_s * rate) if duration_s else None)
        return VideoInfo(
            path, "video", *size, Fraction(rate), Fraction(stream.time_base or 1 / rate), count,
            duration_s, int(-first.rotation % 360), context.name, context.pix_fmt or "yuv420p",
            int(first.colorspace), int(first.color_range), int(first.color_primaries),
            int(first.color_trc), bool(container.streams.audio),
        )  # fmt: skip


def open_video(path: Path) -> av.container.InputContainer:
    """Open a video file. Raises UserError if it is missing, empty, no video or without pictures."""
    try:
        container = av.open(str(path), metadata_errors="replace")
    except FileNotFoundError as error:
        raise UserError(f"{path}: does not exist; check the path") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise UserError(
            f"{path}: is not a readable video; replace it or convert it first"
        ) from error
    if not container.streams.video:
        container.close()
        raise UserError(f"{path}: has no video track; give a file with pictures")
    return container


def _decoded(container: av.container.InputContainer, path: Path) -> Iterator[av.VideoFrame]:
    try:
        yield from container.decode(container.streams.video[0])
    except av.error.FFmpegError as error:
        raise UserError(
            f"{path}: is not a readable video; replace it or convert it first"
        ) from error


def _duration_s(container: av.container.InputContainer) -> float | None:
    stream = container.streams.video[0]
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _probe_images(folder: Path) -> VideoInfo:
    files = image_files(folder)
    if not files:
        raise UserError(f"{folder}: holds no images; give a folder that does")
    height_px, width_px = read_image(files[0]).shape[:2]
    return VideoInfo(
        folder, "images", width_px, height_px, IMAGES_RATE, 1 / IMAGES_RATE, len(files),
        float(len(files) / IMAGES_RATE), 0, files[0].suffix.lower().lstrip("."), "rgb24",
        2, 2, 2, 2, False,
    )  # fmt: skip
