"""Figures of a drawn performance that is changed by known amounts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.evaluate.toy_face import calm, no_vectors

from faceloom.evaluate import figures
from faceloom.evaluate.evaluation import Figure
from faceloom.evaluate.figures import Sound
from faceloom.evaluate.likeness import Pictures
from faceloom.evaluate.observe import Observed, Pair, Vectors

SILENT = Sound(None, None)


def with_result(one: Observed, **series: np.ndarray) -> Observed:
    pairs = dict(one.pairs)
    for name, values in series.items():
        pairs[name] = Pair(np.asarray(values, np.float32), pairs[name].footage)
    return replace(one, pairs=pairs)


def kept(one: Observed, sound: Sound = SILENT) -> dict[str, float | None]:
    return {name: figure.value for name, figure in figures.kept_figures([one], [sound]).items()}


def steady(one: Observed) -> dict[str, float | None]:
    return {name: figure.value for name, figure in figures.video_figures([one]).items()}


def test_the_same_clip_keeps_everything() -> None:
    found = kept(calm())
    assert found["mouth_correlation"] == pytest.approx(1)
    assert found["eye_correlation"] == pytest.approx(1)
    assert found["mouth_range"] == found["eye_range"] == pytest.approx(1)
    assert found["expression_error"] == found["pose_error_deg"] == found["gaze_error_deg"] == 0
    assert found["lip_lag_s"] == 0
    assert found["lip_audio_share"] is None
    still = steady(calm())
    assert still["warp_error_ratio"] == still["jitter_ratio"] == pytest.approx(1)
    assert still["flicker_levels"] == still["frames_missed"] == 0
    assert still["flicker_hz"] is None


@pytest.mark.parametrize("frames_late", [-3, 1, 3])
def test_late_lips_are_late_by_so_much(frames_late: int) -> None:
    one = calm(200)
    found = kept(with_result(one, mouth=np.roll(one.pairs["mouth"].footage, frames_late)))
    assert found["lip_lag_s"] == pytest.approx(frames_late / 25)
    assert found["mouth_correlation"] is not None
    assert found["mouth_correlation"] < 0.95


def test_a_stiff_mouth_is_half_as_lively() -> None:
    one = calm()
    found = kept(with_result(one, mouth=0.5 * one.pairs["mouth"].footage))
    assert found["mouth_range"] == pytest.approx(0.5)
    assert found["mouth_correlation"] == pytest.approx(1)


@pytest.mark.parametrize(("name", "figure"), [("mouth", "mouth"), ("eyes", "eye")])
def test_noise_of_a_still_face_is_not_followed(name: str, figure: str) -> None:
    one = calm()
    rng = np.random.default_rng(0)
    still = Pair(*(rng.normal(0.02, 0.006, (2, 100)).astype(np.float32)))
    found = figures.kept_figures([replace(one, pairs=one.pairs | {name: still})], [SILENT])
    for kind in ("correlation", "range"):
        assert found[f"{figure}_{kind}"].value is None
        assert "nothing to follow" in found[f"{figure}_{kind}"].note
    if name == "mouth":
        assert found["lip_lag_s"].value is None
    # A clip that moves beside it counts alone.
    two = figures.kept_figures(
        [replace(one, pairs=one.pairs | {name: still}), one], [SILENT, SILENT]
    )
    first, second = two[f"{figure}_correlation"].by_clip
    assert first is None
    assert second == pytest.approx(1)


def test_turned_heads_and_eyes_are_off_by_their_angles() -> None:
    one = calm()
    yaw = one.pairs["yaw"].footage
    askew = kept(with_result(one, yaw=yaw + 6))
    assert askew["pose_error_deg"] == pytest.approx(0)
    assert askew["pose_offset_deg"] == pytest.approx(2)
    nodding = kept(with_result(one, yaw=yaw + np.tile([6, -6], 50)))
    assert nodding["pose_error_deg"] == pytest.approx(2)
    assert nodding["pose_offset_deg"] == pytest.approx(0)
    gaze = one.pairs["gaze_yaw"].footage + 3
    pitch = one.pairs["gaze_pitch"].footage - 4
    assert kept(with_result(one, gaze_yaw=gaze, gaze_pitch=pitch))["gaze_error_deg"] == (
        pytest.approx(5)
    )


def test_a_mere_still_has_no_motion_to_keep() -> None:
    found = kept(calm(4))
    for name in ("expression_error", "pose_error_deg", "pose_offset_deg"):
        assert found[name] is None
    assert kept(calm(5))["expression_error"] == 0


def test_shut_eyes_have_no_gaze() -> None:
    one = calm()
    shut = one.pairs["eyes"].footage < 0.1
    gaze = one.pairs["gaze_yaw"].footage + np.where(shut, 40, 1)
    assert kept(with_result(one, gaze_yaw=gaze))["gaze_error_deg"] == pytest.approx(1, abs=1e-5)


def test_lips_follow_the_sound_as_much_as_the_footages_do() -> None:
    one = calm(200)
    mouth = one.pairs["mouth"].footage
    loudness = 20 * mouth.astype(np.float64) - 40
    shares = []
    for noise in (0.0, 0.05, 0.1, 0.3):
        blurred = mouth + noise * np.random.default_rng(0).normal(0, 1, 200)
        shares.append(kept(with_result(one, mouth=blurred), Sound(loudness, 1.0))[
            "lip_audio_share"
        ])  # fmt: skip
    assert shares[0] == pytest.approx(1)
    assert shares == sorted(shares, key=lambda share: -(share or 0))
    unrelated = Sound(np.random.default_rng(1).normal(0, 1, 200), 1.0)
    assert kept(one, unrelated)["lip_audio_share"] is None


def test_shaking_and_change_are_relative_to_the_footages_own() -> None:
    one = calm()
    shaky = with_result(one, jitter=3 * one.pairs["jitter"].footage,
                        warp_error=1.5 * one.pairs["warp_error"].footage)  # fmt: skip
    found = steady(shaky)
    assert found["jitter_ratio"] == pytest.approx(3)
    assert found["warp_error_ratio"] == pytest.approx(1.5)


def test_lost_faces_are_counted() -> None:
    one = calm()
    lost = np.zeros(100, bool)
    lost[10:15] = True
    assert steady(replace(one, missed_T=lost))["frames_missed"] == pytest.approx(0.05)


def test_flicker_is_measured_against_the_footages_brightness() -> None:
    one = calm(200)
    wave = 4 * np.sin(2 * np.pi * 9 * np.arange(200) / 25)[:, None]
    footage = one.brightness_TB.footage
    flickering = replace(one, brightness_TB=Pair(footage + wave.astype(np.float32), footage))
    found = steady(flickering)
    assert found["flicker_levels"] == pytest.approx(4 / np.sqrt(2), rel=0.15)
    assert found["flicker_hz"] == pytest.approx(9, abs=0.4)


def vectors(result: np.ndarray, footage: np.ndarray) -> Vectors:
    return Vectors(np.arange(len(result)) * 5, result.astype(np.float32),
                   footage.astype(np.float32))  # fmt: skip


def people(rng: np.random.Generator, middle: np.ndarray, count: int = 20) -> np.ndarray:
    rows = middle + rng.normal(0, 0.1, (count, 32))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_identity_by_all_networks_at_hand() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (2, 32))
    face = Pictures(people(rng, b).astype(np.float32), np.arange(20))
    gains, cosines = [], []
    for share in (0.0, 0.5, 1.0):
        rows = vectors(people(rng, (1 - share) * a + share * b), people(rng, a))
        one = replace(calm(), identities={"judge": rows, "training": rows})
        found, scales = figures.identity_figures([one], {"judge": face, "training": face})
        assert found["identity_gain"].value == found["identity_gain_training"].value
        assert found["identity_disagreement"].value == 0
        assert found["identity_gain_third"].value is None
        assert found["identity_gain_third"].note
        assert scales["judge"].known
        gains.append(found["identity_gain"].value)
        assert found["identity_gain"].low is not None
        cosines.append([found[f"identity_{of}"].value or 0.0 for of in ("face", "footage")])
    own, before = (scales["judge"].best, scales["judge"].before)
    assert [pair[0] for pair in cosines] == sorted(pair[0] for pair in cosines)
    assert [pair[1] for pair in cosines] == sorted((pair[1] for pair in cosines), reverse=True)
    assert [cosines[0][0], cosines[2][0]] == pytest.approx([before, own], abs=0.03)
    assert cosines[2][1] == pytest.approx(before, abs=0.03)
    assert gains[0] == pytest.approx(0, abs=0.05)
    assert 0.3 < (gains[1] or 0) < 0.8
    assert gains[2] == pytest.approx(1, abs=0.05)
    hits = figures.retrieval_figures([one], "judge", face, people(rng, rng.normal(0, 1, 32), 30))
    assert hits["retrieval_top1"].value == 1
    assert "among 32 people" in hits["retrieval_top1"].note


def test_a_wandering_identity_wanders_by_the_square_of_its_reach() -> None:
    angle = np.linspace(-0.1, 0.1, 21)
    footage = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    found = []
    for reach in (0, 1, 2, 3):
        rows = np.stack([np.cos(reach * angle), np.sin(reach * angle)], axis=1)
        one = replace(calm(), identities={"judge": vectors(rows, footage)})
        found.append(figures.video_figures([one])["identity_spread_ratio"].value)
    assert found == pytest.approx([0, 1, 4, 9], rel=0.05, abs=1e-6)


def test_networks_that_see_different_people_disagree_by_that() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (2, 32))
    face = Pictures(people(rng, b).astype(np.float32), np.arange(20))
    found = []
    for share in (1.0, 0.5, 0.0):
        rows = {
            "judge": vectors(people(rng, b), people(rng, a)),
            "third": vectors(people(rng, (1 - share) * a + share * b), people(rng, a)),
        }
        one = replace(calm(), identities=rows)
        taken, _ = figures.identity_figures([one], {"judge": face, "third": face})
        found.append(taken["identity_disagreement"].value)
    assert found == sorted(found, key=lambda value: value or 0)
    assert [found[0], found[2]] == pytest.approx([0, 1], abs=0.05)


def test_retrieval_counts_the_frames_in_the_first_places() -> None:
    rng = np.random.default_rng(0)
    a, b = np.eye(32)[:2]
    others = np.eye(32)[2:8]
    face = Pictures(people(rng, b).astype(np.float32), np.arange(20))
    # Six people are as near as this one; four lie before it; none does.
    sixth, fifth = 0.3 * b + others.sum(axis=0), 0.3 * b + others[:4].sum(axis=0)
    found = []
    for nearest in (0, 5, 10, 20):
        middles = [b] * nearest + [fifth] * (20 - nearest) if nearest else [sixth] * 20
        rows = np.stack([people(rng, middle, 1)[0] for middle in middles])
        one = replace(calm(), identities={"judge": vectors(rows, people(rng, a))})
        hits = figures.retrieval_figures([one], "judge", face, others)
        found.append((hits["retrieval_top1"].value, hits["retrieval_top5"].value))
    assert found == [(0, 0), (0.25, 1), (0.5, 1), (1, 1)]


def test_stiff_eyes_are_half_as_lively_and_still_ones_do_not_follow() -> None:
    one = calm()
    eyes = one.pairs["eyes"].footage
    stiff = kept(with_result(one, eyes=0.5 * eyes + 0.1))
    assert stiff["eye_range"] == pytest.approx(0.5, abs=1e-4)
    assert stiff["eye_correlation"] == pytest.approx(1)
    rng = np.random.default_rng(0)
    follows = [kept(with_result(one, eyes=eyes + noise * rng.normal(0, 0.1, 100)))[
        "eye_correlation"
    ] for noise in (0.0, 0.5, 2.0, 8.0)]  # fmt: skip
    assert follows == sorted(follows, key=lambda value: -(value or 0))
    assert kept(with_result(one, eyes=np.full(100, 0.3)))["eye_correlation"] == 0


def test_another_expression_is_as_far_off_as_it_is() -> None:
    one = calm()
    own = one.points_TP2.footage
    errors = [
        kept(replace(one, points_TP2=Pair(share * own, own)))["expression_error"]
        for share in (1.0, 0.5, 0.0)
    ]
    whole = float(np.linalg.norm(own - own.mean(axis=0), axis=2).mean())
    assert errors == pytest.approx([0, whole / 2, whole], rel=1e-4)


def test_colours_and_edges_are_the_mean_over_the_frames() -> None:
    one = calm()
    singles = one.singles | {"colour_cast": np.linspace(0, 8, 100, dtype=np.float32),
                             "seam": np.full(100, 3, np.float32)}  # fmt: skip
    changed = with_result(replace(one, singles=singles), colour=np.full(100, 7),
                          sharpness=0.4 * one.pairs["sharpness"].footage)  # fmt: skip
    found = figures.look_figures([changed], np.ones((4, 8)))
    assert found["colour_excess"].value == pytest.approx(4)
    assert found["colour_difference"].value == pytest.approx(7)
    assert found["seam_energy"].value == pytest.approx(3)
    assert found["sharpness_ratio"].value == pytest.approx(0.4)


def test_specks_are_those_of_the_worst_tenth_of_the_frames() -> None:
    specks = np.full(100, 0.5, np.float32)
    specks[40:45] = 2.5
    one = calm()
    found = figures.look_figures(
        [replace(one, singles=one.singles | {"specks": specks})], np.ones((4, 8))
    )
    assert found["specks"].value == pytest.approx((5 * 2.5 + 5 * 0.5) / 10)


def test_the_same_two_people_have_no_gain_and_a_reason() -> None:
    rng = np.random.default_rng(0)
    rows = people(rng, np.ones(32))
    face = Pictures(rows.astype(np.float32), np.arange(20))
    one = replace(calm(), identities={"training": vectors(rows, rows)})
    found, _ = figures.identity_figures([one], {"training": face})
    assert found["identity_gain_training"].value is None
    assert "too alike" in found["identity_gain_training"].note
    assert found["identity_gain"] == Figure(None, note=found["identity_gain"].note)


def test_clips_without_a_judged_frame_say_so() -> None:
    one = replace(calm(), identities={"judge": no_vectors()})
    face = Pictures(np.eye(4, dtype=np.float32), np.arange(4))
    found, scales = figures.identity_figures([one], {"judge": face})
    found |= figures.retrieval_figures([one], "judge", face, np.eye(4))
    for name in ("identity_gain", "identity_face", "retrieval_top1"):
        assert found[name].value is None
        assert "no frame could be judged" in found[name].note
    assert scales == {}
    assert figures.video_figures([one])["identity_spread_ratio"].value is None


def test_looks_of_equal_clips_are_equal() -> None:
    rng = np.random.default_rng(0)
    rows = np.abs(rng.normal(1, 0.1, (60, 256)))
    one = replace(calm(300), features=vectors(rows, rows))
    found = figures.look_figures([one], rows[::2])
    assert found["sharpness_ratio"].value == pytest.approx(1)
    assert found["colour_excess"].value == 0
    assert found["seam_energy"].value == 0
    assert found["kernel_distance"].value == pytest.approx(0, abs=1e-9)
    assert found["frechet_distance"].value == pytest.approx(0, abs=1e-9)
    assert found["kernel_distance"].sample == 60
    assert "60 crops" in found["kernel_distance"].note
    assert found["checkerboard_db"].value is None
    worse = [
        figures.look_figures([replace(one, features=vectors(rows * f, rows))], rows)
        for f in (1.0, 1.05, 1.2)
    ]
    for name in ("kernel_distance", "frechet_distance", "kernel_distance_face"):
        values = [each[name].value for each in worse]
        assert values == sorted(values, key=lambda value: value or 0)


def test_nothing_else_changed() -> None:
    one = calm()
    found = figures.unchanged_figures([one], [Sound(None, 1.0)])
    assert found["outside_error"].value == found["outside_changed"].value == 0
    assert found["time_error_s"].value == found["frames_differ"].value == 0
    assert found["sound_kept"].value == 1
    assert found["sound_delay_s"].value is None
    late = figures.unchanged_figures([one], [Sound(None, 0.4, -0.12)])
    assert late["sound_kept"].value == pytest.approx(0.4)
    assert late["sound_delay_s"].value == pytest.approx(-0.12)
    leaks = {"outside_error": np.full(100, 2, np.float32),
             "outside_changed": np.repeat(np.array([0, 0.1], np.float32), 50)}  # fmt: skip
    leaky = figures.unchanged_figures([replace(one, singles=one.singles | leaks)], [SILENT])
    assert leaky["outside_error"].value == pytest.approx(2)
    assert leaky["outside_changed"].value == pytest.approx(0.05)
    singles = one.singles | {"time_error_s": np.linspace(0, 0.04, 100, dtype=np.float32)}
    other = replace(one, singles=singles, extra_frames=-1)
    found = figures.unchanged_figures([other], [SILENT])
    assert found["time_error_s"].value == pytest.approx(0.04)
    assert found["frames_differ"].value == 1
    assert found["sound_kept"].value is None
