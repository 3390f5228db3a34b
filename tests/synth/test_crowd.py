"""A crowd is what its seeds say, goes on where it stopped, and leaves another one alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceloom.errors import UserError
from faceloom.image import read_image
from faceloom.synth import crowd
from faceloom.synth.crowd import lenders, write_crowd


def pictures(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*.jpg"))}


def test_a_crowd_follows_from_its_seeds_and_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    seeds = (1000, 1003)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    count = write_crowd(
        seeds, whole, pictures=2, size_px=64, report=lambda status: told.append(status.detail)
    )
    found = pictures(whole)
    assert count == len(found) == 4
    assert told == ["person 1000", "person 1003"]
    first, second = (read_image(whole / "person-1000" / f"{n:03d}.jpg") for n in (0, 1))
    assert first.shape == (64, 64, 3)
    # Two takes: other light and another place.
    assert np.abs(first.astype(int) - second).mean() > 5

    write_takes = crowd._write_takes

    def stopping(*given: Any) -> None:
        if given[1].seed == 1003:
            raise KeyboardInterrupt
        write_takes(*given)

    monkeypatch.setattr(crowd, "_write_takes", stopping)
    with pytest.raises(KeyboardInterrupt):
        write_crowd(seeds, broken, pictures=2, size_px=64)
    monkeypatch.undo()
    kept = broken / "person-1000" / "000.jpg"
    made = kept.stat().st_mtime_ns
    write_crowd(seeds, broken, pictures=2, size_px=64)
    assert kept.stat().st_mtime_ns == made
    assert pictures(broken) == found


def test_a_crowd_says_what_it_cannot_do(tmp_path: Path) -> None:
    (tmp_path / "crowd.json").write_text("{}")
    with pytest.raises(UserError, match="another crowd"):
        write_crowd([1], tmp_path, pictures=2, size_px=64)
    with pytest.raises(UserError, match="no people"):
        write_crowd([], tmp_path / "new")
    with pytest.raises(UserError, match="at least one a take"):
        write_crowd([1], tmp_path / "new", pictures=1, takes=2)
    with pytest.raises(UserError, match="more people than that"):
        write_crowd([1], tmp_path / "new", answers=tmp_path / "answers")
    with pytest.raises(UserError, match="2 faces on each of 2 people"):
        write_crowd([1, 2], tmp_path / "new", answers=tmp_path / "answers", faces_each=2)


def test_answers_are_the_same_moments_with_another_face(tmp_path: Path) -> None:
    plain, crowd_folder, answers = (tmp_path / name for name in ("plain", "crowd", "answers"))
    seeds = (1000, 1003)
    write_crowd(seeds, plain, pictures=2, size_px=64)
    write_crowd(seeds, crowd_folder, pictures=2, size_px=64, answers=answers)
    assert pictures(crowd_folder) == pictures(plain)
    assert pictures(answers).keys() == pictures(plain).keys()
    for name in pictures(plain):
        before, answer = (read_image(f / name).astype(int) for f in (plain, answers))
        change = np.abs(answer - before).mean(axis=2)
        # The face is another one, what is far from it is nearly the same picture.
        assert change[24:44, 22:42].mean() > 3
        assert change[:8].mean() < 2


def test_those_next_in_line_take_turns_in_the_answers(tmp_path: Path) -> None:
    """Picture by picture, as `lenders` says."""
    seeds = (1000, 1003, 1004)
    answers = {count: tmp_path / f"answers-{count}" for count in (1, 2)}
    for count, folder in answers.items():
        write_crowd(
            seeds, tmp_path / f"crowd-{count}", pictures=4, size_px=64, answers=folder,
            faces_each=count,
        )  # fmt: skip
    assert lenders(seeds)["person-1004"] == ["person-1000"]
    in_turn = lenders(seeds, 2)
    assert in_turn["person-1003"] == ["person-1004", "person-1000"]
    one, two = (pictures(folder) for folder in answers.values())
    for wearer, faces in in_turn.items():
        for index in range(4):
            name = f"{wearer}/{index:03d}.jpg"
            # The first in line is who wears the face where there is one alone.
            assert (one[name] == two[name]) == (faces[index % 2] == faces[0])
