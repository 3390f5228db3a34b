"""The third network on real people, and its shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from faceloom.evaluate.material import FaceFinder
from faceloom.evaluate.third_opinion import CROP_PX, ThirdOpinionNet, third_opinion
from faceloom.image import read_image


def test_vectors_have_unit_length_and_no_weight_is_left_out() -> None:
    net = ThirdOpinionNet().eval()
    found = net(torch.rand(2, 3, CROP_PX, CROP_PX) * 255)
    assert found.shape == (2, 1024)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))
    # MobileNet's 3.2 million but for its classifier.
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(3.2e6, rel=0.02)


def test_it_tells_people_apart(media: Path) -> None:
    finder, found = FaceFinder(), {}
    for kind, ending in (("neutral", "03"), ("smiling", "08")):
        for number in ("001", "012", "030"):
            rgb = read_image(media / "portraits" / "london" / kind / f"{number}_{ending}.jpg")
            mesh = finder(rgb)
            assert mesh is not None
            found[kind, number] = third_opinion(rgb, mesh)
    numbers = ("001", "012", "030")
    cosines = np.array([[found["smiling", a] @ found["neutral", b] for b in numbers]
                        for a in numbers])  # fmt: skip
    assert np.diag(cosines).min() > 0.75
    assert cosines[~np.eye(3, dtype=bool)].max() < 0.6
