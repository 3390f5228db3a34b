"""Figures from samples: values, intervals that hold the truth, and what few samples give."""

from __future__ import annotations

import numpy as np
import pytest

from faceloom.evaluate.intervals import Samples, mean_interval, mean_of, measured


def noise(count: int, seed: int, middle: float = 3.0) -> Samples:
    return Samples.of_series(np.random.default_rng(seed).normal(middle, 1, count))


def test_equal_samples_have_no_spread() -> None:
    figure = measured([Samples.of_series(np.full(60, 2.5))], mean_of)
    assert (figure.value, figure.low, figure.high, figure.sample) == (2.5, 2.5, 2.5, 60)
    assert "stretches" in figure.note


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(60):
        figure = measured([noise(200, seed)], mean_of)
        assert figure.low is not None
        assert figure.high is not None
        held += figure.low <= 3 <= figure.high
    assert 50 <= held <= 60


def test_clips_that_differ_make_the_interval_wider() -> None:
    alike = measured([noise(40, k) for k in range(6)], mean_of)
    unlike = measured([noise(40, k, middle=k) for k in range(6)], mean_of)
    assert len(alike.by_clip) == 6
    assert alike.low is not None
    assert unlike.low is not None
    assert unlike.high is not None
    assert alike.high is not None
    assert unlike.high - unlike.low > 3 * (alike.high - alike.low)
    assert unlike.value == pytest.approx(sum(value or 0 for value in unlike.by_clip) / 6)


def test_stretches_in_a_row_make_honest_intervals_of_slow_series() -> None:
    slow = np.repeat(np.random.default_rng(1).normal(0, 1, 20), 20)
    quick = np.random.default_rng(1).permutation(slow)
    wide, narrow = (measured([Samples.of_series(s)], mean_of) for s in (slow, quick))
    assert wide.low is not None
    assert wide.high is not None
    assert narrow.low is not None
    assert narrow.high is not None
    assert wide.high - wide.low > 2.5 * (narrow.high - narrow.low)


def test_frames_without_a_number_are_left_out() -> None:
    series = np.array([1.0, np.nan, 3.0])
    figure = measured([Samples.of_series(series)], mean_of)
    assert figure.value == 2
    assert figure.sample == 2
    assert figure.low is None
    assert "too few" in figure.note


def test_a_clip_without_samples_has_no_value_and_does_not_count() -> None:
    empty = Samples.of_series(np.full(30, np.nan))
    figure = measured([empty, noise(30, 0)], mean_of)
    assert figure.by_clip[0] is None
    assert figure.value == figure.by_clip[1]
    assert measured([empty], mean_of).value is None


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    samples = noise(400, 7)
    figure = measured([samples], mean_of, repeats="jackknife")
    assert figure.low is not None
    assert figure.high is not None
    error = samples.values_NK.std() / np.sqrt(400)
    assert (figure.high - figure.low) / 2 == pytest.approx(1.96 * error, rel=0.4)


def test_the_interval_of_independent_numbers() -> None:
    middle, low, high = mean_interval(np.arange(30.0))
    assert middle == 14.5
    assert low == pytest.approx(14.5 - 3.1, abs=0.6)
    assert high == pytest.approx(14.5 + 3.1, abs=0.6)
    assert mean_interval(np.array([4.0])) == (4, 4, 4)
    with pytest.raises(ValueError, match="at least one"):
        mean_interval(np.zeros(0))
