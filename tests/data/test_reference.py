"""References: the right picture of a person, in the right place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from faceloom.data.augment import stored_px
from faceloom.data.movement import COVERAGE, POINTS, far_apart, movement
from faceloom.data.reference import (
    GALLERY_SIZE,
    NODES,
    FacePlaces,
    Gallery,
    answer_moves,
    bending,
    laid,
    pull,
    tight_grid,
)
from faceloom.data.shape_match import own_shares
from faceloom.faces.align import reference_points
from faceloom.faces.face import Mesh

SIZE_PX, CROP_PX = 64, 200
NOSE, INNER_LIPS = 4, (13, 14)


def mean_mesh(coverage: float = COVERAGE) -> Mesh:
    flat = reference_points(CROP_PX, coverage)
    return np.pad(flat, ((0, 0), (0, 1))).astype(np.float32)


def mean_shape() -> Tensor:
    return torch.from_numpy((mean_mesh()[:, :2] + 0.5) * 2 / CROP_PX - 1).float()


def open_mouthed(gap_px: float) -> Mesh:
    mesh = mean_mesh()
    mesh[INNER_LIPS[0], 1] -= gap_px / 2
    mesh[INNER_LIPS[1], 1] += gap_px / 2
    return mesh


def places(*meshes: Mesh) -> FacePlaces:
    return FacePlaces.of(np.stack(meshes), CROP_PX)


def gallery_of(*meshes: Mesh, step: int = 20) -> Gallery:
    """Pictures of one grey each: the first black, then lighter."""
    gallery = Gallery(SIZE_PX)
    side_px = stored_px(SIZE_PX, COVERAGE)
    grey = torch.arange(len(meshes), dtype=torch.uint8).view(-1, 1, 1, 1) * step
    pictures = grey.expand(-1, 3, side_px, side_px)
    gallery.fill(pictures, COVERAGE, places(*meshes), mean_shape())
    return gallery


def test_bending_takes_points_to_where_they_go() -> None:
    at = places(mean_mesh()).points_BM2
    to = at + 0.05 * torch.randn(1, 1, 2, generator=torch.Generator().manual_seed(0))
    to[:, at[0, :, 1] > 0.2] += 0.04
    field = bending(at, to, pull(at))
    read = F.grid_sample(field, at.unsqueeze(1), align_corners=False)[0, :, 0].T
    assert float((read - (to - at)[0]).norm(dim=1).median()) < 0.006
    assert float((read - (to - at)[0]).norm(dim=1).max()) < 0.03


def test_a_picture_laid_where_it_lies_is_itself() -> None:
    own = places(mean_mesh()).points_BM2
    picture = torch.rand(1, 3, 80, 80, generator=torch.Generator().manual_seed(0))
    grid = tight_grid(1, 80, 1.0)
    assert torch.allclose(laid(picture, bending(own, own, pull(own)), grid), picture, atol=1e-4)


def test_a_feature_comes_to_lie_where_the_face_has_it() -> None:
    meshes = mean_mesh(), mean_mesh()
    meshes[1][:, :2] = (meshes[1][:, :2] - CROP_PX / 2) * [0.9, 1.1] + CROP_PX / 2 + [3, -4]
    own, at = places(meshes[0]).points_BM2, places(meshes[1]).points_BM2
    spot = torch.cdist(tight_grid(1, 100, 1.0)[0].flatten(0, 1), own[0, [POINTS.index(NOSE)]])
    picture = torch.exp(-((spot / 0.06) ** 2)).view(1, 1, 100, 100).expand(-1, 3, -1, -1)
    found = laid(picture, bending(at, own, pull(at)), tight_grid(1, 100, 1.0))[0, 0]
    top = divmod(int(found.argmax()), 100)
    place_px = (at[0, POINTS.index(NOSE)] + 1) * 50 - 0.5
    assert abs(top[1] - float(place_px[0])) < 1.5
    assert abs(top[0] - float(place_px[1])) < 1.5


def test_the_picture_is_taken_that_moves_alike_and_not_the_one_of_the_same_shape() -> None:
    gallery = gallery_of(open_mouthed(0), open_mouthed(12), open_mouthed(24))
    # Another person, whose face is longer, with the mouth half open.
    longer = open_mouthed(11)
    longer[:, 1] = (longer[:, 1] - CROP_PX / 2) * 1.1 + CROP_PX / 2
    own = mean_shape() * torch.tensor([1.0, 1.1])
    chosen = int(gallery.misfit(places(longer), own).argmin())
    assert float(gallery.pictures_K3PP[chosen, 0, 0, 0]) == 20


def test_a_reference_passes_from_one_picture_to_the_next_as_a_mouth_opens() -> None:
    gaps = np.linspace(0, 47, GALLERY_SIZE)
    gallery = gallery_of(*map(open_mouthed, gaps), step=5)
    seen = places(*map(open_mouthed, np.linspace(4, 40, 145)))  # A quarter of a gap each.
    misfit = gallery.misfit(seen, mean_shape())
    blended, _ = gallery.lay_nearest(misfit, seen.points_BM2, SIZE_PX)
    level = ((blended + 1) * 127.5).mean(dim=(1, 2, 3))
    assert float(level.diff().min()) > -0.1
    assert float(level.diff().max()) < 2.5  # Five from one picture to the next.
    assert float((level - 5 * torch.linspace(4, 40, 145)).abs().max()) < 3


def test_a_gallery_is_as_varied_as_the_pictures_are() -> None:
    gaps = np.linspace(0, 30, 3 * GALLERY_SIZE)
    moves = movement(places(*map(open_mouthed, gaps)).points_BM2, mean_shape())
    rows = far_apart(moves, 5)
    assert len(set(rows.tolist())) == 5
    assert {0, len(gaps) - 1} <= set(rows.tolist())
    assert 0.35 < rows[0] / len(gaps) < 0.65


def test_few_pictures_fill_a_gallery() -> None:
    gallery = gallery_of(open_mouthed(0), open_mouthed(12))
    assert gallery.pictures_K3PP[:, 0, 0, 0].unique().tolist() == [0, 20]


def test_pictures_of_another_coverage_are_brought_to_the_gallerys() -> None:
    coverage, side_px = 1.5, 150
    mesh = mean_mesh(coverage)
    wide = FacePlaces.of(mesh[None], CROP_PX).widened(COVERAGE / coverage)
    nose = (torch.from_numpy(mesh[NOSE, :2]) + 0.5) * 2 / CROP_PX - 1
    spot = torch.cdist(tight_grid(1, side_px, 1.0)[0].flatten(0, 1), nose.float()[None])
    picture = (255 * torch.exp(-((spot / 0.05) ** 2))).byte().view(1, 1, side_px, side_px)
    gallery = Gallery(SIZE_PX)
    gallery.fill(picture.expand(-1, 3, -1, -1), coverage, wide, mean_shape())
    stored = gallery.pictures_K3PP[0, 0]
    top = divmod(int(stored.argmax()), stored.shape[1])
    place = (gallery.points_KM2[0, POINTS.index(NOSE)] + 1) / 2 * stored.shape[1] - 0.5
    assert abs(top[1] - float(place[0])) < 1
    assert abs(top[0] - float(place[1])) < 1


def test_differences_of_shape_show_as_the_head_is_turned() -> None:
    angle = np.deg2rad(60)
    turn = np.array(
        [[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]]
    )
    head = mean_mesh()
    head[:, 2] = -0.5 * (head[:, 0] - head[:, 0].mean()) ** 2 / CROP_PX
    turned = ((head - head.mean(axis=0)) @ turn.T + head.mean(axis=0)).astype(np.float32)
    for mesh, narrowed in ((head, 1.0), (turned, np.cos(angle))):
        seen = places(mesh)
        offset = torch.tensor([0.1, 0.0]).expand(1, len(POINTS), 2)
        moved = seen.moved(offset) - seen.points_BM2
        assert float(moved[..., 0].mean()) == pytest.approx(0.1 * narrowed, abs=0.012)


def test_a_face_keeps_its_place_under_its_own_picture_and_moves_by_shares_under_anothers() -> None:
    own, other = mean_shape(), mean_shape() * torch.tensor([1.0, 1.1])
    assert not answer_moves(own, own).any()
    there = answer_moves(own, other) + answer_moves(other, own)
    assert torch.allclose(there, torch.zeros_like(there), atol=1e-6)
    share = torch.from_numpy(own_shares()).float()
    assert torch.allclose(answer_moves(own, other), share * (other - own), atol=1e-6)


def test_a_part_of_what_is_to_be_laid_is_laid_as_in_the_whole() -> None:
    gallery = gallery_of(open_mouthed(0), open_mouthed(12), open_mouthed(24))
    seen = places(*map(open_mouthed, (3, 9, 20)))
    grid, stray = tight_grid(3, SIZE_PX, COVERAGE), 0.05 * torch.ones(3, 2, NODES, NODES)
    whole = gallery.laying(torch.tensor([2, 0, 1]), seen.points_BM2, grid, stray)
    assert torch.equal(whole[1:](), whole()[1:])
    straight = gallery.laying(torch.tensor([2, 0, 1]), seen.points_BM2, grid)
    assert torch.equal(straight[:2](), straight()[:2])
