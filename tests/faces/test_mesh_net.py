"""The mesh network in torch is the one that finds meshes, and can be differentiated."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from faceloom.faces.lite import LiteNet
from faceloom.faces.mesh_net import MESH_PX, load_mesh_net
from faceloom.weights import FACE_MESH


@pytest.fixture(scope="module")
def view() -> NDArray[np.float32]:
    """A picture in [0, 1] with something of a face: two dark eyes and a mouth on an oval."""
    canvas = np.full((MESH_PX, MESH_PX, 3), 60, np.uint8)
    cv2.ellipse(canvas, (96, 96), (55, 72), 0, 0, 360, (200, 160, 140), -1, cv2.LINE_AA)
    for x in (74, 118):
        cv2.ellipse(canvas, (x, 80), (10, 5), 0, 0, 360, (40, 40, 50), -1, cv2.LINE_AA)
    cv2.ellipse(canvas, (96, 135), (20, 7), 0, 0, 360, (150, 60, 60), -1, cv2.LINE_AA)
    return np.multiply(cv2.GaussianBlur(canvas, (0, 0), 2), np.float32(1 / 255), dtype=np.float32)


def test_it_sees_what_the_original_sees(view: NDArray[np.float32]) -> None:
    points, _ = LiteNet(FACE_MESH.path())(view[None])
    found = load_mesh_net()(torch.from_numpy(view).permute(2, 0, 1).unsqueeze(0))
    np.testing.assert_allclose(found[0].numpy(), points.reshape(468, 3), atol=0.01)


def test_its_gradient_is_the_slope_of_its_points(view: NDArray[np.float32]) -> None:
    picture = torch.from_numpy(view).permute(2, 0, 1).unsqueeze(0)
    direction = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    direction = torch.nn.functional.avg_pool2d(direction, 9, 1, 4)
    asked = picture.clone().requires_grad_()
    # The lower lip's height.
    load_mesh_net()(asked)[0, 14, 1].backward()
    assert asked.grad is not None
    step = 1e-3
    heights = [
        float(load_mesh_net()(picture + sign * step * direction)[0, 14, 1]) for sign in (1, -1)
    ]
    slope = (heights[0] - heights[1]) / (2 * step)
    assert float((asked.grad * direction).sum()) == pytest.approx(slope, rel=0.05, abs=0.02)
    assert all(not p.requires_grad for p in load_mesh_net().parameters())
