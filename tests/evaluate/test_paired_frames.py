"""Footage and result in step, and inputs that do not belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.toy_pair import drawn_frame, write_clip, write_pictures

from faceloom.errors import UserError
from faceloom.evaluate.paired_frames import (
    ClipPair,
    PairReport,
    check_pair,
    check_same,
    pair_clips,
    paired_frames,
    sha256_of,
)


def pictures(count: int, size: int = 64) -> list[np.ndarray]:
    return [drawn_frame(i % 5, (190, 140, 110), 0.9)[:size, :size] for i in range(count)]


def folder(place: Path, count: int, size: int = 64) -> Path:
    return write_pictures(place, pictures(count, size))


def test_frames_come_in_step(tmp_path: Path) -> None:
    pair = ClipPair("x", folder(tmp_path / "a", 6), folder(tmp_path / "b", 6))
    report = PairReport()
    moments = list(paired_frames(pair, report))
    assert check_pair(pair) == 6
    assert [moment.index for moment in moments] == list(range(6))
    assert (report.frames, report.extra_frames) == (6, 0)
    assert moments[5].footage_time_s == moments[5].result_time_s == 0.2
    assert (moments[3].footage == moments[3].result).all()


def test_a_clip_beside_its_frames(tmp_path: Path) -> None:
    frames = folder(tmp_path / "a", 6)
    pair = ClipPair("x", write_clip(tmp_path / "a.mp4", frames), frames)
    assert check_pair(pair) == 6
    assert len(list(paired_frames(pair))) == 6


def test_one_frame_cut_off_is_forgiven_and_noted(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", folder(tmp_path / "a", 6))
    report = PairReport()
    assert len(list(paired_frames(ClipPair("x", clip, folder(tmp_path / "b", 5)), report))) == 5
    assert report.extra_frames == -1


@pytest.mark.parametrize("count", [3, 9])
def test_another_length_is_one_clear_line(tmp_path: Path, count: int) -> None:
    clip = write_clip(tmp_path / "a.mp4", folder(tmp_path / "a", 6))
    pair = ClipPair("x", clip, folder(tmp_path / "b", count))
    with pytest.raises(UserError, match=f"has {count} frames, and its footage .* has 6"):
        list(paired_frames(pair))


def test_folders_of_another_length_are_told_before_reading(tmp_path: Path) -> None:
    pair = ClipPair("x", folder(tmp_path / "a", 6), folder(tmp_path / "b", 7))
    with pytest.raises(UserError, match="has 7 frames, and its footage"):
        check_pair(pair)


def test_another_size_is_one_clear_line(tmp_path: Path) -> None:
    pair = ClipPair("x", folder(tmp_path / "a", 6), folder(tmp_path / "b", 6, size=48))
    with pytest.raises(UserError, match=r"is 48x48 px, and its footage .* is 64x64 px"):
        check_pair(pair)
    with pytest.raises(UserError, match="is 48x48 px"):
        list(paired_frames(pair))


def test_clips_are_paired_by_name_or_in_order(tmp_path: Path) -> None:
    for side in ("a", "b"):
        for name in ("one", "two", "three"):
            folder(tmp_path / side / name, 2)
    found = pair_clips(tmp_path / "a", tmp_path / "b")
    assert all(pair.footage.name == pair.result.name == pair.name for pair in found)
    assert len(found) == 3
    folder(tmp_path / "c" / "first", 2)
    folder(tmp_path / "c" / "second", 2)
    with pytest.raises(UserError, match=r"clips in it 2, in .* 3, not called alike"):
        pair_clips(tmp_path / "a", tmp_path / "c")
    folder(tmp_path / "c" / "zeroth", 2)
    assert [p.footage.name for p in pair_clips(tmp_path / "a", tmp_path / "c")] == [
        "one", "three", "two",
    ]  # fmt: skip


def test_some_of_the_footages_clips_are_enough(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder(tmp_path / "a" / name, 2)
    folder(tmp_path / "b" / "two", 2)
    assert [pair.name for pair in pair_clips(tmp_path / "a", tmp_path / "b" / "two")] == ["two"]


def test_the_footage_itself_is_no_result(tmp_path: Path) -> None:
    place = folder(tmp_path / "a", 2)
    with pytest.raises(UserError, match="is the footage itself"):
        check_same([ClipPair("x", place, place)])


def test_hashes_tell_content_apart(tmp_path: Path) -> None:
    one, same = folder(tmp_path / "a", 3), folder(tmp_path / "b", 3)
    assert sha256_of(one) == sha256_of(same)
    (same / "000001.png").write_bytes((same / "000002.png").read_bytes())
    assert sha256_of(one) != sha256_of(same)
