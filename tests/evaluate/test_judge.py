"""The judge on real photographs, and the gain's ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from faceloom.evaluate.judge import DlibJudge, identity_gain, mean_cosine
from faceloom.faces.find import FullRangeDetector, MeshLandmarker
from faceloom.image import read_image


def test_the_gain_is_nought_for_the_footage_and_one_for_the_face() -> None:
    rng = np.random.default_rng(0)
    a = [rng.normal(0, 1, 16).astype(np.float32) + 3 for _ in range(4)]
    b = [v * np.array([1, -1] * 8, np.float32) for v in a]
    assert identity_gain(a, a, b, b) == pytest.approx(0)
    assert identity_gain(b, a, b, b) == pytest.approx(1)


def test_two_people_who_look_the_same_cannot_be_scored() -> None:
    same = [np.ones(8, np.float32)]
    with pytest.raises(ValueError, match="apart"):
        identity_gain(same, same, same, same)


def test_the_judge_tells_people_apart(media: Path) -> None:
    judge, detector, landmarker = DlibJudge(), FullRangeDetector(), MeshLandmarker()

    def look(name: str) -> np.ndarray:
        rgb = read_image(media / "portraits" / "london" / name)
        mesh = landmarker(rgb, detector(rgb)[0]).mesh_4683
        assert mesh is not None
        return judge(rgb, mesh)

    ann, ann_smiling = look("neutral/001_03.jpg"), look("smiling/001_08.jpg")
    others = [look(f"neutral/{number}_03.jpg") for number in ("002", "012", "025")]
    own = mean_cosine([ann], [ann_smiling])
    assert own > max(mean_cosine([ann], [other]) for other in others) + 0.02
