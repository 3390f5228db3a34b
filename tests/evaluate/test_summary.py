"""The line that sums an evaluation up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.evaluate.toy_face import calm

from faceloom.evaluate.evaluation import Clip, Figure
from faceloom.evaluate.observe import Observed, Pair
from faceloom.evaluate.summary import summary_of

NOTHING = Figure(None)
GOOD = {
    "identity_gain": Figure(0.81), "identity_gain_training": Figure(0.7),
    "identity_gain_third": Figure(0.75),
    "mouth_correlation": Figure(0.95), "lip_lag_s": Figure(0.0), "outside_changed": Figure(0.0),
    "sound_kept": Figure(1.0), "sound_delay_s": Figure(0.0),
}  # fmt: skip


def clip(one: Observed, first: int = 0) -> Clip:
    return Clip("talk", "a.mp4", "b.mp4", one.frames, first, one.rate, 64, 64, "ab", "cd")


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
    half = summary_of(GOOD, [everywhere, calm()], [clip(everywhere), clip(one, 200)])
    assert "flicker in 1 of 2 clips" in half
    both = summary_of(GOOD, [everywhere] * 2, [clip(everywhere), clip(everywhere, 200)])
    assert "flicker throughout" in both


def test_the_summary_says_what_is_wrong() -> None:
    one = calm()
    lost = np.zeros(100, bool)
    lost[:3] = True
    bad = GOOD | {
        "identity_gain": NOTHING, "mouth_correlation": Figure(0.2), "outside_changed": Figure(0.02),
        "sound_kept": Figure(0.0),
    }  # fmt: skip
    words = summary_of(bad, [replace(one, missed_T=lost)], [clip(one)])
    assert "0.75 of a real photo (by the third network; there is no judge)" in words
    assert "lips do not follow" in words
    assert "the face is lost in 3 frames" in words
    assert "2.0% of the picture outside the face changed" in words
    assert "the sound was changed" in words
    late = GOOD | {"lip_lag_s": Figure(0.12)}
    assert "lips are 0.12 s late" in summary_of(late, [one], [clip(one)])
    early = GOOD | {"sound_delay_s": Figure(-0.2)}
    assert "the sound is 0.20 s early" in summary_of(early, [one], [clip(one)])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sharpness_ratio", 0.6, "soft (60% of the footage's sharpness)"),
        ("sharpness_ratio", 0.3, "very soft (30% of the footage's sharpness)"),
        ("eye_correlation", 0.2, "blinks do not follow"),
        ("seam_energy", 9.0, "an edge shows around the face"),
        ("colour_excess", 12.0, "its colour does not fit the surroundings"),
        ("specks", 3.0, "a coloured speck shows"),
        ("checkerboard_db", 12.0, "a fine pattern shows"),
        ("jitter_ratio", 2.0, "the face shakes"),
    ],
)
def test_the_summary_says_what_anybody_would_see(name: str, value: float, words: str) -> None:
    one = calm()
    told = summary_of(GOOD | {name: Figure(value)}, [one], [clip(one)])
    assert told == f"looks like B: 0.81 of a real photo; lips follow; {words}; steady"
