"""What is held out is a stretch or whole clips, never scattered frames."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from faceloom.data.faceset import FaceSet
from faceloom.train.hold_out import LEAST_FACES, held_out


def face_set(*lengths: int) -> FaceSet:
    """As far as the split sees it: whose clip each face is from."""
    records = [
        SimpleNamespace(source=f"clip-{clip}") for clip, n in enumerate(lengths) for _ in range(n)
    ]

    class Faces(SimpleNamespace):
        def __len__(self) -> int:
            return len(records)

    return cast("FaceSet", Faces(records=records))


@pytest.mark.parametrize("lengths", [(300,), (200, 90), (50,) * 12, (30, 500, 20, 40), (700, 8, 8)])
def test_every_face_is_either_trained_on_or_held_out(lengths: tuple[int, ...]) -> None:
    faces = face_set(*lengths)
    trained, held = held_out(faces, 0.1)
    assert sorted([*trained, *held]) == list(range(len(faces)))
    assert 0.05 <= len(held) / len(faces) <= 0.25


def test_of_one_clip_it_is_one_stretch_from_the_middle() -> None:
    _, held = held_out(face_set(400), 0.1)
    assert len(held) == 40
    assert (np.diff(held) == 1).all()
    assert abs(held.mean() - 199.5) < 2


def test_of_many_clips_it_is_whole_ones_far_apart() -> None:
    _, held = held_out(face_set(*[20] * 30), 0.1)
    clips, counts = np.unique(held // 20, return_counts=True)
    assert (counts == 20).all()
    assert len(clips) == 3
    assert all(later - earlier > 3 for earlier, later in pairwise(clips.tolist()))


def test_of_a_long_clip_among_many_only_a_stretch_is_held_out() -> None:
    _, held = held_out(face_set(10, 10, 1000, 10), 0.1)
    assert 90 <= len(held) <= 130


def test_small_sets_are_trained_on_whole() -> None:
    trained, held = held_out(face_set(10 * LEAST_FACES - 6), 0.1)
    assert len(trained) == 10 * LEAST_FACES - 6
    assert len(held) == 0
    assert len(held_out(face_set(500), 0.0)[1]) == 0
