"""Parts of a look-alike: the right one, in the right place, without an edge."""

from __future__ import annotations

import numpy as np
import torch

from faceloom.data.part_swap import PARTS, _potential, look_alikes, part_points, swapped_parts
from faceloom.faces.align import reference_points
from faceloom.faces.mask import LIPS, mesh_mask

SIDE_PX, COVERAGE = 96, 1.25


def meshes(count: int) -> np.ndarray:
    """Mean faces, each a little longer in the chin than the one before."""
    points = np.pad(reference_points(SIDE_PX, COVERAGE), ((0, 0), (0, 1)))
    many = np.stack([points] * count)
    low = np.clip(many[..., 1] - 55, 0, None)
    many[..., 1] += low * np.linspace(0, 0.1, count)[:, None]
    return many.astype(np.float32)


def turned(mesh: np.ndarray, steepness: float) -> np.ndarray:
    mesh = mesh.copy()
    mesh[:, 2] += steepness * (mesh[:, 0] - mesh[:, 0].mean())
    return mesh


def pictures(seed: int, count: int, level: float) -> torch.Tensor:
    """Even skin of a level, with a texture that differs by seed."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 24, 24, generator=generator) * 50 - 25
    fine = torch.nn.functional.interpolate(coarse, size=(SIDE_PX, SIDE_PX), mode="bilinear")
    return (level + fine).clamp(0, 255)


def test_of_the_other_side_the_same_expression_is_found() -> None:
    eyes = np.full(8, 0.3)
    own, donors = part_points(meshes(8), eyes, SIDE_PX), part_points(meshes(8), eyes, SIDE_PX)
    near = look_alikes(own, donors, "other")
    assert near.shape == (8, 5)
    assert near[:, 0].tolist() == list(range(8))
    shut = np.array([0.3] * 7 + [0.0])
    blinking = part_points(np.stack([meshes(1)[0]] * 8), shut, SIDE_PX)
    assert look_alikes(blinking, blinking, "other")[7, 0] == 7


def test_of_the_own_side_another_face_in_the_same_pose_is_found() -> None:
    many = np.stack([turned(mesh, slope) for mesh, slope in zip(
        meshes(60), np.repeat([0.0, 0.5], 30), strict=True)])  # fmt: skip
    own = part_points(many, np.full(60, 0.3), SIDE_PX)
    near = look_alikes(own, own, "own")
    at = torch.arange(60).unsqueeze(1)
    assert not bool((near == at).any())
    assert bool(((near < 30) == (at < 30)).all())


def test_the_paste_changes_the_part_and_has_no_edge() -> None:
    """A dark face gets parts of a bright one: its tone stays, its texture changes there alone."""
    count = 12
    own = part_points(meshes(count), np.full(count, 0.3), SIDE_PX)
    faces, donors = pictures(0, count, 80), pictures(1, count, 170)
    rows = torch.arange(count)
    generator = torch.Generator().manual_seed(0)
    out = swapped_parts(faces, rows, own, donors, rows, own, generator)
    change = (out - faces).abs().mean(dim=1)
    assert bool((change.flatten(1).amax(dim=1) > 15).all())
    # Tones: far from the donors' 170 everywhere.
    assert float((out.mean(dim=(1, 2, 3)) - 80).abs().max()) < 8
    # Steps between neighbours nowhere larger than textures have them.
    steps = max(float(out.diff(dim=axis).abs().max()) for axis in (2, 3))
    allowed = max(float(p.diff(dim=axis).abs().max()) for p in (faces, donors) for axis in (2, 3))
    assert steps < 1.35 * allowed
    which = torch.randint(len(PARTS), (count,), generator=torch.Generator().manual_seed(0))
    for row in (which == PARTS.index("mouth")).nonzero()[:, 0].tolist():
        mouth = torch.from_numpy(mesh_mask(meshes(count)[row], "mouth", (SIDE_PX, SIDE_PX))) > 0.9
        assert float(change[row][mouth].mean()) > 4 * float(change[row][:20].mean())


def test_a_part_of_oneself_changes_nothing() -> None:
    own = part_points(meshes(6), np.full(6, 0.3), SIDE_PX)
    faces, rows = pictures(0, 6, 120), torch.arange(6)
    out = swapped_parts(faces, rows, own, faces, rows, own, torch.Generator().manual_seed(2))
    assert float((out - faces).abs().max()) < 0.5


def test_a_mouth_that_lies_lower_is_brought_up() -> None:
    """A dark stripe at the donor's lips comes to lie at the own lips."""
    own_mesh, low_mesh = meshes(1), meshes(1)
    low_mesh[..., 1] += 5 * (low_mesh[..., 1] > 52)
    own, donors = (part_points(m, np.array([0.3]), SIDE_PX) for m in (own_mesh, low_mesh))
    skin = torch.full((1, 3, SIDE_PX, SIDE_PX), 150.0)
    striped = skin.clone()
    lips_y = round(float(low_mesh[0, list(LIPS), 1].mean()))
    striped[..., lips_y - 1 : lips_y + 2, 30:66] = 60
    row = torch.zeros(1, dtype=torch.long)
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        if int(torch.randint(len(PARTS), (1,), generator=generator)) == PARTS.index("mouth"):
            break
    out = swapped_parts(skin, row, own, striped, row, donors, torch.Generator().manual_seed(seed))
    darkest = int(out[0, 0, :, SIDE_PX // 2].argmin())
    assert abs(darkest - float(own_mesh[0, list(LIPS), 1].mean())) < 1.5


def test_the_potential_solves_its_equation() -> None:
    generator = torch.Generator().manual_seed(0)
    difference = torch.randn(2, 3, 20, 17, generator=generator)
    whole = _potential(difference, torch.ones(2, 1, 20, 17))
    # With all gradients taken, it is the difference less a harmonic function: same Laplacian.
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]).view(1, 1, 3, 3)

    def laplacian(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv2d(x.flatten(0, 1).unsqueeze(1), kernel)

    assert torch.allclose(laplacian(whole), laplacian(difference), atol=1e-3)
    assert float(whole[..., 0, :].abs().max()) == float(whole[..., :, -1].abs().max()) == 0
    assert float(_potential(difference, torch.zeros(2, 1, 20, 17)).abs().max()) == 0
