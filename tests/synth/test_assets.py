"""The head: what its parts are, and that its targets and landmarks lie where they should."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files

import numpy as np
import pytest

from faceloom.synth.assets import MASKS, load_head, vertex_normals

HEAD = load_head()


def test_it_is_small_and_says_where_it_is_from() -> None:
    folder = files("faceloom.synth") / "assets"
    data = (folder / "head.npz").read_bytes()
    assert len(data) < 1_000_000
    origin = json.loads((folder / "origin.json").read_text())
    assert len(origin["sha256"]) == len(hashlib.sha256().hexdigest())
    assert "CC0" in (folder / "LICENSE-CC0.md").read_text()


def test_targets_move_what_they_name() -> None:
    opened = HEAD.base_V3.copy()
    HEAD.morph(opened, "expr/jawOpen", 1.0)
    fallen = HEAD.base_V3[:, 1] - opened[:, 1]
    chin, nose = HEAD.landmarks_68[8], HEAD.landmarks_68[30]
    assert fallen[chin] > 0.1
    assert abs(fallen[nose]) < 0.02
    with pytest.raises(KeyError):
        HEAD.morph(opened, "expr/none", 1.0)


def test_landmarks_are_mirrored_pairs() -> None:
    places = HEAD.base_V3[HEAD.landmarks_68]
    assert len(set(HEAD.landmarks_68.tolist())) == 68
    for right, left in ((0, 16), (17, 26), (36, 45), (39, 42), (48, 54), (31, 35)):
        assert places[right, 0] < 0 < places[left, 0]
        assert np.abs(places[right] * (-1, 1, 1) - places[left]).max() < 0.03
    assert places[30, 2] == places[:, 2].max()  # The tip of the nose.
    assert places[8, 1] == places[:, 1].min()  # The chin.


def test_eyes_lie_left_then_right() -> None:
    left, right = (HEAD.base_V3[rows].mean(axis=0) for rows in HEAD.eye_vertices)
    assert right[0] < 0 < left[0]
    assert np.allclose(left * (-1, 1, 1), right, atol=0.01)


def test_the_head_turns_on_the_neck() -> None:
    share = HEAD.neck_turn_V
    assert share[HEAD.landmarks_68].min() > 0.9
    assert share[HEAD.base_V3[:, 1] < 5.5].max() < 0.2


def test_masks_and_chart_agree() -> None:
    chart = HEAD.chart
    assert set(chart.masks_X) == set(MASKS)
    assert len(chart.rows_X) == len(chart.rest_X3) > 1_000_000
    assert np.allclose(np.linalg.norm(chart.normals_X3, axis=1), 1, atol=1e-3)
    lips = chart.rest_X3[chart.masks_X["lips"] > 0.9]
    assert np.abs(lips[:, 0]).max() < 0.35
    assert 6.4 < lips[:, 1].min() < lips[:, 1].max() < 6.8


def test_normals_point_outwards() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    found = vertex_normals(vertices, np.array([[0, 1, 2]], np.int32))
    assert np.allclose(found, [0, 0, 1])
