"""Traits of faces: read off planes and meshes that were made to have them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from faceloom.data.traits import FaceTraits, read_traits
from faceloom.faces.align import reference_points

SIDE_PX = 64


def read(colour_CHW: np.ndarray, mesh: np.ndarray | None = None) -> FaceTraits:
    planes = np.zeros((1, 6, SIDE_PX, SIDE_PX), np.uint8)
    planes[0, :3] = colour_CHW
    planes[0, 3, 12:52, 16:48] = 255
    plain = np.pad(reference_points(SIDE_PX), ((0, 0), (0, 1))).astype(np.float32)
    return read_traits(
        torch.from_numpy(planes), (plain if mesh is None else mesh)[None], np.array([0.3])
    )


def test_light_and_colour_are_of_the_hull_alone() -> None:
    picture = np.full((3, SIDE_PX, SIDE_PX), 255.0)
    picture[:, 12:52, 16:48] = np.array([120.0, 100, 80]).reshape(3, 1, 1)
    found = read(picture)
    assert len(found) == 1
    assert found.brightness[0] == pytest.approx(0.41, abs=0.02)
    assert found.warmth[0] == pytest.approx(40 / 255, abs=0.01)
    assert found.light_across[0] == pytest.approx(0, abs=1e-3)
    assert found.eyes.tolist() == [0.3]


@pytest.mark.parametrize(("axis", "trait"), [(1, "light_down"), (2, "light_across")])
def test_light_from_one_side_draws_its_centre_there(axis: int, trait: str) -> None:
    shape = [1, 1, 1]
    shape[axis] = SIDE_PX
    ramp = np.linspace(40, 220, SIDE_PX).reshape(shape) * np.ones((3, SIDE_PX, SIDE_PX))
    there, back = read(ramp), read(np.flip(ramp, axis=axis))
    assert getattr(there, trait)[0] > 0.05
    assert getattr(back, trait)[0] < -0.05


def test_pose_and_mouth_are_the_meshes() -> None:
    mesh = np.pad(reference_points(SIDE_PX), ((0, 0), (0, 1))).astype(np.float32)
    plain = read(np.full((3, SIDE_PX, SIDE_PX), 99.0), mesh)
    turned = mesh.copy()
    turned[:, 2] += 0.6 * (turned[:, 0] - turned[:, 0].mean())
    turned[14, 1] += 6
    found = read(np.full((3, SIDE_PX, SIDE_PX), 99.0), turned)
    assert abs(found.yaw_deg[0] - plain.yaw_deg[0]) == pytest.approx(31, abs=1)
    assert found.mouth[0] > plain.mouth[0] + 0.1
    assert found.pose.shape == found.expression.shape == (1, 2)
    assert found.light.shape == (1, 4)
    assert (found.pose - plain.pose)[0, 0] == pytest.approx((found.yaw_deg - plain.yaw_deg)[0] / 10)
