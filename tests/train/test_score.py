"""The score tells a swap from none, and a lively one from a still one."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
from tests.conftest import SmallJob
from torch import Tensor

from faceloom.data.faceset import FaceSet
from faceloom.faces.drawing import LandmarkKind
from faceloom.faces.face import Patch
from faceloom.models.base import ShownFaces, Side
from faceloom.train.hold_out import Rows
from faceloom.train.score import Score, Scorer, follows, total_of

SIZE_PX = 96


class Untouched:
    """Paints what it is given."""

    size_px, coverage = SIZE_PX, 1.0
    landmarks: LandmarkKind | None = None

    def encode(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW

    def swap(self, x_BCHW: Tensor, to: Side, shown: ShownFaces | None = None) -> Patch:
        return Patch(x_BCHW, torch.ones_like(x_BCHW[:, :1]))


class OnePicture(Untouched):
    """Paints one real face of each person, over and over."""

    def __init__(self, faces: dict[Side, Tensor]) -> None:
        self.faces = faces

    def swap(self, x_BCHW: Tensor, to: Side, shown: ShownFaces | None = None) -> Patch:
        return Patch(self.faces[to].expand_as(x_BCHW), torch.ones_like(x_BCHW[:, :1]))


class Grey(Untouched):
    """Paints no face at all."""

    def swap(self, x_BCHW: Tensor, to: Side, shown: ShownFaces | None = None) -> Patch:
        return Patch(torch.zeros_like(x_BCHW), torch.ones_like(x_BCHW[:, :1]))


@pytest.fixture(scope="module")
def scorer(small_job: SmallJob) -> Scorer:
    faces: dict[Side, FaceSet] = {
        "a": FaceSet.open(small_job.faces_a), "b": FaceSet.open(small_job.faces_b)
    }  # fmt: skip
    rows: dict[Side, Rows] = {side: np.arange(0, len(f), 3) for side, f in faces.items()}
    return Scorer(faces, rows, SIZE_PX)


def score(scorer: Scorer, swapper: Untouched) -> Score:
    return scorer(swapper, torch.device("cpu"), contextlib.nullcontext)


def test_footage_left_as_it_is_is_worth_nothing(scorer: Scorer) -> None:
    found = score(scorer, Untouched())
    assert found.identity_gain == pytest.approx(0, abs=0.02)
    assert found.total == pytest.approx(0, abs=0.02)
    assert found.pose_deg < 1
    assert found.mouth > 0.95
    assert found.unseen == 0
    assert 0.1 < found.leak < 0.7, "its mask is the whole crop"


def test_the_other_face_without_motion_has_the_identity_alone(scorer: Scorer) -> None:
    real: dict[Side, Tensor] = {side: held.tight[:1] for side, held in scorer._held.items()}
    found = score(scorer, OnePicture(real))
    assert found.identity_gain > 0.8
    assert found.mouth < 0.8
    assert found.pose_deg > 3
    assert 0.7 < found.sharpness < 1.25
    assert 0.3 < found.total < 0.9


def test_no_face_is_seen_to_be_none(scorer: Scorer) -> None:
    found = score(scorer, Grey())
    assert found.unseen > 0.5
    assert found.total < 0.1


def test_following_is_correlation_that_noise_does_not_earn() -> None:
    moving = np.sin(np.arange(24) / 3) * 0.1
    assert follows(moving, 0.5 * moving + 0.1, 0.02) == pytest.approx(1.0)
    assert follows(moving, -moving, 0.02) == pytest.approx(-1.0)
    assert follows(moving, 1e-4 * moving, 0.02) < 0.02, "all but still"
    still = moving * 1e-3
    assert follows(still, still, 0.02) == 1.0
    assert follows(still, moving, 0.02) < 0.5, "the footage does not move"
    assert follows(moving[:2], moving[:2], 0.02) == 0.0


def test_the_total_by_hand() -> None:
    figures = {
        "identity_gain": 0.8, "mouth": 0.9, "eyes": 0.5, "pose_deg": 3.0, "sharpness": 2.0,
        "leak": 0.2, "unseen": 0.0,
    }  # fmt: skip
    kept = 0.3 * 0.9 + 0.25 * 0.5 + 0.15 * (1 - 3 / 15) + 0.2 * 0.5 + 0.1 * 0.8
    assert total_of(figures) == pytest.approx(0.8 * (0.4 + 0.6 * kept))
    assert total_of({**figures, "unseen": 0.5}) == pytest.approx(total_of(figures) / 2)
    assert total_of({**figures, "identity_gain": -1.0}) == 0.0
