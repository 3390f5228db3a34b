"""Alignment: the standard place, its stability under speech, masks from the mesh."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faceloom.faces.align import (
    align,
    crop_transform,
    recrop_transform,
    reference_points,
    rigid_indices,
)
from faceloom.faces.face import Face, Mesh
from faceloom.faces.mask import INNER_MOUTH, LIPS, PARTS, feather, mesh_mask
from faceloom.geometry import Box, Similarity


def mean_mesh(size_px: int = 128) -> Mesh:
    return np.pad(reference_points(size_px), ((0, 0), (0, 1))).astype(np.float32)


@given(st.floats(0.2, 5), st.floats(-90, 90), st.floats(-300, 300))
def test_the_mean_face_lands_in_its_place_from_anywhere(
    scale: float, angle_deg: float, shift: float
) -> None:
    moved = Similarity.from_parts(scale, angle_deg, shift, -shift)
    mesh = np.pad(moved.apply(mean_mesh()), ((0, 0), (0, 1))).astype(np.float32)
    landed = crop_transform(mesh, 96).apply(mesh)
    assert np.abs(landed - reference_points(96)).max() < 0.05


def test_an_open_mouth_does_not_move_the_crop() -> None:
    mesh = mean_mesh()
    talking = mesh.copy()
    talking[list(LIPS) + list(INNER_MOUTH), 1] += 15
    talking[152, 1] += 20
    assert crop_transform(mesh, 128) == crop_transform(talking, 128)
    assert len(rigid_indices()) > 150


def test_the_mean_face_is_nearly_symmetric() -> None:
    points = reference_points(100) - 49.5
    for right, left in ((33, 263), (133, 362), (61, 291), (234, 454)):
        assert np.abs(points[right] * [-1, 1] - points[left]).max() < 1.5


def test_recrop_leads_from_crop_to_crop() -> None:
    mesh = mean_mesh()
    wide, tight = crop_transform(mesh, 256, 1.25), crop_transform(mesh, 96)
    chained = wide.then(recrop_transform(256, 1.25, 96, 1.0))
    assert np.allclose(chained.apply(mesh), tight.apply(mesh), atol=1e-3)


def test_align_cuts_where_it_says() -> None:
    frame = np.zeros((200, 200, 3), np.uint8)
    mesh = mean_mesh(100) + np.array([50, 40, 0], np.float32)
    x, y = np.round(mesh[1, :2]).astype(int)
    frame[y - 2 : y + 3, x - 2 : x + 3] = 255
    face = Face(Box.around(mesh), 1.0, None, mesh)
    aligned = align(frame, face, 100)
    nose = np.round(aligned.mesh_4683[1, :2]).astype(int)
    assert aligned.crop_HWC[nose[1], nose[0], 0] == 255


def test_parts_lie_where_they_belong() -> None:
    masks = {part: mesh_mask(mean_mesh(), part, (128, 128)) for part in PARTS}
    assert 0.5 < masks["hull"].mean() < 0.65
    assert masks["eyes"][:64].sum() > 100
    assert masks["eyes"][64:].sum() == 0
    assert masks["mouth"][:64].sum() == 0
    assert masks["mouth"][64:].sum() > 100
    outside_mouth = masks["inner_mouth"] * (1 - masks["mouth"])
    assert outside_mouth.sum() < 1


def test_a_shut_eye_is_still_masked() -> None:
    mesh = mean_mesh()
    for lid in (159, 145, 160, 144, 158, 153, 161, 163, 157, 154, 173, 155, 246, 7):
        mesh[lid, 1] = mesh[33, 1]
    shut = mesh_mask(mesh, "eyes", (128, 128))[:, :64].sum()
    still_open = mesh_mask(mean_mesh(), "eyes", (128, 128))[:, :64].sum()
    assert shut > 0.6 * still_open


def test_feather_stays_inside_and_is_soft() -> None:
    mask = mesh_mask(mean_mesh(), "hull", (128, 128))
    soft = feather(mask, 6)
    assert (soft <= mask + 1e-6).all()
    assert soft[64, 64] == 1
    assert np.abs(np.diff(soft[64])).max() < 0.2
