"""How a clip is encoded: container, codec, its options, pixel format and colour tags."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import av.container

from faceloom.errors import UserError
from faceloom.video.info import VideoInfo
from faceloom.video.samples import Colours

CODECS = {
    "h264": "libx264",
    "h265": "libx265",
    "av1": "libsvtav1",
    "vp9": "libvpx-vp9",
    "ffv1": "ffv1",
}
CONTAINERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
}
"""By suffix, those that hold exact or millisecond times and any metadata (the consent)."""
_EVEN_ONLY = ("libx264", "libx265")
"""Encoders that refuse odd sizes with halved chroma."""
_DEFAULTS: dict[str, dict[str, str]] = {
    # Veryfast keeps the encoder a small part of the work, at little cost in size.
    "libx264": {"preset": "veryfast"},  # Superfast for large pictures.
    "libx265": {"preset": "veryfast", "x265-params": "log-level=error"},
    "libsvtav1": {"preset": "10"},
    "libvpx-vp9": {"b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"},
}
_LARGE_PX = 1_500_000
"""Above this, x264's veryfast would take most of two cores to keep up with 25 frames/s."""
_WITHOUT_CRF = ("ffv1", "mpeg4", "mjpeg", "prores_ks")


def container_format(path: Path) -> str:
    """The container that a file name asks for. Raises UserError if it is not one of ours."""
    name = CONTAINERS.get(path.suffix.lower())
    if name is None:
        raise UserError(
            f"{path}: a {path.suffix} file cannot hold exact times and the consent; name it"
            f" {', '.join(CONTAINERS)}"
        )
    return name


def open_output(path: Path, name: str, metadata: Mapping[str, str]) -> Any:
    """A container of this format to write."""
    # Times before the first picture or sound are rounded to the movie's own clock.
    exact = {"movflags": "+use_metadata_tags", "movie_timescale": "90000"}
    options = exact if name in ("mp4", "mov") else {}
    container = av.open(str(path), "w", format=name, container_options=options)
    container.metadata.update(metadata)
    return container


def add_pictures(
    container: av.container.OutputContainer,
    like: VideoInfo,
    size_px: tuple[int, int],
    codec: str,
    crf: int,
    options: Mapping[str, str],
) -> tuple[av.VideoStream, Colours]:
    """The video track of an output, and the colours its pictures are to have.

    Raises ValueError or FFmpegError if the codec is unknown or not for this container.
    """
    name = CODECS.get(codec, codec)
    if name == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # It has no other way to be quiet.
    settings = {**_DEFAULTS.get(name, {}), **options}
    if name == "libx264" and size_px[0] * size_px[1] > _LARGE_PX:
        settings["preset"] = options.get("preset", "superfast")
    if name not in _WITHOUT_CRF:
        settings.setdefault("crf", str(crf))
    if av.Codec(name, "w").type != "video":
        raise ValueError(f"{codec} encodes no pictures")
    stream: Any = container.add_stream(name, rate=like.rate, options=settings)
    colours = _colours(like, size_px)
    stream.width, stream.height = size_px
    stream.pix_fmt = pixel_format(name, like.pixel_format, size_px)
    stream.time_base = like.time_base
    context = stream.codec_context
    context.time_base = like.time_base
    context.sample_aspect_ratio = like.sample_aspect
    context.thread_count = 0
    context.colorspace, context.color_range = colours.matrix, colours.range
    context.color_primaries, context.color_trc = colours.primaries, colours.transfer
    if name == "libx265" and container.format.name in ("mp4", "mov"):
        context.codec_tag = "hvc1"  # The one that every player takes.
    return stream, colours


def pixel_format(codec: str, source: str, size_px: tuple[int, int]) -> str:
    """The source's format where the encoder takes it, without halved chroma for odd sizes that
    the encoder would refuse."""
    offered = {str(each.name) for each in av.Codec(codec, "w").video_formats or []}
    name = source if source in offered else source.replace("yuvj", "yuv")
    if name not in offered:
        name = "yuv420p10le" if "10" in name or "12" in name else "yuv420p"
        name = name if name in offered else "yuv420p"
    odd = size_px[0] % 2 or size_px[1] % 2
    if odd and codec in _EVEN_ONLY and "444" not in name:
        full = name.replace("420", "444").replace("422", "444")
        name = full if full in offered else "yuv444p"
    return name


def write_error(path: Path, error: Exception, codec: str) -> UserError:
    """The one line for what a container or an encoder raised."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return UserError(f"{path}: cannot be written ({os.strerror(number)}); free some space")
    reason = str(getattr(error, "strerror", None) or error)
    return UserError(
        f"{path}: cannot be written with codec {codec!r} and its options ({reason}); take another"
        " codec, options or output"
    )


def _colours(like: VideoInfo, size_px: tuple[int, int]) -> Colours:
    """The clip's own; RGB pictures get the matrix of their size, limited range, and say so."""
    if like.pixel_format.startswith("yuv") and like.colours.matrix != 0:
        return like.colours
    matrix = Colours().swscale_matrix(size_px[1])
    return replace(like.colours, matrix=1 if matrix == 1 else 6, range=1)
