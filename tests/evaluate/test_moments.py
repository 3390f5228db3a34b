"""Planted faults are found where they are, and named; a perfect result has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.evaluate.test_figures import with_result
from tests.evaluate.toy_face import calm

from faceloom.evaluate.evaluation import Clip
from faceloom.evaluate.moments import curves_of, spectrum_of, worst_frames
from faceloom.evaluate.observe import Observed, Pair


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
    ],
)
def test_a_planted_fault_is_found_and_named(
    name: str, frame: int, value: float, words: str
) -> None:
    one = planted(name, frame, value)
    found = worst_frames([one], [clip(one)])
    assert (found[0].frame, found[0].reason) == (frame, words)
    assert found[0].severity > 3.5


def test_a_speck_is_named() -> None:
    one = calm(200)
    specks = np.full(200, 0.4, np.float32)
    specks[80] = 3.0
    found = worst_frames([replace(one, singles=one.singles | {"specks": specks})], [clip(one)])
    assert (found[0].frame, found[0].reason) == (80, "a coloured speck shows")


def test_a_lost_face_and_a_leak_are_named() -> None:
    one = calm(200)
    lost = np.zeros(200, bool)
    lost[30] = True
    seam, cast = np.zeros((2, 200), np.float32)
    seam[100], cast[70] = 25, 9
    leak = np.zeros(200, np.float32)
    leak[150] = 0.02
    one = replace(one, missed_T=lost,
                  singles=one.singles | {"seam": seam, "outside_changed": leak,
                                         "colour_cast": cast})  # fmt: skip
    found = worst_frames([one], [clip(one)])
    assert {moment.frame: moment.reason for moment in found} == {
        30: "the face is lost", 70: "the face's colour does not fit its surroundings",
        100: "an edge shows around the face",
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


def test_two_faults_close_together_are_both_shown() -> None:
    one = planted("sharpness", 58, 0.2)
    gain = np.full(200, 0.8)
    gain[51] = 0.1
    found = worst_frames([one], [clip(one)], [gain])
    assert {moment.frame: moment.reason for moment in found} == {
        51: "it looks less like B", 58: "the face is blurred"
    }  # fmt: skip


def test_a_moment_of_another_face_is_named() -> None:
    one = calm(200)
    gain = np.full(200, 0.8)
    gain[120:124] = 0.1
    found = worst_frames([one], [clip(one)], [gain])
    assert [moment.reason for moment in found] == ["it looks less like B"]
    assert 120 <= found[0].frame < 124


def test_without_bad_frames_the_least_good_are_shown_and_few_of_them() -> None:
    one = calm(200)
    seam = np.zeros(200, np.float32)
    seam[20::25] = np.linspace(4.5, 6.5, 8)
    found = worst_frames([replace(one, singles=one.singles | {"seam": seam})], [clip(one)])
    assert [moment.frame for moment in found] == [195, 170, 145, 120]
    assert all(2 <= moment.severity < 3.5 for moment in found)


def test_a_flicker_stands_out_of_the_spectrum_at_its_rate() -> None:
    one = calm(200)
    wave = 4 * np.sin(2 * np.pi * 6.25 * np.arange(200) / 25)[:, None].astype(np.float32)
    footage = one.brightness_TB.footage
    found = spectrum_of([replace(one, brightness_TB=Pair(footage + wave, footage))])
    assert found is not None
    top = int(np.argmax(found.result))
    assert found.hz[top] == pytest.approx(6.25, abs=0.2)
    assert np.sqrt(np.sum(np.square(found.result))) == pytest.approx(4 / np.sqrt(2), rel=0.05)
    assert max(found.footage) == pytest.approx(0, abs=1e-4)
    assert spectrum_of([calm(10)]) is None


def test_curves_have_one_value_a_frame_of_all_clips() -> None:
    one, other = calm(60), calm(40)
    curves = curves_of([one, other], {}, {})
    assert {len(curve.values) for curve in curves} == {100}
    by_name = {curve.name: curve for curve in curves}
    assert by_name["mouth"].values == by_name["mouth"].footage
    assert by_name["flicker"].values[0] is None
