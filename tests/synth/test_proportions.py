"""Whatever is drawn, widths and heights of head and face are those of people."""

from __future__ import annotations

import numpy as np
import pytest

from faceloom.synth.assets import load_head
from faceloom.synth.proportions import (
    CHEEKS,
    JAW,
    SKULL,
    face_height_dm,
    width_dm,
    with_human_proportions,
)
from faceloom.synth.scene import Floats
from faceloom.synth.shape import neutral_vertices
from faceloom.synth.traits import draw_traits


def shares(vertices_V3: Floats) -> tuple[float, float, float]:
    """Cheek bones over the face's height, jaw and skull over the cheek bones."""
    head = load_head()
    cheeks, jaw, skull = (width_dm(head, vertices_V3, width) for width in (CHEEKS, JAW, SKULL))
    return cheeks / face_height_dm(head, vertices_V3), jaw / cheeks, skull / cheeks


def test_nobody_is_a_caricature() -> None:
    head = load_head()
    found = [shares(neutral_vertices(head, draw_traits(seed))) for seed in range(40)]
    index, jaw, skull = np.array(found).T
    # Farkas et al. 2005: the height from the bone's nasion to the chin is .76 to 1 of the width
    # between the cheek bones; from the height of the eyes it is a little less.
    assert 1.08 < index.min() < 1.18
    assert 1.28 < index.max() < 1.40
    assert jaw.min() > 0.68
    assert jaw.max() < 0.88
    assert skull.min() > 0.92
    assert skull.max() < 1.12
    assert np.std(index) > 0.04
    assert np.std(jaw) > 0.015


def test_a_head_too_wide_is_made_narrower_and_its_features_are_left() -> None:
    head = load_head()
    wide_V3 = head.base_V3.copy()
    head.morph(wide_V3, "head/head-scale-horiz-incr", 0.9)
    head.morph(wide_V3, "head/head-square", 0.9)
    mended_V3 = with_human_proportions(head, wide_V3)
    assert shares(mended_V3)[0] < shares(wide_V3)[0] - 0.05
    features = head.landmarks_68[27:]
    moved = np.abs(mended_V3[features] - wide_V3[features])
    assert moved[:, 0].max() < 0.02
    assert moved[:, 1:].max() == 0
    for rows in head.eye_vertices:
        assert np.allclose(mended_V3[rows], wide_V3[rows], atol=1e-9)
    shirt = head.base_V3[:, 1] < 5.7
    assert np.array_equal(mended_V3[shirt], wide_V3[shirt])


@pytest.mark.parametrize("width", [SKULL, CHEEKS, JAW])
def test_the_order_of_people_is_kept(width: object) -> None:
    assert isinstance(width, type(CHEEKS))
    middle, furthest = width.wanted
    drawn = np.linspace(width.drawn[0] - 0.5, width.drawn[0] + 0.5, 21)
    became = [width.share(float(share)) for share in drawn]
    assert became == sorted(became)
    assert middle - furthest <= became[0] < became[-1] <= middle + furthest
