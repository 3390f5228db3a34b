"""Writing frames with exact times, the source's sound, colour tags and metadata.

A clip is written beside its final name and renamed when complete; an error leaves nothing.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import av
import av.container

from faceloom.errors import UserError
from faceloom.files import written_beside
from faceloom.image import IMAGE_SUFFIXES, encode_image
from faceloom.video.frame import Frame
from faceloom.video.info import VideoInfo

AudioReport = Literal["copied", "re-encoded", "none"]
CODECS = {"h264": "libx264", "h265": "libx265", "av1": "libsvtav1", "ffv1": "ffv1"}
_SUBSAMPLED = ("420", "422")
_INTERLEAVE_S = Fraction(1, 2)
"""Sound is muxed this far ahead of the pictures."""


class VideoWriter:
    """Writes one clip, or a folder of PNG files where `path` has no video suffix.

    Frames keep their times and, where the encoder takes it, their pixel format; odd sizes are
    written as 4:4:4, since encoders refuse odd sizes with halved chroma. Raises UserError if the
    output cannot be written or the encoder is not available.
    """

    def __init__(
        self,
        path: Path,
        like: VideoInfo,
        *,
        size_px: tuple[int, int] | None = None,
        codec: str = "h264",
        crf: int = 18,
        options: dict[str, str] | None = None,
        audio_from: Path | None = None,
        metadata: dict[str, str] | None = None,
    ) -> None:
        self.path = path
        self.frames_written = 0
        self.audio: AudioReport = "none"
        self._like = like
        self._size_px = size_px or (like.width_px, like.height_px)
        self._codec = CODECS.get(codec, codec)
        self._options = {"crf": str(crf), **_speed_options(self._codec), **(options or {})}
        if self._codec == "ffv1":
            self._options.pop("crf")
        self._audio_from = audio_from
        self._metadata = metadata or {}
        self._stack = ExitStack()
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream
        self._sound: _Sound | None = None
        self._folder: Path | None = None

    def __enter__(self) -> VideoWriter:
        suffix = self.path.suffix.lower()
        if not suffix or suffix in IMAGE_SUFFIXES:
            self._open_folder()
            return self
        beside = self._stack.enter_context(written_beside(self.path))
        try:
            self._open(beside)
        except BaseException as error:
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def write(self, frame: Frame) -> None:
        """Append a frame; times must rise."""
        if self._folder is not None:
            # PNG level 1: a picture sequence is an intermediate, written fast.
            name = self._folder / f"{frame.index:06d}.png"
            name.write_bytes(encode_image(frame.rgb, ".png"))
            self.frames_written += 1
            return
        assert self._container is not None
        samples = frame.as_samples(self._stream.pix_fmt or "yuv420p")
        samples.pts, samples.time_base = frame.pts, frame.time_base
        try:
            self._mux(self._stream.encode(samples))
            if self._sound is not None:
                self._mux(self._sound.until(frame.time_s + _INTERLEAVE_S))
        except (av.error.FFmpegError, OSError) as error:
            raise _write_error(self.path, error) from error
        self.frames_written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._folder is not None:
            self._close_folder(keep=error is None)
            return
        try:
            if error is None:
                self._finish()
        except BaseException as failed:
            kind, error, trace = type(failed), failed, failed.__traceback__
            raise
        finally:
            if self._sound is not None:
                self._sound.close()
            if self._container is not None:
                _close_quietly(self._container, quietly=error is not None)
            self._stack.__exit__(kind, error, trace)

    def _open(self, beside: Path) -> None:
        like = self._like
        try:
            options = {"movflags": "+use_metadata_tags"} if _is_mp4(self.path) else {}
            self._container = av.open(str(beside), "w", container_options=options)
            stream = self._container.add_stream(self._codec, rate=like.rate, options=self._options)
            assert isinstance(stream, av.VideoStream)
        except (av.error.FFmpegError, ValueError) as error:
            raise UserError(
                f"{self.path}: cannot be written with codec {self._codec!r} ({error}); take another"
                " codec or file suffix"
            ) from error
        width_px, height_px = self._size_px
        stream.width, stream.height = width_px, height_px
        stream.pix_fmt = _pixel_format(self._codec, like.pixel_format, width_px, height_px)
        stream.time_base = like.time_base
        context = stream.codec_context
        context.time_base = like.time_base
        context.thread_count = os.cpu_count() or 1
        context.colorspace, context.color_range = like.colorspace, like.color_range
        context.color_primaries, context.color_trc = like.color_primaries, like.color_trc
        self._stream = stream
        self._container.metadata.update(self._metadata)
        if self._audio_from is not None and self._audio_from.is_file():
            self._sound = _Sound.open(self._audio_from, self._container)
            self.audio = self._sound.report if self._sound is not None else "none"

    def _finish(self) -> None:
        assert self._container is not None
        try:
            self._mux(self._stream.encode(None))
            if self._sound is not None:
                self._mux(self._sound.until(None))
            self._container.close()
        except (av.error.FFmpegError, OSError) as error:
            raise _write_error(self.path, error) from error
        self._container = None

    def _mux(self, packets: Iterable[Any]) -> None:
        assert self._container is not None
        for packet in packets:
            self._container.mux(packet)

    def _open_folder(self) -> None:
        final = self.path.with_suffix("") if self.path.suffix else self.path
        self.path = final
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix=f".{final.name}-", dir=final.parent))
        except OSError as error:
            raise _write_error(final, error) from error

    def _close_folder(self, keep: bool) -> None:
        assert self._folder is not None
        if keep:
            if self.path.exists():
                shutil.rmtree(self.path)
            self._folder.chmod(0o755)
            self._folder.replace(self.path)
        else:
            shutil.rmtree(self._folder, ignore_errors=True)


class _Sound:
    """The source's first sound track, as packets in order of time."""

    def __init__(
        self,
        source: av.container.InputContainer,
        output: av.container.OutputContainer,
        copied: bool,
    ) -> None:
        self._source = source
        self._input = source.streams.audio[0]
        self.report: AudioReport = "copied" if copied else "re-encoded"
        self._copied = copied
        if copied:
            self._output: Any = output.add_stream_from_template(self._input)
        else:
            codec = "aac" if "aac" in output.supported_codecs else output.default_audio_codec
            self._output = output.add_stream(codec, rate=self._input.rate)
        self._origin_s = Fraction(source.start_time or 0, av.time_base)
        self._packets = source.demux(self._input)
        self._ended = False
        self._reached = Fraction(0)

    @classmethod
    def open(cls, path: Path, output: av.container.OutputContainer) -> _Sound | None:
        """None where the source has no sound."""
        try:
            source = av.open(str(path), metadata_errors="replace")
        except (av.error.FFmpegError, ValueError):
            return None
        if not source.streams.audio:
            source.close()
            return None
        name = source.streams.audio[0].codec_context.name
        try:
            return cls(source, output, name in output.supported_codecs)
        except (av.error.FFmpegError, ValueError):
            return cls(source, output, copied=False)

    def until(self, time_s: Fraction | None) -> Iterator[Any]:
        """The packets that start before `time_s`; all that are left if None."""
        while not self._ended and (time_s is None or self._reached < time_s):
            try:
                packet = next(self._packets, None)
            except av.error.FFmpegError:
                packet = None  # The sound breaks off here.
            if packet is None or packet.dts is None:
                self._ended = packet is None
                if packet is not None and not self._copied:
                    yield from self._encoded(packet)
                continue
            self._reached = packet.dts * Fraction(packet.time_base) - self._origin_s
            if self._copied:
                shift = int(self._origin_s / Fraction(packet.time_base))
                packet.dts -= shift
                if packet.pts is not None:
                    packet.pts -= shift
                packet.stream = self._output
                yield packet
            else:
                yield from self._encoded(packet)

    def _encoded(self, packet: Any) -> Iterator[Any]:
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            return
        for frame in frames:
            frame.pts = None  # The encoder counts samples itself.
            yield from self._output.encode(frame)
        if packet.size == 0:
            yield from self._output.encode(None)

    def close(self) -> None:
        self._source.close()


def read_metadata(path: Path) -> dict[str, str]:
    """A clip's metadata. Raises UserError if it cannot be opened."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            return dict(container.metadata)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise UserError(f"{path}: is not a readable video; check the path") from error


def _speed_options(codec: str) -> dict[str, str]:
    """Veryfast keeps the encoder a small part of the work at little cost in size."""
    if codec in ("libx264", "libx265"):
        return {"preset": "veryfast"}
    return {"preset": "10"} if codec == "libsvtav1" else {}


def _pixel_format(codec: str, source: str, width_px: int, height_px: int) -> str:
    """The source's format where the encoder takes it, without halved chroma for odd sizes."""
    name = source.replace("yuvj", "yuv")
    offered = {str(f.name) for f in av.Codec(codec, "w").video_formats or []}
    if source.startswith("yuvj") and source in offered:
        name = source
    if name not in offered:
        name = "yuv444p" if "444" in name or not name.startswith("yuv") else "yuv420p"
        if codec in ("libx264", "libx265") and name == "yuv444p":
            name = "yuv420p"
    if (width_px % 2 or height_px % 2) and any(part in name for part in _SUBSAMPLED):
        name = "yuv444p10le" if "10" in name else "yuv444p"
    return name


def _is_mp4(path: Path) -> bool:
    return path.suffix.lower() in {".mp4", ".mov", ".m4v"}


def _write_error(path: Path, error: Exception) -> UserError:
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
    mend = "free some space" if full else "choose another output or codec"
    reason = getattr(error, "strerror", None) or str(error)
    return UserError(f"{path}: cannot be written ({reason}); {mend}")


def _close_quietly(container: av.container.OutputContainer, quietly: bool) -> None:
    try:
        container.close()
    except (av.error.FFmpegError, OSError):
        if not quietly:
            raise
