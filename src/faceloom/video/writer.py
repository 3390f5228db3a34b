"""Writing frames with exact times, the source's sound, colour tags and metadata.

An output is written beside its final name and renamed when complete; an error leaves nothing.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av

from faceloom.errors import UserError
from faceloom.files import read_json, write_json, written_beside
from faceloom.image import IMAGE_SUFFIXES, encode_image
from faceloom.video.encoding import (
    add_pictures,
    container_format,
    open_output,
    write_error,
)
from faceloom.video.frame import Frame
from faceloom.video.info import VideoInfo, open_video
from faceloom.video.samples import Colours
from faceloom.video.sound import AudioReport, Sound

FOLDER_RECORD = "faceloom.json"
"""The metadata of an image folder; it also marks the folder as one that may be replaced."""
_INTERLEAVE_S = Fraction(1, 2)
"""Sound is muxed this far ahead of the pictures."""


class VideoWriter:
    """Writes one clip; or a folder of images where `path` has no suffix (PNG) or an image's
    (OUT.jpg gives the folder OUT with JPEG files).

    Frames keep their times (Matroska and WebM round them to milliseconds) and, where the encoder
    takes it, their pixel format; odd sizes are written as 4:4:4 by encoders that refuse them with
    halved chroma. Frames of another size are scaled. Raises UserError if the output cannot be
    written or the encoder is not available.
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
        self._writes_images = not path.suffix or path.suffix.lower() in IMAGE_SUFFIXES
        self.path = path.with_suffix("") if self._writes_images else path
        self.frames_written = 0
        self.audio: AudioReport = "none"
        self._suffix = path.suffix.lower() or ".png"
        self._like = like
        self._size_px = size_px or (like.width_px, like.height_px)
        self._codec = codec
        self._crf = crf
        self._options = options or {}
        self._audio_from = audio_from
        self._metadata = metadata or {}
        self._output: _Clip | _ImageFolder | None = None

    def __enter__(self) -> VideoWriter:
        if self._writes_images:
            self._output = _ImageFolder(self.path, self._suffix, self._metadata)
        else:
            self._output = self._open_clip()
            self.audio = self._output.audio
        return self

    def write(self, frame: Frame) -> None:
        """Append a frame; times must rise, else ValueError."""
        assert self._output is not None, "the writer must be entered first"
        self._output.write(frame)
        self.frames_written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        output, self._output = self._output, None
        assert output is not None
        if error is not None:
            output.abandon()
            return
        try:
            if not self.frames_written:
                raise UserError(f"{self.path}: got no frame; give footage that has some")
            output.finish()
        except BaseException:
            output.abandon()
            raise

    def _open_clip(self) -> _Clip:
        if self.path.is_dir():
            raise UserError(f"{self.path}: is a folder; choose another output")
        return _Clip(
            self.path, self._like, self._size_px, self._codec, self._crf, self._options,
            self._audio_from, self._metadata,
        )  # fmt: skip


class _Clip:
    """A video file being written."""

    def __init__(
        self,
        path: Path,
        like: VideoInfo,
        size_px: tuple[int, int],
        codec: str,
        crf: int,
        options: dict[str, str],
        audio_from: Path | None,
        metadata: dict[str, str],
    ) -> None:
        self._path, self._codec, self._size_px = path, codec, size_px
        self._last_s: Fraction | None = None
        self._sound: Sound | None = None
        self._colours: Colours
        self._stream: av.VideoStream
        self._container: Any = None
        self._stack = ExitStack()
        try:
            name = container_format(path)
            beside = self._stack.enter_context(written_beside(path))
            self._container = open_output(beside, name, metadata)
            self._stream, self._colours = add_pictures(
                self._container, like, size_px, codec, crf, options
            )
            if audio_from is not None and audio_from.is_file():
                self._sound = Sound.open(audio_from, self._container)
            self._container.start_encoding()
        except UserError:
            self.abandon()
            raise
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self.abandon()
            raise write_error(path, error, codec) from error

    @property
    def audio(self) -> AudioReport:
        return self._sound.report if self._sound is not None else "none"

    def write(self, frame: Frame) -> None:
        if self._last_s is not None and frame.time_s <= self._last_s:
            raise ValueError(f"frame {frame.index} is not later than the one before it")
        self._last_s = frame.time_s
        samples = frame.as_samples(self._stream.pix_fmt or "yuv420p", self._size_px, self._colours)
        samples.pts, samples.time_base = frame.pts, frame.time_base
        try:
            self._mux(self._stream.encode(samples))
            if self._sound is not None:
                self._mux(self._sound.until(frame.time_s + _INTERLEAVE_S))
        except (av.error.FFmpegError, OSError) as error:
            raise write_error(self._path, error, self._codec) from error

    def finish(self) -> None:
        try:
            self._mux(self._stream.encode(None))
            if self._sound is not None:
                self._mux(self._sound.until(None))
                self._sound.close()
            self._container.close()
        except (av.error.FFmpegError, OSError) as error:
            raise write_error(self._path, error, self._codec) from error
        self._stack.close()

    def abandon(self) -> None:
        """Leave nothing behind."""
        if self._sound is not None:
            self._sound.close()
        if self._container is not None:
            # What is thrown away need not be complete.
            with suppress(av.error.FFmpegError, OSError):
                self._container.close()
        with suppress(_AbandonedError):
            self._stack.__exit__(_AbandonedError, _AbandonedError(), None)

    def _mux(self, packets: Iterable[av.Packet[Any]]) -> None:
        for packet in packets:
            self._container.mux(packet)


class _AbandonedError(Exception):
    """Tells `written_beside` to remove what was written."""


class _ImageFolder:
    """A folder of images being written, named as the source's images or by number."""

    def __init__(self, path: Path, suffix: str, metadata: dict[str, str]) -> None:
        self._path, self._suffix, self._metadata = path, suffix, metadata
        _check_replaceable(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._beside = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        except OSError as error:
            raise _folder_error(path, error) from error

    def write(self, frame: Frame) -> None:
        file = self._beside / f"{frame.name or f'{frame.index:06d}'}{self._suffix}"
        if file.exists():  # Images that differ by their suffix only.
            file = file.with_name(f"{file.stem}-{frame.index:06d}{self._suffix}")
        try:
            file.write_bytes(encode_image(frame.rgb, self._suffix))
        except OSError as error:
            raise _folder_error(self._path, error) from error

    def finish(self) -> None:
        write_json(self._beside / FOLDER_RECORD, self._metadata)
        _check_replaceable(self._path)
        old = self._beside.with_name(f"{self._beside.name}.old")
        try:
            self._beside.chmod(0o755)
            if self._path.exists():
                self._path.replace(old)
            self._beside.replace(self._path)
        except OSError as error:
            if old.exists() and not self._path.exists():
                old.replace(self._path)
            raise _folder_error(self._path, error) from error
        shutil.rmtree(old, ignore_errors=True)

    def abandon(self) -> None:
        shutil.rmtree(self._beside, ignore_errors=True)


def read_metadata(path: Path) -> dict[str, str]:
    """A clip's metadata, keys in lower case. Raises UserError if it cannot be opened."""
    if path.is_dir():
        record = path / FOLDER_RECORD
        return dict(read_json(record)) if record.is_file() else {}
    with open_video(path) as container:
        return {key.lower(): value for key, value in container.metadata.items()}


def _check_replaceable(folder: Path) -> None:
    """Raises UserError if a folder holds anything but what a writer put there."""
    if not folder.exists():
        return
    entries = list(folder.iterdir()) if folder.is_dir() else [folder]
    ours = any(entry.name == FOLDER_RECORD for entry in entries) and all(
        entry.name == FOLDER_RECORD or entry.suffix.lower() in IMAGE_SUFFIXES for entry in entries
    )
    if entries and not ours:
        raise UserError(f"{folder}: holds other files already; choose a new or empty folder")


def _folder_error(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"{folder}: cannot be written ({error.strerror}); free space or choose another folder"
    )
