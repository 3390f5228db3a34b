"""Paired differences of drawn evaluations, and their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from faceloom.errors import UserError
from faceloom.evaluate.compare import Comparison, Difference, Method, compare, load_method
from faceloom.evaluate.evaluation import EVALUATION_VERSION, Clip, Evaluation, Figure
from faceloom.evaluate.intervals import Samples, mean_of, measured
from faceloom.evaluate.measures import MEASURES

NAMES = ("identity_face", "seam_energy", "sharpness_ratio")


def evaluation(series: Sequence[np.ndarray], footage: Sequence[str]) -> Evaluation:
    """Every figure is the mean of the same series, one a clip."""
    figure = measured([Samples.of_series(one) for one in series], mean_of)
    clips, first = [], 0
    for one, name in zip(series, footage, strict=True):
        clips.append(Clip(name, name, name, len(one), first, 25.0, 64, 64, "r" + name, name))
        first += len(one)
    return Evaluation("0", EVALUATION_VERSION, "", tuple(clips), dict.fromkeys(NAMES, figure))


def many(shift: float, noise: float, seed: int, clips: int = 8) -> Evaluation:
    rng = np.random.default_rng(seed)
    easy = np.random.default_rng(0).normal(0, 3, clips)
    series = [easy[k] + shift + rng.normal(0, noise, 50) for k in range(clips)]
    return evaluation(series, [f"clip-{k}" for k in range(clips)])


def compared(one: Evaluation, other: Evaluation) -> Comparison:
    return compare([Method("old", (one,)), Method("new", (other,))])[0]


def by_name(found: Comparison) -> dict[str, Difference]:
    return {difference.measure.name: difference for difference in found.differences}


def test_a_small_difference_over_very_different_clips_is_seen() -> None:
    found = compared(many(0, 0.5, 1), many(0.5, 0.5, 2))
    differences = by_name(found)
    likeness = differences["identity_face"]
    assert likeness.difference == pytest.approx(0.5, abs=0.2)
    assert (likeness.verdict, likeness.over, likeness.samples) == ("better", "clips", 8)
    assert differences["seam_energy"].verdict == "worse"
    assert differences["sharpness_ratio"].verdict == "higher"
    assert (
        "new against old over 8 clips: better in 1 (Likeness to the face's photos); worse in 1"
        in found.summary
    )


def test_equal_methods_cannot_be_told_apart() -> None:
    told = [
        difference.verdict
        for seed in range(20)
        for difference in compared(many(0, 1, seed), many(0, 1, seed + 50)).differences[:1]
    ]
    assert told.count("cannot be told apart") >= 16
    found = compared(many(0, 1, 1), many(0, 1, 1))
    assert found.summary == "new and old cannot be told apart over 8 clips"


def test_one_clip_is_compared_by_its_stretches() -> None:
    rng = np.random.default_rng(0)
    hard = np.repeat(rng.normal(0, 3, 10), 30)
    one = evaluation([hard + rng.normal(0, 0.5, 300)], ["a"])
    other = evaluation([hard + 0.4 + rng.normal(0, 0.5, 300)], ["a"])
    likeness = by_name(compared(one, other))["identity_face"]
    assert (likeness.over, likeness.samples, likeness.verdict) == ("stretches", 20, "better")
    assert likeness.low is not None
    assert likeness.high is not None
    assert likeness.low <= likeness.difference <= likeness.high


def test_few_frames_say_nothing() -> None:
    one, other = (evaluation([np.full(8, value)], ["a"]) for value in (0.0, 9.0))
    likeness = by_name(compared(one, other))["identity_face"]
    assert likeness.difference == 9
    assert (likeness.low, likeness.verdict) == (None, "cannot be told apart")


def test_only_common_footage_counts() -> None:
    one, other = many(0, 0.5, 1), many(1, 0.5, 2, clips=12)
    assert compared(one, other).clips == 8
    strange = evaluation([np.zeros(50)], ["elsewhere"])
    with pytest.raises(UserError, match="no footage in common"):
        compared(one, strange)
    with pytest.raises(UserError, match="two reports or more"):
        compare([Method("old", (one,))])


def test_a_figure_that_one_lacks_is_left_out() -> None:
    one, other = many(0, 0.5, 1), many(0, 0.5, 2)
    other.figures["identity_face"] = Figure(None, note="no picture")
    assert "identity_face" not in by_name(compared(one, other))


def test_reports_are_read_alone_or_from_a_folder_of_them(tmp_path: Path) -> None:
    for k in range(6):
        evaluation([np.full(30, k)], [f"clip-{k}"]).save(tmp_path / "old" / f"pair-{k}")
        evaluation([np.full(30, k + 1)], [f"clip-{k}"]).save(tmp_path / "new" / f"pair-{k}")
    old, new = load_method(tmp_path / "old"), load_method(tmp_path / "new")
    assert len(old.evaluations) == 6
    found = compare([old, new])[0]
    assert (found.reference, found.method, found.clips) == ("old", "new", 6)
    assert by_name(found)["identity_face"].difference == 1
    single = load_method(tmp_path / "old" / "pair-2" / "scores.json")
    assert single.name == "pair-2"
    assert load_method(tmp_path / "old" / "pair-2").evaluations == single.evaluations
    with pytest.raises(UserError, match=r"holds no scores\.json"):
        load_method(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (2.0, 1.0, "better"),  # Hundredths of an eye span: both worse than exact answers.
        (1.0, 0.3, "better"),  # From worse to as good as they are.
        (0.3, 1.0, "worse"),
        (0.3, 0.2, "as exact answers"),
        (0.2, 0.3, "as exact answers"),
    ],
)
def test_who_is_as_good_as_exact_answers_is_not_beaten(
    old: float, new: float, verdict: str
) -> None:
    rng = np.random.default_rng(0)
    series = [[np.full(50, value / 100) + rng.normal(0, 1e-5, 50) for _ in range(8)]
              for value in (old, new)]  # fmt: skip
    one, other = (evaluation(each, [f"clip-{k}" for k in range(8)]) for each in series)
    for each in (one, other):
        each.figures["expression_error"] = each.figures["seam_energy"]
    found = compared(one, other)
    expression = by_name(found)["expression_error"]
    assert expression.verdict == verdict
    assert expression.difference == pytest.approx((new - old) / 100, abs=1e-4)
    assert ("Expression" in found.summary) == (verdict != "as exact answers")


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        # Better where both are better than anything could be, a little worse where it counts.
        ([0.6, 0.6, 0.6, 0.6, 0.3, 0.3, 0.3, 0.3], [0.61] * 4 + [0.05] * 4, "worse"),
        ([0.6, 0.6, 0.6, 0.6, 0.3, 0.3, 0.3, 0.3], [0.59, 0.61] * 2 + [0.05] * 4,
         "cannot be told apart"),
    ],
)  # fmt: skip
def test_clips_where_both_are_as_exact_answers_do_not_outweigh_others(
    old: list[float], new: list[float], verdict: str
) -> None:
    names = [f"clip-{k}" for k in range(8)]
    one, other = (evaluation([np.full(50, v / 100) for v in each], names) for each in (old, new))
    for each in (one, other):
        each.figures["expression_error"] = each.figures["seam_energy"]
    found = by_name(compared(one, other))
    assert found["seam_energy"].verdict == "better"
    assert found["expression_error"].verdict == verdict


def test_bounds_of_exact_answers_lie_within_their_figures_ranges() -> None:
    bounded = {name: one for name, one in MEASURES.items() if one.exact is not None}
    assert "expression_error" in bounded
    for one in bounded.values():
        assert one.exact is not None
        assert one.better != "neither"
        assert (0.9 < one.exact < 1) if one.better == "higher" else (one.exact > 0)
