"""Reading frames in presentation order, with their exact times."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
from av.codec.context import Flags
from av.video.frame import PictureType

from faceloom.errors import UserError
from faceloom.image import read_image
from faceloom.video.frame import Frame
from faceloom.video.info import (
    IMAGES_RATE,
    image_files,
    open_video,
    stated_end_s,
    unreadable,
    video_stream,
)
from faceloom.video.samples import upright

_log = logging.getLogger(__name__)
_MISSING_FRAMES = 3
"""A clip that ends this much before its container says has broken off."""


@dataclass
class ReadReport:
    """Filled while `read_frames` runs."""

    frames: int = 0
    damaged: int = 0
    broken_off: bool = False
    """The file ends before its pictures do."""


def read_frames(
    path: Path, start_s: Fraction | None = None, report: ReadReport | None = None
) -> Iterator[Frame]:
    """The frames of a clip or an image folder, from the first with `time_s >= start_s` on.

    Times count from the start of the file (audio or video, whichever is first). A frame that the
    decoder marks as damaged, or that follows one it could not decode, has `damaged` set; an image
    file that cannot be read is stood in for by the picture before it. A file that breaks off gives
    what there is, and a warning in the log. Raises UserError for what cannot be read at all.
    """
    report = report if report is not None else ReadReport()
    images = path.is_dir()
    for frame in _read_images(path, start_s) if images else _read_video(path, start_s, report):
        report.frames += 1
        report.damaged += frame.damaged
        yield frame
        del frame  # Not to be kept alive while the next is made.
    if report.broken_off:
        _log.warning("%s: breaks off after %d frames; these are used", path, report.frames)


def _read_images(folder: Path, start_s: Fraction | None) -> Iterator[Frame]:
    files = image_files(folder)
    if not files:
        raise UserError(f"{folder}: holds no images; give a folder that does")
    first = 0 if start_s is None else max(0, -(-start_s * IMAGES_RATE // 1))
    picture, waiting = None, []
    for index, file in enumerate(files):
        if index < first:
            continue
        try:
            picture, damaged = read_image(file), False
        except UserError:
            damaged = True
        if picture is None:
            waiting.append((index, file))
            continue
        for early, name in waiting:
            yield Frame(early, early, 1 / IMAGES_RATE, None, picture, True, name.stem)
        waiting = []
        yield Frame(index, index, 1 / IMAGES_RATE, None, picture, damaged, file.stem)
    if waiting:
        raise UserError(f"{folder}: none of its images can be read; replace them")


def _read_video(path: Path, start_s: Fraction | None, report: ReadReport) -> Iterator[Frame]:
    with open_video(path) as container:
        stream = video_stream(container)
        stream.thread_type = "AUTO"
        stream.codec_context.flags |= Flags.output_corrupt
        time_base, origin = _time_base(stream), _origin(container)
        skipped = _Start()
        # AVI has no presentation times, and ffmpeg's guesses run out of order: the pictures, which
        # come out in order, take the packets' times one after the other.
        clock: deque[int] | None = deque() if container.format.name == "avi" else None
        if start_s is not None and clock is None:
            skipped = _find_start(path, int(-(-start_s // time_base)) + origin)
        index, last_pts, lost = skipped.index, None, False
        step = max(1, round(1 / (Fraction(stream.average_rate or IMAGES_RATE) * time_base)))
        for samples in _decoded(_from(container.demux(stream), skipped, clock), report):
            raw = clock.popleft() if clock else None
            if samples is None:
                lost = True
                continue
            if clock is None:
                raw = samples.pts if samples.pts is not None else samples.dts
            if skipped.pts is not None and raw is not None and raw < skipped.pts:
                continue
            pts = (last_pts + step if last_pts is not None else 0) if raw is None else raw - origin
            if last_pts is not None and pts <= last_pts:
                pts = last_pts + 1  # Broken streams repeat times; no frame may be lost or moved.
            frame_index, index, last_pts = index, index + 1, pts
            # An encoder would take the decoder's picture type as an order.
            samples.pict_type = PictureType.NONE
            damaged = samples.is_corrupt or (lost and not samples.key_frame)
            lost = False
            if start_s is None or pts * time_base >= start_s:
                yield Frame(frame_index, pts, time_base, upright(samples), damaged=damaged)
            del samples
        if last_pts is None and start_s is None:
            raise unreadable(path)
        if last_pts is not None:
            end_s = float((last_pts + origin + (1 + _MISSING_FRAMES) * step) * time_base)
            report.broken_off |= end_s < (stated_end_s(container) or 0)


def _time_base(stream: av.VideoStream) -> Fraction:
    return Fraction(stream.time_base or 1 / IMAGES_RATE)


def _origin(container: av.container.InputContainer) -> int:
    """The pts of the file's start; its own clock ticks only in microseconds, so round."""
    start_s = Fraction(container.start_time or 0, av.time_base)
    return round(start_s / _time_base(video_stream(container)))


@dataclass(frozen=True)
class _Start:
    """Where decoding starts: at the packet of this number, whose picture is shown at `pts` as the
    one of number `index`."""

    packet: int = 0
    pts: int | None = None
    index: int = 0


def _find_start(path: Path, start_pts: int) -> _Start:
    """The last key frame at or before a pts, found without decoding."""
    times: list[int] = []
    start = _Start()
    with open_video(path) as container:
        packets = container.demux(video_stream(container))
        try:
            for packet in packets:
                if packet.size == 0:
                    break
                if packet.pts is None or packet.dts is None:
                    return _Start()  # Without times there is no way but to decode.
                if packet.is_keyframe and packet.pts <= start_pts:
                    start = _Start(len(times), packet.pts)
                # Discarded packets (before an edit list's start) show no picture.
                times.append(packet.pts if not packet.is_discard else start_pts + 1)
                if packet.dts > start_pts:
                    break
        except av.error.FFmpegError:
            pass  # The reading proper comes across the same place.
    if start.pts is None:
        return _Start()
    return _Start(start.packet, start.pts, sum(time < start.pts for time in times))


def _from(
    packets: Iterator[av.Packet[Any]], start: _Start, clock: deque[int] | None
) -> Iterator[av.Packet[Any]]:
    """The packets from a place on, their decoding times put on the clock."""
    for number, packet in enumerate(packets):
        if clock is not None and packet.dts is not None and packet.size:
            clock.append(packet.dts)
        if number >= start.packet:
            yield packet


def _decoded(
    packets: Iterator[av.Packet[Any]], report: ReadReport
) -> Iterator[av.VideoFrame | None]:
    """Decoded pictures; None where a packet could not be decoded."""
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            report.broken_off = True
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            yield None
        except av.error.EOFError:
            return
