"""The sound of a clip, carried over packet by packet, or encoded anew where it must be."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import av.container
from av.audio.frame import AudioFrame

AudioReport = Literal["copied", "re-encoded", "none"]
_FALLBACK_CODECS = ("aac", "libopus")
_FALLBACK_RATE_HZ = 48000


class Sound:
    """The source's first sound track, as packets for an output, in order of time.

    Times count from the start of the source, as those of `read_frames` do. Packets are copied byte
    for byte where the output's container takes them.
    """

    def __init__(
        self,
        path: Path,
        source: av.container.InputContainer,
        output: av.container.OutputContainer,
    ) -> None:
        self._source = source
        self._input = source.streams.audio[0]
        copied = _takes(output, path)
        self.report: AudioReport = "copied" if copied else "re-encoded"
        self._output: Any = (
            output.add_stream_from_template(self._input)
            if copied
            else _encoder(self._input, output)
        )
        self._origin_s = Fraction(source.start_time or 0, av.time_base)
        self._packets = source.demux(self._input)
        self._reached_s = Fraction(0)
        self._samples: int | None = None
        """Samples given to the encoder so far, silence before the first included."""
        self._ended = False

    @classmethod
    def open(cls, path: Path, output: av.container.OutputContainer) -> Sound | None:
        """None where the source has no sound that can be read."""
        try:
            source = av.open(str(path), metadata_errors="replace")
        except (av.error.FFmpegError, OSError, ValueError):
            return None
        if not source.streams.audio or not source.streams.audio[0].rate:
            source.close()
            return None
        try:
            return cls(path, source, output)
        except BaseException:
            source.close()
            raise

    def until(self, time_s: Fraction | None) -> Iterator[av.Packet[Any]]:
        """The packets that start before `time_s`; all that are left if None."""
        while not self._ended and (time_s is None or self._reached_s < time_s):
            try:
                packet = next(self._packets, None)
            except av.error.FFmpegError:
                packet = None  # The sound breaks off here.
            if packet is None or packet.size == 0:
                self._ended = True
                if self.report == "re-encoded":
                    yield from self._encoded(packet)
                    yield from self._output.encode(None)
                return
            if packet.dts is not None:
                self._reached_s = packet.dts * packet.time_base - self._origin_s
            if self.report == "copied":
                yield from self._copied(packet)
            else:
                yield from self._encoded(packet)

    def close(self) -> None:
        self._source.close()

    def _copied(self, packet: av.Packet[Any]) -> Iterator[av.Packet[Any]]:
        if packet.dts is None:
            return
        shift = round(self._origin_s / packet.time_base)
        packet.dts -= shift
        packet.pts = packet.dts if packet.pts is None else packet.pts - shift
        packet.stream = self._output
        yield packet

    def _encoded(self, packet: av.Packet[Any] | None) -> Iterator[av.Packet[Any]]:
        try:
            frames = packet.decode() if packet is not None else []
        except av.error.FFmpegError:
            return  # A broken packet of sound is left out.
        for frame in frames:
            assert isinstance(frame, AudioFrame)
            rate_hz = frame.sample_rate
            if self._samples is None:
                start_s = Fraction(0)
                if frame.pts is not None and frame.time_base is not None:
                    start_s = frame.pts * frame.time_base - self._origin_s
                self._samples = round(start_s * rate_hz)
            frame.pts, frame.time_base = self._samples, Fraction(1, rate_hz)
            self._samples += frame.samples
            yield from self._output.encode(frame)


def _takes(output: av.container.OutputContainer, path: Path) -> bool:
    """Whether a container takes a clip's sound as it is: tried with its first packet on one in
    memory, since what a format says it supports it may still refuse for its parameters."""
    try:
        with (
            av.open(str(path), metadata_errors="replace") as source,
            av.open(io.BytesIO(), "w", format=output.format.name) as trial,
        ):
            track = trial.add_stream_from_template(source.streams.audio[0])
            for packet in source.demux(source.streams.audio[0]):
                if packet.size and packet.dts is not None:
                    packet.stream = track
                    trial.mux(packet)
                    break
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def _encoder(sound: av.AudioStream, output: av.container.OutputContainer) -> Any:
    name = next((n for n in _FALLBACK_CODECS if n in output.supported_codecs), "aac")
    rates = av.Codec(name, "w").audio_rates
    rate_hz = sound.rate if not rates or sound.rate in rates else _FALLBACK_RATE_HZ
    layout = "mono" if sound.channels == 1 else "stereo"
    return output.add_stream(name, rate=rate_hz, layout=layout)
