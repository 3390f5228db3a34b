"""Motions: what faces may do, how they speak and blink, and that rate and seed decide nothing
else."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from faceloom.errors import UserError
from faceloom.synth.assets import load_head
from faceloom.synth.motion import MOTIONS, make_motion
from faceloom.synth.scene import FaceState
from faceloom.synth.speech import Sound, Speech, draw_speech, spoken_units
from faceloom.synth.tracks import blink_shape, blink_times, with_momentum


def column(motion: list[FaceState], unit: str) -> np.ndarray:
    return np.array([state.expression.get(unit, 0.0) for state in motion])


def lip_gap(expression: dict[str, float]) -> float:
    """Between the inner lips of the head at rest, decimetres."""
    head = load_head()
    vertices = head.base_V3.copy()
    for unit, weight in expression.items():
        head.morph(vertices, f"expr/{unit}", weight)
    upper, lower = vertices[head.landmarks_68[[62, 66]], 1]
    return float(upper - lower)


@pytest.mark.parametrize("name", MOTIONS)
def test_every_motion_stays_within_what_faces_do(name: str) -> None:
    motion = make_motion(name, 8, seed=5, rate=50)
    assert len(motion) == 400
    units = {unit for state in motion for unit in state.expression}
    assert {f"expr/{unit}" for unit in units} <= set(load_head().target_names)
    for unit in units:
        weights = column(motion, unit)
        assert weights.min() >= 0
        assert weights.max() <= 1
        # From nothing to all takes a tenth of a second at least, lids excepted.
        limit = 0.65 if unit.startswith("eye") else 0.45
        assert np.abs(np.diff(weights)).max() < limit, unit
    angles = np.array([(s.pose.yaw_deg, s.pose.pitch_deg, s.pose.roll_deg) for s in motion])
    assert np.abs(angles).max() < 75
    assert np.abs(np.diff(angles, axis=0)).max() < 6  # 300 degrees a second.
    assert np.abs([state.gaze_deg for state in motion]).max() < 33


@pytest.mark.parametrize("name", MOTIONS)
def test_the_rate_only_samples_a_motion(name: str) -> None:
    coarse = make_motion(name, 4, seed=2, rate=25)
    fine = make_motion(name, 4, seed=2, rate=Fraction(100))
    for one, other in zip(coarse, fine[::4], strict=True):
        assert one.expression == pytest.approx(other.expression)
        assert one.pose.yaw_deg == pytest.approx(other.pose.yaw_deg)
        assert one.gaze_deg == pytest.approx(other.gaze_deg)


def test_seeds_decide() -> None:
    assert make_motion("talk", 2, seed=4) == make_motion("talk", 2, seed=4)
    assert make_motion("talk", 2, seed=4) != make_motion("talk", 2, seed=5)


def test_a_motion_has_a_frame_at_least() -> None:
    assert len(make_motion("still", 0.001, seed=0)) == 1


@pytest.mark.parametrize(
    ("name", "seconds", "seed"), [("dance", 1, 0), ("talk", 0, 0), ("talk", 1, -1)]
)
def test_bad_requests_are_named(name: str, seconds: float, seed: int) -> None:
    with pytest.raises(UserError):
        make_motion(name, seconds, seed)


# -- speech ---------------------------------------------------------------------------------------


def test_lips_meet_at_bilabials_and_part_at_vowels() -> None:
    speech = draw_speech(np.random.default_rng(1), 20.0)
    times = np.array([sound.middle_s for sound in speech.sounds])
    units = spoken_units(speech, times)
    gaps = np.array(
        [lip_gap({unit: float(v[n]) for unit, v in units.items()}) for n in range(len(times))]
    )
    names = np.array([sound.name for sound in speech.sounds])
    assert gaps[names == "b"].max() < lip_gap({})
    assert np.median(gaps[names == "aa"]) > 0.08


def test_rounding_begins_before_the_sound() -> None:
    quiet = [Sound(name, v, i * 0.15, (i + 1) * 0.15, 1.0) for i, (name, v) in enumerate(spoken())]
    speech = Speech(tuple(quiet), (), ((0.0, 0.3),))
    before, within = spoken_units(speech, np.array([0.14, 0.225]))["mouthPucker"]
    assert 0.05 < before < within


def spoken() -> list[Any]:
    from faceloom.synth.speech import CONSONANTS, VOWELS

    return [("t", CONSONANTS["t"]), ("uw", VOWELS["uw"])]


def test_talk_has_syllables_and_pauses() -> None:
    speech = draw_speech(np.random.default_rng(3), 60.0)
    vowels = sum(sound.viseme.place == "vowel" for sound in speech.sounds)
    spoken_s = sum(end - start for start, end in speech.phrases_s)
    assert 3.5 < vowels / spoken_s < 5.5
    assert 0.6 < spoken_s / speech.phrases_s[-1][1] < 0.95


# -- lids and head --------------------------------------------------------------------------------


def test_lids_shut_faster_than_they_open() -> None:
    times = np.arange(0, 0.5, 0.001)
    closure = blink_shape(times)
    shut = times[closure > 0.95]
    assert 0.06 < shut[0] < 0.12
    assert 0.25 < times[closure > 0.05][-1] < 0.4
    assert closure[-1] == 0


def test_people_blink_every_few_seconds() -> None:
    starts = np.array(list(blink_times(np.random.default_rng(0), 600, 3.5)))
    assert 2.5 < 600 / len(starts) < 4.0
    assert np.diff(starts).min() > 0.3


def test_lids_go_down_with_the_eyes() -> None:
    motion = make_motion("read", 6, seed=1)
    down = np.array([state.gaze_deg[1] for state in motion])
    open_ = column(motion, "eyeBlinkLeft") < 0.05
    assert np.corrcoef(down[open_], column(motion, "eyeLookDownLeft")[open_])[0, 1] > 0.99
    assert down.mean() > 3


def test_eyes_stay_on_their_target_while_the_head_turns() -> None:
    motion = make_motion("talk", 10, seed=6)
    yaw = np.array([state.pose.yaw_deg for state in motion])
    eyes = np.array([state.gaze_deg[0] for state in motion])
    assert np.corrcoef(np.diff(yaw), np.diff(eyes))[0, 1] < 0
    assert np.std(np.median(yaw + eyes)) < 1


def test_heads_have_momentum() -> None:
    times = np.arange(0, 2, 0.001)
    turn = with_momentum(times, [0.0, 0.5], [0.0, 10.0], settling_s=0.6)
    assert turn[500] == 0
    assert turn[1100] == pytest.approx(9.0, abs=0.2)
    assert np.abs(np.diff(turn, 2)).max() < 1e-3
    assert turn.max() <= 10


def test_extremes_reach_far() -> None:
    motion = make_motion("extremes", 16, seed=1)
    assert max(abs(state.pose.yaw_deg) for state in motion) > 42
    assert column(motion, "jawOpen").max() > 0.6
    assert column(motion, "mouthSmileLeft").max() > 0.7
