"""The frozen critic's maps, as perceptual losses take them."""

from __future__ import annotations

import torch

from faceloom.nets.features import FaceCritic


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
