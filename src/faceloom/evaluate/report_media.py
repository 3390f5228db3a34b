"""Clips and pictures as they lie inside a page: footage and result side by side, as data URIs.

Convention: pictures are uint8 RGB (H, W, 3). An embedded clip has one picture a frame at a constant
rate, the footage in its left half and the result in its right, so that frame k is shown from
k / rate on, whatever times the source had, and both halves are always of the same frame.
"""

from __future__ import annotations

import base64
import itertools
import math
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from faceloom.errors import UserError
from faceloom.image import RGB, encode_image, resize
from faceloom.video import Frame, VideoInfo, VideoWriter, probe, read_frames, read_metadata
from faceloom.video.samples import Colours

WIDEST_HALF_PX = 640
"""Wider halves are scaled down: a page is for looking, the figures come from the clips."""
_LEAST_HALF_PX = 16
_CRF = 22
_BITS_PER_PX = 0.08
"""What a pixel needs to look well at this quality; it sets the size where bytes are short."""
_HIGHEST_BITRATE = 20_000_000
_SEEK_FRAMES = 24
"""A key frame this often, so that a step back decodes little."""
THUMBNAIL_WIDTH_PX = 400
_QUALITY = 84
_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


@dataclass(frozen=True)
class EmbeddedClip:
    """A clip as it lies in the page, and pictures of single frames."""

    data: str
    """The side-by-side clip (H.264 in MP4) as a data URI."""
    rate: Fraction
    half_width_px: int
    half_height_px: int
    scale: float
    """Size of the embedded pictures over the result's own."""
    thumbnails: dict[int, str]
    """By frame of the clip: footage and result side by side, JPEG, as data URIs."""
    metadata: dict[str, str]
    """What the result says of itself (its consent lines); the embedded clip says it too."""


def embed_clip(
    footage: Path, result: Path, rate: float, frames: int, moments: Collection[int], most_bytes: int
) -> EmbeddedClip:
    """The first `frames` of both as one clip of at most about `most_bytes`; the longer, the
    smaller its pictures.

    `moments` are the frames whose thumbnails are wanted. Raises UserError if one of them is shorter
    or cannot be read.
    """
    constant_rate = Fraction(rate).limit_denominator(1001)
    like = probe(result)
    half_px, scale = _half_size(like, most_bytes, frames)
    bitrate = min(_HIGHEST_BITRATE, int(8 * 0.9 * most_bytes * constant_rate / max(1, frames)))
    options = {
        "maxrate": str(bitrate), "bufsize": str(bitrate), "bf": "0", "g": str(_SEEK_FRAMES),
    }  # fmt: skip
    like = replace(
        like, rate=constant_rate, time_base=1 / constant_rate, pixel_format="rgb24",
        colours=Colours(), sample_aspect=Fraction(1),
    )  # fmt: skip
    metadata = read_metadata(result)
    thumbnails: dict[int, str] = {}
    with tempfile.TemporaryDirectory(prefix="faceloom-") as folder:
        path = Path(folder) / "pair.mp4"
        size_px = (2 * half_px[0], half_px[1])
        with VideoWriter(
            path, like, size_px=size_px, crf=_CRF, options=options, metadata=metadata
        ) as writer:
            for index, picture in enumerate(_pairs(footage, result, frames, half_px)):
                writer.write(Frame(index, index, 1 / constant_rate, rgb=picture))
                if index in moments:
                    thumbnails[index] = _thumbnail(picture)
        data = data_uri(path.read_bytes(), "video/mp4")
    return EmbeddedClip(data, constant_rate, *half_px, scale, thumbnails, metadata)


def picture_uri(path: Path) -> str:
    """A PNG or JPEG file as a data URI. Raises UserError if it is neither or cannot be read."""
    kind = _TYPES.get(path.suffix.lower())
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); evaluate again") from error
    if kind is None:
        raise UserError(f"{path}: is neither PNG nor JPEG; evaluate again")
    return data_uri(data, kind)


def data_uri(data: bytes, kind: str) -> str:
    """Bytes of a MIME type as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _half_size(like: VideoInfo, most_bytes: int, frames: int) -> tuple[tuple[int, int], float]:
    """Width and height of a half in square pixels, both even, and the scale they come to."""
    width, height = like.width_px * float(like.sample_aspect), float(like.height_px)
    affordable_px = 8 * most_bytes / max(1, frames) / _BITS_PER_PX
    scale = min(1.0, WIDEST_HALF_PX / width, math.sqrt(affordable_px / (2 * width * height)))

    def even(length: float) -> int:
        return max(_LEAST_HALF_PX, 2 * round(scale * length / 2))

    return (even(width), even(height)), scale


def _pairs(footage: Path, result: Path, frames: int, half_px: tuple[int, int]) -> Iterator[RGB]:
    """The first frames of both, each as one picture; a container may cut off the last of one."""
    both = zip(read_frames(footage), read_frames(result), strict=False)
    shown = 0
    for given, made in itertools.islice(both, frames):
        yield np.concatenate([resize(frame.rgb, half_px) for frame in (given, made)], axis=1)
        shown += 1
    if shown < frames:
        raise UserError(
            f"{result}: has {shown} frames in common with {footage}, its evaluation {frames};"
            " evaluate it again"
        )


def _thumbnail(picture: RGB) -> str:
    height_px = round(THUMBNAIL_WIDTH_PX * picture.shape[0] / picture.shape[1])
    small = resize(picture, (THUMBNAIL_WIDTH_PX, max(1, height_px)))
    return data_uri(encode_image(small, ".jpg", _QUALITY), "image/jpeg")
