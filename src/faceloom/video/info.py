"""What a clip is, before it is read; and which clips an input holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import av.container
from av.stream import Disposition

from faceloom.errors import UserError
from faceloom.image import IMAGE_SUFFIXES, read_image
from faceloom.video.samples import Colours, Orientation

# fmt: off
VIDEO_SUFFIXES = frozenset({
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg",
    ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv",
})
# fmt: on
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
    colours: Colours
    sample_aspect: Fraction
    """Width over height of one pixel, upright."""
    has_audio: bool

    @property
    def colorspace(self) -> int:
        return self.colours.matrix

    @property
    def color_range(self) -> int:
        return self.colours.range


def natural_key(path: Path) -> list[tuple[int, str | int]]:
    """Sorts 2.png before 10.png."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(1, int(part)) if part.isdecimal() else (0, part) for part in parts]


def image_files(folder: Path) -> list[Path]:
    """The images of a folder, in natural order; numbers may be missing."""
    return [p for p in _entries(folder) if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()]


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
    for entry in _entries(path):
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
        stream = video_stream(container)
        context = stream.codec_context
        # Rotation and colours are only known for sure once a frame has been decoded.
        first = first_picture(container, path)
        orientation = Orientation.of(first)
        size = (first.width, first.height)
        aspect = context.sample_aspect_ratio or stream.sample_aspect_ratio or Fraction(1)
        if orientation.swapped:
            size, aspect = size[::-1], 1 / aspect
        rate = Fraction(stream.average_rate or stream.guessed_rate or IMAGES_RATE)
        duration_s = _duration_s(container)
        return VideoInfo(
            path=path,
            kind="video",
            width_px=size[0],
            height_px=size[1],
            rate=rate,
            time_base=Fraction(stream.time_base or 1 / rate),
            frame_count=stream.frames or (round(duration_s * rate) if duration_s else None),
            duration_s=duration_s,
            rotation_deg=orientation.clockwise_deg,
            codec=context.codec.canonical_name,
            pixel_format=first.format.name,
            colours=Colours.of(first),
            sample_aspect=aspect,
            has_audio=bool(container.streams.audio),
        )


def open_video(path: Path) -> av.container.InputContainer:
    """Open a video file. Raises UserError if it is missing, empty, no video or without pictures."""
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise UserError(f"{path}: is not a readable video but empty; replace the file")
        container = av.open(str(path), metadata_errors="replace")
    except FileNotFoundError as error:
        raise UserError(f"{path}: does not exist; check the path") from error
    except PermissionError as error:
        raise UserError(f"{path}: may not be read; change its permissions") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise unreadable(path) from error
    if not _pictures(container):
        container.close()
        raise UserError(f"{path}: has no video track; give a file with pictures")
    return container


def video_stream(container: av.container.InputContainer) -> av.VideoStream:
    """The first track of pictures that is not a cover image."""
    return _pictures(container)[0]


def first_picture(container: av.container.InputContainer, path: Path) -> av.VideoFrame:
    """Raises UserError if nothing can be decoded."""
    try:
        for packet in container.demux(video_stream(container)):
            try:
                for picture in packet.decode():
                    return picture
            except av.error.InvalidDataError:
                continue
    except av.error.FFmpegError as error:
        raise unreadable(path) from error
    raise unreadable(path)


def unreadable(path: Path) -> UserError:
    """What to say of a file that no picture comes out of."""
    return UserError(
        f"{path}: is not a readable video, or breaks off before its first picture; replace it or"
        " convert it first"
    )


def stated_end_s(container: av.container.InputContainer) -> float | None:
    """When the pictures end, by the container's own word; None if it says nothing of them."""
    stream = video_stream(container)
    if stream.duration and stream.time_base:
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base)
    tag = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag is not None:
        hours, minutes, seconds = tag.groups()
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    return None


def _pictures(container: av.container.InputContainer) -> list[av.VideoStream]:
    return [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]


def _entries(folder: Path) -> list[Path]:
    """What a folder holds, in natural order, hidden files left out. Raises UserError."""
    try:
        found = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror}); check the path") from error
    return sorted(found, key=natural_key)


def _duration_s(container: av.container.InputContainer) -> float | None:
    stream = video_stream(container)
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _probe_images(folder: Path) -> VideoInfo:
    files = image_files(folder)
    if not files:
        raise UserError(f"{folder}: holds no images; give a folder that does")
    picture = None
    for file in files:
        try:
            picture = read_image(file)
            break
        except UserError:
            continue
    if picture is None:
        raise UserError(f"{folder}: none of its images can be read; replace them")
    return VideoInfo(
        path=folder,
        kind="images",
        width_px=picture.shape[1],
        height_px=picture.shape[0],
        rate=IMAGES_RATE,
        time_base=1 / IMAGES_RATE,
        frame_count=len(files),
        duration_s=float(len(files) / IMAGES_RATE),
        rotation_deg=0,
        codec=files[0].suffix.lower().lstrip("."),
        pixel_format="rgb24",
        colours=Colours(),
        sample_aspect=Fraction(1),
        has_audio=False,
    )
