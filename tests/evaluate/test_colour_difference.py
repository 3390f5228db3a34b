"""CIEDE2000 against the paper's own test data."""

from __future__ import annotations

import numpy as np
import pytest

from faceloom.evaluate.colour_difference import ciede2000, lab_of

# Sharma, Wu & Dalal 2005, table 1: both colours and the difference.
GOLDEN = (
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (50, 3.2972, 0), 1.0000),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.2630),
    ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
)


def test_the_papers_own_pairs() -> None:
    one, other, wanted = (np.array([row[k] for row in GOLDEN]) for k in range(3))
    assert ciede2000(one, other) == pytest.approx(wanted, abs=1e-4)
    assert ciede2000(other, one) == pytest.approx(wanted, abs=1e-4)
    assert ciede2000(one, one) == pytest.approx(np.zeros(len(one)))


def test_lab_of_known_colours() -> None:
    lab = lab_of(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]]))
    assert lab[0] == pytest.approx([100, 0, 0], abs=0.1)
    assert lab[1] == pytest.approx([0, 0, 0], abs=0.1)
    assert lab[2] == pytest.approx([53.2, 80.1, 67.2], abs=0.3)
