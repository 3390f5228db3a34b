"""Which of two methods is better, by the same footage: paired differences, and a plain verdict.

A method is one report, or a folder of reports. Clips are matched by the footage's hash. From five
common clips on, the difference of each clip is a sample; with fewer, the difference of each stretch
of frames is (see `intervals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faceloom.errors import UserError
from faceloom.evaluate.evaluation import SCORES_FILE, Evaluation, Figure
from faceloom.evaluate.intervals import CLIPS_NEEDED, block_count, mean_interval
from faceloom.evaluate.measures import MEASURES, Measure

Floats = NDArray[np.float64]
Verdict = Literal[
    "better", "worse", "higher", "lower", "cannot be told apart", "as exact answers"
]  # fmt: skip
_LEAST_SAMPLES = 5


@dataclass(frozen=True)
class Method:
    """Somebody's results: all their evaluations."""

    name: str
    evaluations: tuple[Evaluation, ...]


@dataclass(frozen=True)
class Difference:
    """One figure of a method less the reference's, over what both have."""

    measure: Measure
    reference: float
    """Means over the common clips."""
    value: float
    difference: float
    low: float | None
    high: float | None
    """95% interval; None for too few samples."""
    samples: int
    over: Literal["clips", "stretches"]
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """A method beside the reference."""

    reference: str
    method: str
    clips: int
    differences: tuple[Difference, ...]

    @property
    def summary(self) -> str:
        """One line: what is better, what is worse."""
        told = {
            word: [d.measure.title for d in self.differences if d.verdict == word]
            for word in ("better", "worse")
        }
        over = f"over {self.clips} clip{'s' if self.clips > 1 else ''}"
        if not any(told.values()):
            return f"{self.method} and {self.reference} cannot be told apart {over}"
        parts = [f"{word} in {len(titles)} ({_named(titles)})"
                 for word, titles in told.items() if titles]  # fmt: skip
        return f"{self.method} against {self.reference} {over}: {'; '.join(parts)}"


def load_method(path: Path) -> Method:
    """A report's folder, its scores.json, or a folder of reports. Raises UserError if none."""
    if path.is_dir() and not (path / SCORES_FILE).is_file():
        files = sorted(path.glob(f"*/{SCORES_FILE}"))
        if not files:
            raise UserError(
                f"{path}: holds no {SCORES_FILE}, nor does a folder in it; give a report that"
                " `faceloom evaluate` wrote"
            )
        return Method(path.name, tuple(Evaluation.load(file) for file in files))
    name = path.name if path.is_dir() else path.parent.name
    return Method(name or str(path), (Evaluation.load(path),))


def compare(methods: Sequence[Method]) -> list[Comparison]:
    """Every other method beside the first, figure by figure.

    Raises UserError if there are fewer than two, or two have no footage in common.
    """
    if len(methods) < 2:
        raise UserError("compare: needs two reports or more; give them one after the other")
    reference, *others = methods
    return [_compared(reference, other) for other in others]


def _compared(reference: Method, other: Method) -> Comparison:
    ones, twos = _by_footage(reference), _by_footage(other)
    common = [footage for footage in ones if footage in twos]
    if not common:
        raise UserError(
            f"{other.name}: has no footage in common with {reference.name}; compare results of the"
            " same clips"
        )
    differences = [
        found for measure in MEASURES.values()
        if (found := _difference(measure, [ones[f] for f in common], [twos[f] for f in common]))
    ]  # fmt: skip
    return Comparison(reference.name, other.name, len(common), tuple(differences))


@dataclass(frozen=True)
class _ClipFigures:
    """One clip of an evaluation, and its number in it."""

    evaluation: Evaluation
    number: int

    def value(self, name: str) -> float | None:
        figure = self.evaluation.figures.get(name)
        if figure is None:
            return None
        if figure.by_clip:
            return figure.by_clip[self.number]
        return figure.value if len(self.evaluation.clips) == 1 else None

    def blocks(self, name: str) -> tuple[float | None, ...]:
        figure = self.evaluation.figures.get(name, Figure(None))
        clips = self.evaluation.clips
        lengths = [block_count(clip.frames) for clip in clips]
        if len(figure.by_block) != sum(lengths):
            return ()
        start = sum(lengths[: self.number])
        return figure.by_block[start : start + lengths[self.number]]


def _difference(
    measure: Measure, ones: Sequence[_ClipFigures], twos: Sequence[_ClipFigures]
) -> Difference | None:
    pairs = [(a, b) for one, two in zip(ones, twos, strict=True)
             if (a := one.value(measure.name)) is not None
             and (b := two.value(measure.name)) is not None]  # fmt: skip
    if not pairs:
        return None
    values = np.array(pairs, np.float64)
    enough = len(pairs) >= CLIPS_NEEDED
    samples = values if enough else _blocks(measure, ones, twos)
    low, high = _interval(values, samples)
    verdict = _verdict(measure, low, high)
    if verdict in ("better", "worse") and measure.exact is not None:
        verdict = _within_exact(measure, measure.exact, values, samples)
    return Difference(
        measure, float(values[:, 0].mean()), float(values[:, 1].mean()), _change(values), low, high,
        len(samples), "clips" if enough else "stretches", verdict,
    )  # fmt: skip


def _within_exact(measure: Measure, exact: float, values_N2: Floats, samples_M2: Floats) -> Verdict:
    """The verdict where values count as exact answers' at most: what is better is so by the
    readers' noise, or because less was changed."""
    bound = np.minimum if measure.better == "higher" else np.maximum
    verdict = _verdict(measure, *_interval(bound(values_N2, exact), bound(samples_M2, exact)))
    means = values_N2.mean(axis=0)
    if verdict == "cannot be told apart" and (bound(means, exact) == exact).all():
        return "as exact answers"
    return verdict


def _change(values_N2: Floats) -> float:
    return float((values_N2[:, 1] - values_N2[:, 0]).mean())


def _interval(values_N2: Floats, samples_M2: Floats) -> tuple[float | None, float | None]:
    """95% of the mean difference; None for too few samples. Of stretches, it is laid around the
    clips' own difference."""
    if len(samples_M2) < _LEAST_SAMPLES:
        return None, None
    middle, low, high = mean_interval(samples_M2[:, 1] - samples_M2[:, 0])
    change = _change(values_N2)
    return low - middle + change, high - middle + change


def _blocks(measure: Measure, ones: Sequence[_ClipFigures], twos: Sequence[_ClipFigures]) -> Floats:
    """Both methods' values of each stretch that has them, (M, 2)."""
    found = [
        (a, b)
        for one, two in zip(ones, twos, strict=True)
        for a, b in zip(one.blocks(measure.name), two.blocks(measure.name), strict=False)
        if a is not None and b is not None
    ]
    return np.array(found, np.float64).reshape(-1, 2)


def _verdict(measure: Measure, low: float | None, high: float | None) -> Verdict:
    if low is None or high is None or low <= 0 <= high:
        return "cannot be told apart"
    rises = low > 0
    if measure.better == "neither":
        return "higher" if rises else "lower"
    return "better" if rises == (measure.better == "higher") else "worse"


def _by_footage(method: Method) -> dict[str, _ClipFigures]:
    return {
        clip.footage_sha256: _ClipFigures(evaluation, number)
        for evaluation in method.evaluations
        for number, clip in enumerate(evaluation.clips)
    }


def _named(titles: Sequence[str], most: int = 4) -> str:
    more = f", {len(titles) - most} more" if len(titles) > most else ""
    return ", ".join(titles[:most]) + more
