"""What is said of a pair before training: on sets made to have one fault each."""

from __future__ import annotations

import numpy as np
import pytest
from tests.data.toy_traits import traits

from faceloom.data.balance import PairBalance, pair_balance
from faceloom.data.traits import FaceTraits

COUNT = 200
CLIPS = [f"day{row % 2}/clip{row % 10}.mp4" for row in range(COUNT)]


def looking_about(seed: int = 0) -> FaceTraits:
    rng = np.random.default_rng(seed)
    return traits(
        COUNT,
        yaw_deg=rng.uniform(-20, 20, COUNT),
        pitch_deg=rng.uniform(-10, 10, COUNT),
        mouth=rng.uniform(0, 0.3, COUNT),
        eyes=np.where(np.arange(COUNT) % 20 == 0, 0.05, 0.3),
    )


def told(b: FaceTraits, sources_b: list[str] = CLIPS) -> list[str]:
    return pair_balance(looking_about(), CLIPS, b, sources_b).lines()


def test_of_an_even_pair_only_the_figures_are_told() -> None:
    lines = told(looking_about(1))
    assert [line[:6] for line in lines] == ["side a", "side b"]
    assert "200 faces of 10 clips" in lines[0]
    assert "eyes shut 5%" in lines[0]


@pytest.mark.parametrize(("share", "said"), [(0.65, True), (0.45, False)])
def test_one_series_is_named_from_half_of_the_faces_on(share: float, said: bool) -> None:
    many = round(share * COUNT)
    sources = ["a/series.mp4"] * many + [f"b{row}/x.mp4" for row in range(COUNT - many)]
    lines = [line for line in told(looking_about(1), sources) if "one-sided" in line]
    assert bool(lines) is said
    if said:
        assert "65% are of the clip a/series.mp4" in lines[0]
        assert "sampling=clips" in lines[0]
        assert "sampling=sessions" in lines[1]


def test_a_single_clip_is_not_one_sided() -> None:
    assert not [x for x in told(looking_about(1), ["clip.mp4"] * COUNT) if "one-sided" in x]


@pytest.mark.parametrize(
    ("trait", "way"),
    [("yaw_deg", "left"), ("-yaw_deg", "right"), ("pitch_deg", "up"), ("-pitch_deg", "down")],
)
def test_poses_that_the_other_side_alone_has_are_named(trait: str, way: str) -> None:
    """Ten in a hundred of side a look where side b never does."""
    sign, name = (-1, trait[1:]) if trait[0] == "-" else (1, trait)
    odd = np.where(np.arange(COUNT) < 20, sign * 45.0, 0.0)
    a = traits(COUNT, **{name: odd})
    found = pair_balance(a, CLIPS, traits(COUNT), CLIPS)
    assert found.b_lacks.poses == pytest.approx(0.1)
    assert found.a_lacks.poses == 0
    (line,) = (x for x in found.lines() if "lacks" in x)
    assert "lacks 10% of the other side's poses" in line
    assert way in line


@pytest.mark.parametrize(("count", "said"), [(12, True), (8, False)])
def test_a_few_odd_poses_are_not_worth_a_word(count: int, said: bool) -> None:
    odd = np.where(np.arange(COUNT) < count, 45.0, 0.0)
    found = pair_balance(traits(COUNT, yaw_deg=odd), CLIPS, traits(COUNT), CLIPS)
    assert bool([x for x in found.lines() if "lacks" in x]) is said


def test_two_own_faces_do_not_make_a_pose_known_and_three_do() -> None:
    a = traits(COUNT, yaw_deg=np.where(np.arange(COUNT) < 100, 40.0, 0.0))
    for known, lacks in ((2, 0.5), (3, 0.0)):
        b = traits(COUNT, yaw_deg=np.where(np.arange(COUNT) < known, 40.0, 0.0))
        assert pair_balance(a, CLIPS, b, CLIPS).b_lacks.poses == lacks


def test_eyes_that_never_shut_and_a_mouth_that_never_opens_are_named() -> None:
    lines = told(traits(COUNT, yaw_deg=looking_about(1).yaw_deg))
    assert any("shows shut eyes in 0.0% of its faces, the other side in 5%" in x for x in lines)
    assert any("shows an open mouth in 0.0%" in x for x in lines)
    assert not any("shut eyes" in x for x in told(looking_about(1)))


def test_light_from_an_unknown_side_is_named() -> None:
    half = np.where(np.arange(COUNT) < 100, 0.2, 0.0)
    found = pair_balance(traits(COUNT, light_across=half), CLIPS, traits(COUNT), CLIPS)
    assert (found.a_lacks.light, found.b_lacks.light) == (0.0, 0.5)
    assert any("50% of the other side are lit from a side" in x for x in found.lines())


def test_it_is_plain_values() -> None:
    from dataclasses import asdict

    from pydantic import TypeAdapter

    found = pair_balance(looking_about(), CLIPS, looking_about(1), CLIPS)
    adapter = TypeAdapter(PairBalance)
    assert adapter.validate_json(adapter.dump_json(found)) == found
    assert asdict(found)["a"]["clips"] == 10
