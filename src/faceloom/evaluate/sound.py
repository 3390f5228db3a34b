"""The sound beside the pictures: its loudness at each frame, whether it was kept as it was, and
whether it still comes when it should.

Convention: times in seconds from the start of the file, as those of `video.read_frames`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import av
import av.container
import numpy as np
from numpy.typing import NDArray

from faceloom.evaluate.motion import correlation
from faceloom.video import read_frames

Series = NDArray[np.float64]

MOST_LAG_S = 0.2
"""Sound and lips of a recording lie no further apart than this."""
_RATE_HZ = 16000
_HOP_S = 0.01
_QUIET = 1e-4
"""Loudness below -80 dB of full scale is silence."""
_LEAST_SECONDS = 1.0
MOST_DELAY_S = 0.5
"""Looked for this far either way."""
_SAME_SOUND = 0.5
"""Tracks whose loudness correlates less at any delay are two different sounds."""


def loudness_db(path: Path, times_T: Series, window_s: float) -> Series | None:
    """Root mean square of the sound around each time, dB of full scale; None without sound."""
    hops = _hop_powers(path)
    if hops is None or not len(hops):
        return None
    total = np.concatenate([[0.0], np.cumsum(hops)])
    ends = [
        np.clip(np.round((times_T + side * window_s / 2) / _HOP_S), 0, len(hops)).astype(int)
        for side in (-1, 1)
    ]
    count = np.maximum(1, ends[1] - ends[0])
    power = (total[ends[1]] - total[ends[0]]) / count
    return np.asarray(20 * np.log10(np.maximum(np.sqrt(power), _QUIET)), np.float64)


def best_lag(
    one_T: Series, other_T: Series, rate: float, most_s: float = MOST_LAG_S
) -> tuple[float, float]:
    """The delay of `other` against `one`, seconds, at which they correlate best, and that
    correlation; frames with nan in either are left out. (nan, nan) for less than a second."""
    reach = min(round(most_s * rate), len(one_T) - 1)
    found = []
    for lag in sorted(range(-reach, reach + 1), key=abs):
        a = one_T[max(0, -lag) : len(one_T) - max(0, lag)]
        b = other_T[max(0, lag) : len(other_T) - max(0, -lag)]
        known = np.isfinite(a) & np.isfinite(b)
        if known.sum() >= max(3, _LEAST_SECONDS * rate):
            found.append((correlation(a[known], b[known]), lag / rate))
    if not found:
        return float("nan"), float("nan")
    # The first of equals: the shortest delay.
    best = max(found, key=lambda pair: pair[0])
    return best[1], best[0]


def kept_share(footage: Path, result: Path) -> float | None:
    """Share of the footage's packets of sound that the result has bit by bit; None where the
    footage has no sound, or the result is a folder of pictures."""
    if footage.is_dir() or result.is_dir():
        return None
    before = Counter(_packets(footage))
    if not before:
        return None
    return (before & Counter(_packets(result))).total() / before.total()


def sound_delay_s(footage: Path, result: Path) -> float | None:
    """By how much the result's sound comes later, counted from its first picture, than the
    footage's; to a hundredth of a second, within half a second. None where one of them has no
    sound, less than a second of it, or another one."""
    both = [_loudness_from_first_picture(path) for path in (footage, result)]
    if both[0] is None or both[1] is None:
        return None
    length = min(len(loudness) for loudness in both if loudness is not None)
    delay_s, found = best_lag(both[0][:length], both[1][:length], 1 / _HOP_S, MOST_DELAY_S)
    return delay_s if found >= _SAME_SOUND else None


def _loudness_from_first_picture(path: Path) -> Series | None:
    """Loudness of each hop, dB of full scale, the first one beginning with the first picture."""
    hops = _hop_powers(path)
    if hops is None:
        return None
    first = next(read_frames(path), None)
    start = round(float(first.time_s) / _HOP_S) if first is not None else 0
    return np.asarray(10 * np.log10(np.maximum(hops[start:], _QUIET**2)), np.float64)


def _packets(path: Path) -> Iterator[bytes]:
    with av.open(str(path), metadata_errors="replace") as container:
        if not container.streams.audio:
            return
        try:
            for packet in container.demux(container.streams.audio[0]):
                if packet.size:
                    yield hashlib.blake2b(bytes(packet), digest_size=16).digest()
        except av.error.FFmpegError:
            return  # The sound breaks off here, as it does for who plays it.


def _hop_powers(path: Path) -> Series | None:
    """Mean square of each hop of the first sound track from the file's start on; None if none."""
    if path.is_dir():
        return None
    with av.open(str(path), metadata_errors="replace") as container:
        if not container.streams.audio:
            return None
        hop = round(_HOP_S * _RATE_HZ)
        powers: list[Series] = []
        rest = np.zeros(0, np.float32)
        for samples in _mono(container):
            rest = np.concatenate([rest, samples])
            whole = len(rest) // hop * hop
            powers.append((rest[:whole].reshape(-1, hop).astype(np.float64) ** 2).mean(axis=1))
            rest = rest[whole:]
        return np.concatenate(powers) if powers else np.zeros(0)


def _mono(container: av.container.InputContainer) -> Iterator[NDArray[np.float32]]:
    """Samples of one channel at `_RATE_HZ`, silence before the track's own start included."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=_RATE_HZ)
    origin_s = (container.start_time or 0) / av.time_base
    started = False
    try:
        for packet in container.demux(container.streams.audio[0]):
            try:
                decoded = packet.decode()
            except av.error.InvalidDataError:
                continue
            for frame in decoded:
                if not started and frame.time is not None:
                    silence_s = max(0.0, frame.time - origin_s)
                    yield np.zeros(round(silence_s * _RATE_HZ), np.float32)
                started = True
                for part in resampler.resample(frame):
                    yield part.to_ndarray()[0]
    except av.error.FFmpegError:
        return
