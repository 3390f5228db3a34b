"""From samples to figures: a value, its 95% interval, and the parts it is compared by.

A figure is a statistic of rows of numbers (mostly one row a frame). Of five clips and more, clips
are drawn with replacement; of fewer, blocks of frames in a row, since neighbouring frames are
alike and single ones would make intervals too short (Kunsch 1989, the block bootstrap). A
statistic that repeated rows would bias (a distance of distributions) leaves out one block after
the other instead (the jackknife, Efron & Stein 1981).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from faceloom.evaluate.evaluation import Figure

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], float]
"""Of rows (N, K), N > 0; nan where they do not suffice."""

CLIPS_NEEDED = 5
"""Fewer clips say nothing of how much clips differ."""
MOST_BLOCKS = 20
_BLOCKS_NEEDED = 5
_LEAST_BLOCK_FRAMES = 5
_RESAMPLES = 499
_NORMAL_95 = 1.96


@dataclass(frozen=True)
class Samples:
    """The rows of one clip, the frame that each belongs to, and the clip's number of frames."""

    values_NK: Floats
    frames_N: NDArray[np.int64]
    length: int

    @classmethod
    def of_series(cls, *series_T: NDArray[np.floating]) -> Samples:
        """One row a frame, for each frame in which all series have a number."""
        values = np.stack([np.asarray(one, np.float64) for one in series_T], axis=1)
        return cls.of_rows(values)

    @classmethod
    def of_rows(cls, values_TK: NDArray[np.floating]) -> Samples:
        """One row a frame, rows with nan left out."""
        whole = np.isfinite(values_TK).all(axis=1)
        rows = np.flatnonzero(whole)
        return cls(np.asarray(values_TK, np.float64)[rows], rows, len(values_TK))

    def blocks(self) -> list[NDArray[np.int64]]:
        """The rows of each block of frames, empty blocks too: the same frames for every figure."""
        count = block_count(self.length)
        block_N = self.frames_N * count // max(1, self.length)
        return [np.flatnonzero(block_N == block) for block in range(count)]


def block_count(frames: int) -> int:
    """Into how many stretches a clip of so many frames is cut."""
    return max(1, min(MOST_BLOCKS, frames // _LEAST_BLOCK_FRAMES))


def measured(
    clips: Sequence[Samples],
    statistic: Statistic,
    *,
    repeats: Literal["bootstrap", "jackknife"] = "bootstrap",
    note: str = "",
    least: float = -math.inf,
) -> Figure:
    """The mean over clips of a statistic, with its interval, which ends where the figure's range
    does, at `least`."""
    by_clip = tuple(_or_none(_applied(statistic, clip.values_NK)) for clip in clips)
    known = np.array([value for value in by_clip if value is not None])
    sample = sum(len(clip.values_NK) for clip in clips)
    if not len(known):
        return Figure(None, sample=sample, note=note or "too few frames", by_clip=by_clip)
    value = float(known.mean())
    low: float | None
    high: float | None
    used = [clip for clip, one in zip(clips, by_clip, strict=True) if one is not None]
    if len(known) >= CLIPS_NEEDED:
        low, high = _bootstrapped(len(known), lambda rows: float(known[rows].mean()))
        how = ""
    else:
        low, high = _block_interval(used, statistic, repeats, value)
        low = max(low, least) if low is not None else None
        how = "interval over stretches of the frames, not over clips"
        if low is None:
            how = "too few frames for an interval"
    by_block = tuple(
        _or_none(_applied(statistic, clip.values_NK[rows]))
        for clip in clips for rows in clip.blocks()
    )  # fmt: skip
    words = "; ".join(part for part in (note, how) if part)
    return Figure(value, low, high, sample, words, by_clip, by_block)


def mean_of(values_NK: Floats) -> float:
    """The mean of the first column."""
    return float(values_NK[:, 0].mean())


def worst_tenth_of(values_NK: Floats) -> float:
    """The mean of the highest tenth of the first column: what does not last shows, too."""
    highest = np.sort(values_NK[:, 0])[-math.ceil(len(values_NK) / 10) :]
    return float(highest.mean())


def mean_interval(values_N: NDArray[np.floating]) -> tuple[float, float, float]:
    """Mean and 95% bootstrap interval of independent numbers. Raises ValueError for none."""
    if not len(values_N):
        raise ValueError("an interval needs at least one number")
    numbers = np.asarray(values_N, np.float64)
    if len(numbers) == 1:
        return (float(numbers[0]),) * 3
    low, high = _bootstrapped(len(numbers), lambda rows: float(numbers[rows].mean()))
    return float(numbers.mean()), low, high


def _block_interval(
    clips: Sequence[Samples], statistic: Statistic, repeats: str, value: float
) -> tuple[float | None, float | None]:
    blocks = [(k, rows) for k, clip in enumerate(clips) for rows in clip.blocks() if len(rows)]
    if len(blocks) < _BLOCKS_NEEDED:
        return None, None

    def of_blocks(picked: NDArray[np.int64]) -> float:
        values = []
        for number, clip in enumerate(clips):
            rows = [blocks[p][1] for p in picked if blocks[p][0] == number]
            if rows:
                values.append(_applied(statistic, clip.values_NK[np.concatenate(rows)]))
        known = [one for one in values if math.isfinite(one)]
        return float(np.mean(known)) if known else value

    if repeats == "bootstrap":
        return _bootstrapped(len(blocks), of_blocks)
    every = np.arange(len(blocks))
    without = np.array([of_blocks(np.delete(every, k)) for k in every])
    count = len(blocks)
    spread = math.sqrt((count - 1) / count * float(((without - without.mean()) ** 2).sum()))
    return value - _NORMAL_95 * spread, value + _NORMAL_95 * spread


def _bootstrapped(
    count: int, statistic: Callable[[NDArray[np.int64]], float]
) -> tuple[float, float]:
    """95% percentile interval of a statistic of drawn indices below `count`."""
    found = stats.bootstrap(
        (np.arange(count),), statistic, vectorized=False, n_resamples=_RESAMPLES,
        method="percentile", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)


def _applied(statistic: Statistic, values_NK: Floats) -> float:
    return statistic(values_NK) if len(values_NK) else math.nan


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
