"""Reading frames in presentation order, with their exact times."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.container
from av.codec.context import Flags

from faceloom.errors import UserError
from faceloom.image import read_image
from faceloom.video.frame import Frame, upright
from faceloom.video.info import IMAGES_RATE, image_files, open_video


def read_frames(path: Path, start_s: Fraction | None = None) -> Iterator[Frame]:
    """The frames of a clip or an image folder, from the first with `time_s >= start_s` on.

    Times count from the start of the file (audio or video, whichever is first). A frame that the
    decoder marks as damaged, or that stands for one it could not decode, has `damaged` set. A file
    that breaks off gives what there is. Raises UserError for what cannot be read at all.
    """
    if path.is_dir():
        yield from _read_images(path, start_s)
        return
    with open_video(path) as container:
        yield from _read_video(container, path, start_s)


def _read_images(folder: Path, start_s: Fraction | None) -> Iterator[Frame]:
    files = image_files(folder)
    if not files:
        raise UserError(f"{folder}: holds no images; give a folder that does")
    first = 0 if start_s is None else -(-start_s * IMAGES_RATE // 1)
    for index, file in enumerate(files):
        if index >= first:
            yield Frame(index, index, 1 / IMAGES_RATE, rgb=read_image(file))


def _read_video(
    container: av.container.InputContainer, path: Path, start_s: Fraction | None
) -> Iterator[Frame]:
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    stream.codec_context.flags |= Flags.output_corrupt
    time_base = Fraction(stream.time_base or 1 / IMAGES_RATE)
    origin = 0
    if container.start_time:
        origin = int(Fraction(container.start_time, av.time_base) / time_base)
    index, last_pts, lost = 0, None, False
    step = max(1, round(1 / (Fraction(stream.average_rate or IMAGES_RATE) * time_base)))
    for samples in _decoded(container):
        if samples is None:
            lost = True
            continue
        pts = samples.pts if samples.pts is not None else samples.dts
        pts = (last_pts + step if last_pts is not None else 0) if pts is None else pts - origin
        if last_pts is not None and pts <= last_pts:
            pts = last_pts + 1  # Broken streams repeat times; no frame may be lost or reordered.
        frame_index, index, last_pts = index, index + 1, pts
        if start_s is not None and pts * time_base < start_s:
            continue
        damaged = samples.is_corrupt or lost
        yield Frame(frame_index, pts, time_base, upright(samples), damaged=damaged)
        lost = False
    if index == 0:
        raise UserError(f"{path}: no frame of it can be decoded; replace the file")


def _decoded(container: av.container.InputContainer) -> Iterator[av.VideoFrame | None]:
    """Decoded frames; None where a packet could not be decoded."""
    packets = container.demux(container.streams.video[0])
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            return  # The file breaks off here.
        if packet is None:
            return
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            yield None
        except av.error.EOFError:
            return
