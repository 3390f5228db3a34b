"""Scores of whole results against a drawn pair, whose answers are known."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from tests.evaluate.toy_face import mesh_at
from tests.toy_pair import FRAMES, SIZE_PX, make_toy_pair, write_pictures

from faceloom.errors import UserError
from faceloom.evaluate.keyed_pair import KeyedPair
from faceloom.evaluate.keyscores import (
    FrameGains,
    People,
    Scored,
    _Looks,
    mesh_errors,
    score_result,
)
from faceloom.evaluate.strips import write_strip
from faceloom.faces.expression import eye_span_px
from faceloom.faces.eyes import EyesSeen
from faceloom.geometry import Similarity
from faceloom.image import RGB, read_image
from faceloom.video import read_frames


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> KeyedPair:
    return KeyedPair.open(make_toy_pair(tmp_path_factory.mktemp("toy") / "toy-1a"))


def keys(pair: KeyedPair, folder: str = "key") -> list[RGB]:
    return [read_image(pair.path / folder / f"{i:06d}.png") for i in range(FRAMES)]


def score(pair: KeyedPair, place: Path, pictures: list[np.ndarray]) -> Scored:
    return score_result(pair, write_pictures(place, pictures), None)


def test_the_key_itself_is_perfect(pair: KeyedPair) -> None:
    scores = score_result(pair, pair.key, None).scores
    assert scores.gain == 1
    assert scores.ssim == pytest.approx(1)
    assert scores.temporal_error == 0
    assert scores.psnr_db > 58
    assert scores.nearer_tone == "footage"
    assert scores.frames == FRAMES
    assert scores.identity_margin is None


def test_the_footage_gains_nothing_and_leaks_nothing(pair: KeyedPair) -> None:
    scored = score_result(pair, pair.footage, None, seconds_per_frame=0.0)
    assert scored.scores.gain == pytest.approx(0)
    assert scored.scores.gain_own_tone == pytest.approx(0)
    assert scored.scores.leakage == 0
    assert scored.per_frame.gain_T == pytest.approx(np.zeros(FRAMES))


def test_the_own_tone_is_told_apart(pair: KeyedPair) -> None:
    scores = score_result(pair, pair.path / "key-own", None).scores
    assert scores.nearer_tone == "own"
    assert scores.gain_own_tone == 1
    assert scores.gain < 0.5


def test_blur_recolouring_and_flicker_move_the_right_way(pair: KeyedPair, tmp_path: Path) -> None:
    best = score_result(pair, pair.key, None).scores
    blurred = score(pair, tmp_path / "blur", [cv2.GaussianBlur(p, (0, 0), 2) for p in keys(pair)])
    assert blurred.scores.gain < best.gain
    assert blurred.scores.ssim < best.ssim
    assert blurred.scores.leakage > 0
    tinted = score(pair, tmp_path / "tint", [p // 10 * 9 for p in keys(pair)])
    assert tinted.scores.gain < best.gain
    assert tinted.scores.ssim > blurred.scores.ssim
    flicker = [p - np.uint8(12 * (i % 2)) for i, p in enumerate(keys(pair))]
    assert score(pair, tmp_path / "flicker", flicker).scores.temporal_error == pytest.approx(
        12, abs=0.5
    )


def test_the_way_to_the_answer_is_measured_by_its_square(pair: KeyedPair, tmp_path: Path) -> None:
    footage = [frame.rgb.astype(float) for frame in read_frames(pair.footage)]
    for share in (0.0, 0.5, 0.8):
        mixed = [np.round(f + share * (k - f)).astype(np.uint8)
                 for f, k in zip(footage, keys(pair), strict=True)]  # fmt: skip
        found = score(pair, tmp_path / f"{share}", mixed).scores
        assert found.gain == pytest.approx(1 - (1 - share) ** 2, abs=0.01)


def test_an_offset_has_its_own_noise_ratio_and_leak(pair: KeyedPair, tmp_path: Path) -> None:
    ratios, footage = [], [frame.rgb for frame in read_frames(pair.footage)]
    for levels in (2, 6, 18):
        offset = [picture + np.uint8(levels) for picture in keys(pair)]
        found = score(pair, tmp_path / f"{levels}", offset).scores
        assert found.psnr_db == pytest.approx(20 * np.log10(255 / levels), abs=0.01)
        ratios.append(found.ssim)
        leaky = [picture + np.uint8(levels) for picture in footage]
        leak = score(pair, tmp_path / f"leak-{levels}", leaky).scores.leakage
        assert leak == pytest.approx(levels, rel=1e-3)
    assert ratios == sorted(ratios, reverse=True)


def test_the_worst_and_the_median_frame_are_found(pair: KeyedPair, tmp_path: Path) -> None:
    pictures = keys(pair)
    footage = [frame.rgb for frame in read_frames(pair.footage)]
    pictures[3] = footage[3]
    pictures[1] = (pictures[1].astype(int) + footage[1]).astype(int) // 2
    pictures[1] = pictures[1].astype(np.uint8)
    scored = score(pair, tmp_path / "mixed", pictures)
    assert scored.per_frame.worst == 3
    assert scored.per_frame.gain_T[3] == pytest.approx(0)
    assert 0.5 < scored.per_frame.gain_T[1] < 1
    strip = write_strip(pair, tmp_path / "mixed", scored.per_frame, tmp_path / "strip.png")
    height, width = read_image(strip).shape[:2]
    assert width > 4 * SIZE_PX
    assert height > 2 * SIZE_PX


def test_the_median_is_a_frame_of_its_own() -> None:
    assert FrameGains(np.array([0.1, 0.9, 0.4, 0.5])).median == 2
    assert FrameGains(np.array([0.3])).median == 0


def test_a_result_of_another_length_or_size_is_refused(pair: KeyedPair, tmp_path: Path) -> None:
    few = write_pictures(tmp_path / "few", keys(pair)[:-1])
    many = write_pictures(tmp_path / "many", [*keys(pair), keys(pair)[0]])
    small = write_pictures(tmp_path / "small", [p[:32, :32] for p in keys(pair)])
    for result, words in ((few, "has 4 frames"), (many, "has 6 frames"), (small, "32x32")):
        with pytest.raises(UserError, match=words):
            score_result(pair, result, None)
    with pytest.raises(UserError, match="does not exist"):
        score_result(pair, tmp_path / "none", None)


def test_an_incomplete_pair_is_refused(pair: KeyedPair, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no pair folder"):
        KeyedPair.open(tmp_path)
    broken = shutil.copytree(pair.path, tmp_path / "broken")
    shutil.rmtree(broken / "key-own")
    with pytest.raises(UserError, match="lacks key-own"):
        KeyedPair.open(broken)


def test_mesh_errors_are_as_large_as_the_change() -> None:
    key = mesh_at()
    span_px = float(eye_span_px(key))
    found = [mesh_errors(key + np.array([share * span_px, 0, 0], np.float32), key)
             for share in (0.0, 0.02, 0.06)]  # fmt: skip
    assert [one["landmark_error"] for one in found] == pytest.approx([0, 0.02, 0.06], abs=1e-4)
    # Where the face is does not count for expression, pose and opening.
    for name in ("expression_error", "pose_error_deg", "mouth_error"):
        assert [one[name] for one in found] == pytest.approx([0, 0, 0], abs=1e-3)
    gape = [mesh_errors(opened(key, share * span_px), key) for share in (0.0, 0.05, 0.1)]
    assert [one["mouth_error"] for one in gape] == pytest.approx([0, 0.05, 0.1], rel=0.05)
    expressions = [one["expression_error"] for one in gape]
    assert expressions == sorted(expressions)
    assert expressions[2] == pytest.approx(2 * expressions[1], rel=0.05)


def test_a_tilted_head_is_off_by_its_angle() -> None:
    key = mesh_at()
    middle = key[:, :2].mean(axis=0)
    for degrees in (3.0, 6.0, 12.0):
        turn = Similarity.from_parts(1.0, degrees)
        tilted = key.copy()
        tilted[:, :2] = turn.apply(key[:, :2] - middle) + middle
        found = mesh_errors(tilted, key)
        assert found["pose_error_deg"] == pytest.approx(degrees / 3, rel=0.1)
        assert found["expression_error"] == pytest.approx(0, abs=1e-4)


def test_eyes_are_off_by_their_angle_and_gap(pair: KeyedPair) -> None:
    class Reader:
        """Tells what it is given to look at."""

        def look(self, seen: EyesSeen, _: object) -> EyesSeen:
            return seen

    looks = _Looks(pair, None)
    looks._eyes = Reader()  # type: ignore[assignment]
    ahead, mesh = EyesSeen(0.3, 0, 0), mesh_at()
    for seen in (EyesSeen(0.3, 3, -4), EyesSeen(0.25, 0, 0), EyesSeen(0.05, 60, 0)):
        looks._compare_eyes(SimpleNamespace(result=seen, key=ahead), mesh, mesh)  # type: ignore[arg-type]
    assert looks.values["gaze_error_deg"] == pytest.approx([5, 0])  # Shut eyes have no gaze.
    assert looks.values["eye_error"] == pytest.approx([0, 0.05, 0.25])


def test_the_margin_is_1_at_the_face_and_minus_1_at_the_footage() -> None:
    face, footage = np.eye(8)[:2]
    people = People(face, footage)
    ways = [np.asarray((1 - share) * footage + share * face, np.float32)
            for share in (0.0, 0.5, 0.8, 1.0)]  # fmt: skip
    margins = [people.margin([way]) for way in ways]
    assert margins == sorted(margins)
    assert [margins[k] for k in (0, 1, 3)] == pytest.approx([-1, 0, 1], abs=1e-6)


def opened(mesh: np.ndarray, gap_px: float) -> np.ndarray:
    """The lower lip lowered."""
    lowered = mesh.copy()
    lowered[[14, 87, 317, 86, 316, 15, 16, 17], 1] += np.float32(gap_px)
    return lowered
