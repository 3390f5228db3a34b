"""The frozen critics: maps for perceptual losses, landmarks as the landmarker sees them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from faceloom.faces.align import reference_points
from faceloom.faces.expression import eye_span_px
from faceloom.faces.face import Face
from faceloom.faces.find import MeshLandmarker
from faceloom.geometry import Box
from faceloom.image import resize, to_tensor
from faceloom.nets.features import FaceCritic, MeshCritic


def test_depths_run_from_deep_to_shallow_and_pass_gradients() -> None:
    critic = FaceCritic(64, 1.0)
    faces = (torch.rand(2, 3, 64, 64) * 2 - 1).requires_grad_()
    depths = critic.depths(faces)
    assert [tuple(maps.shape[1:]) for maps in depths] == [
        (512, 7, 7), (128, 7, 7), (128, 14, 14), (64, 28, 28),
    ]  # fmt: skip
    opinion = critic(faces)
    for maps, same in zip(depths[1:], reversed(opinion.maps), strict=True):
        assert torch.equal(maps, same)
    depths[0].sum().backward()
    assert faces.grad is not None
    assert float(faces.grad.abs().max()) > 0


def test_the_mesh_critic_sees_what_the_landmarker_does() -> None:
    """From the view that an average face has in a standard crop."""
    rng = np.random.default_rng(0)
    crop = resize(rng.integers(60, 200, (9, 9, 3), dtype=np.uint8), (96, 96), "cubic")
    mesh = np.pad(reference_points(96), ((0, 0), (0, 1))).astype(np.float32)
    seen = MeshLandmarker()(crop, Face(Box.around(mesh), 1.0, None, mesh)).mesh_4683
    assert seen is not None
    critic = MeshCritic(96, 1.0)
    with torch.autocast("cpu", torch.bfloat16):
        found = critic(to_tensor(crop[None]))
    assert found.dtype == torch.float32
    assert np.abs(found[0].numpy() - seen[:, :2]).mean() < 0.2
    assert critic.eye_span_px == pytest.approx(float(eye_span_px(mesh)))
