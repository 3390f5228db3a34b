"""Planted faults are found where they are, and named; a perfect result has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.evaluate.test_figures import with_result
from tests.evaluate.toy_face import calm

from faceloom.evaluate.evaluation import Clip, Figure
from faceloom.evaluate.moments import curves_of, summary_of, worst_frames
from faceloom.evaluate.observe import Observed, Pair

NOTHING = Figure(None)
GOOD = {
    "identity_gain": Figure(0.81), "identity_gain_training": Figure(0.7),
    "mouth_correlation": Figure(0.95), "lip_lag_s": Figure(0.0), "outside_changed": Figure(0.0),
    "sound_kept": Figure(1.0),
}  # fmt: skip


def clip(one: Observed, first: int = 0) -> Clip:
    return Clip("talk", "a.mp4", "b.mp4", one.frames, first, one.rate, 64, 64, "ab", "cd")


def planted(name: str, frame: int, value: float) -> Observed:
    one = calm(200)
    series = one.pairs[name].footage.copy()
    series[frame] = value
    return with_result(one, **{name: series})


def test_a_perfect_result_has_no_worst_frames() -> None:
    assert worst_frames([calm()], [clip(calm())]) == ()


@pytest.mark.parametrize(
    ("name", "frame", "value", "words"),
    [
        ("mouth", 106, 0.0, "the mouth is shut where the footage's is open"),
        ("mouth", 106, 0.9, "the mouth is wider open than the footage's"),
        ("eyes", 81, 0.4, "the eyes are open where the footage's are shut"),
        ("eyes", 70, 0.02, "the eyes are shut where the footage's are open"),
        ("yaw", 50, 60.0, "the head is turned 20° away from the footage's"),
        ("gaze_yaw", 50, 46.0, "the eyes look 45° elsewhere"),
        ("jitter", 50, 4.0, "the face jumps where the footage's does not"),
        ("warp_error", 50, 30.0, "the face changes all at once"),
        ("sharpness", 50, 0.2, "the face is blurred"),
        ("colour", 50, 12.0, "the face's colour does not fit its surroundings"),
    ],
)
def test_a_planted_fault_is_found_and_named(
    name: str, frame: int, value: float, words: str
) -> None:
    one = planted(name, frame, value)
    found = worst_frames([one], [clip(one)])
    assert (found[0].frame, found[0].reason) == (frame, words)
    assert found[0].severity > 3.5


def test_a_lost_face_and_a_leak_are_named() -> None:
    one = calm(200)
    lost = np.zeros(200, bool)
    lost[30] = True
    seam = np.zeros(200, np.float32)
    seam[100] = 25
    leak = np.zeros(200, np.float32)
    leak[150] = 0.02
    one = replace(one, missed_T=lost,
                  singles=one.singles | {"seam": seam, "outside_changed": leak})  # fmt: skip
    found = worst_frames([one], [clip(one)])
    assert {moment.frame: moment.reason for moment in found} == {
        30: "the face is lost", 100: "an edge shows around the face",
        150: "something changed outside the face",
    }  # fmt: skip
    assert [moment.severity for moment in found] == sorted((m.severity for m in found),
                                                           reverse=True)  # fmt: skip


def test_neighbours_are_shown_once_and_clips_count_on() -> None:
    one = calm(200)
    mouth = one.pairs["mouth"].footage.copy()
    mouth[50:56] = 0.9
    broken = with_result(one, mouth=mouth)
    found = worst_frames([one, broken], [clip(one), clip(one, 200)])
    assert len(found) == 1
    assert 250 <= found[0].frame < 256


def flickering(start: int, end: int, frames: int = 200) -> Observed:
    one = calm(frames)
    wave = np.zeros((frames, 1), np.float32)
    wave[start:end, 0] = 9 * np.sin(2 * np.pi * 9 * np.arange(start, end) / 25)
    footage = one.brightness_TB.footage
    return replace(one, brightness_TB=Pair(footage + wave, footage))


def test_the_summary_of_a_good_result() -> None:
    one = calm()
    assert summary_of(GOOD, [one], [clip(one)]) == (
        "looks like B: 0.81 of a real photo; lips follow; steady"
    )


def test_the_summary_says_when_it_flickers() -> None:
    one = flickering(75, 110)
    words = summary_of(GOOD, [one], [clip(one)])
    assert "flicker at 0:03-0:04" in words
    everywhere = flickering(0, 200)
    assert "flicker throughout" in summary_of(GOOD, [everywhere], [clip(everywhere)])
    several = summary_of(GOOD, [one, calm()], [clip(one), clip(one, 200)])
    assert "flicker in 1 of 2 clips" in several


def test_the_summary_says_what_is_wrong() -> None:
    one = calm()
    lost = np.zeros(100, bool)
    lost[:3] = True
    bad = GOOD | {
        "identity_gain": NOTHING, "mouth_correlation": Figure(0.2), "outside_changed": Figure(0.02),
        "sound_kept": Figure(0.0),
    }  # fmt: skip
    words = summary_of(bad, [replace(one, missed_T=lost)], [clip(one)])
    assert "no judge" in words
    assert "lips do not follow" in words
    assert "the face is lost in 3 frames" in words
    assert "2.0% of the picture outside the face changed" in words
    assert "the sound was changed" in words
    late = GOOD | {"lip_lag_s": Figure(0.12)}
    assert "lips are 0.12 s late" in summary_of(late, [one], [clip(one)])


def test_curves_have_one_value_a_frame_of_all_clips() -> None:
    one, other = calm(60), calm(40)
    curves = curves_of([one, other], {}, {})
    assert {len(curve.values) for curve in curves} == {100}
    by_name = {curve.name: curve for curve in curves}
    assert by_name["mouth"].values == by_name["mouth"].footage
    assert by_name["flicker"].values[0] is None
