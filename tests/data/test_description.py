"""Descriptions: shape and colouring tell people apart, and light and place do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from faceloom.data.description import (
    DESCRIPTION_SIZE,
    IDENTITY_SIZE,
    SHAPE_SIZE,
    LooksSpace,
    colouring,
    descriptions,
    person_description,
)
from faceloom.data.faceset import FaceRecord, FaceSet, FaceSetInfo, write_faceset
from faceloom.faces.align import reference_points
from faceloom.faces.mask import LIPS, draw_polygons
from faceloom.files import write_bytes
from faceloom.image import RGB, encode_image

SIDE_PX, COVERAGE = 128, 1.25


def mesh(taller: float = 0.0) -> np.ndarray:
    """The mean face, its lips lower by so many pixels."""
    points = np.pad(reference_points(SIDE_PX, COVERAGE), ((0, 0), (0, 1)))
    points[list(LIPS), 1] += taller
    return points.astype(np.float32)


def face(lips: tuple[int, int, int], at: np.ndarray, light: float = 1.0) -> RGB:
    """Skin of one colour and lips of another."""
    picture = np.full((SIDE_PX, SIDE_PX, 3), (190, 140, 120), np.float32)
    inside = draw_polygons([at[list(LIPS), :2]], (SIDE_PX, SIDE_PX))[..., None]
    picture += inside * (np.array(lips, np.float32) - picture)
    return np.clip(picture * light, 0, 255).astype(np.uint8)


def face_set(path: Path, rows: list[tuple[str, RGB, np.ndarray, int]], shows: str = "") -> FaceSet:
    """Rows of source, picture, mesh and who it is."""
    (path / "crops").mkdir(parents=True)
    records, who = [], np.eye(IDENTITY_SIZE, dtype=np.float32)
    for row, (source, picture, _, _) in enumerate(rows):
        write_bytes(path / "crops" / f"{row}.png", encode_image(picture, ".png"))
        records.append(
            FaceRecord(
                f"{row}.png", source, row, "0", 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0, row,
                (1.0, 0.0, 0.0, 0.0), [], shows,
            )
        )  # fmt: skip
    info = FaceSetInfo(
        1, "0", "nowhere", "synthetic", SIDE_PX, COVERAGE, len(rows), ["x"], {}, len(rows)
    )
    meshes = np.stack([at for _, _, at, _ in rows])
    write_faceset(path, info, records, meshes, who[[person for *_, person in rows]])
    return FaceSet.open(path)


RED, PALE = (200, 60, 60), (190, 150, 130)


def test_colouring_is_of_the_face_not_of_its_light() -> None:
    red, dim, pale = (
        colouring(face(*args), mesh())
        for args in ((RED, mesh()), (RED, mesh(), 0.5), (PALE, mesh()))
    )
    assert red.shape == (468, 3)
    assert np.allclose(red.mean(axis=0), 0, atol=1e-5)
    assert np.abs(red - dim).max() < 0.03
    assert np.abs(red - pale).max() > 0.3
    # Lips are where they are drawn: redder than the rest.
    lips = red[list(LIPS)].mean(axis=0)
    assert lips[0] > lips[1] + 0.1
    assert np.abs(colouring(face((190, 140, 120), mesh()), mesh())).max() < 0.02


def test_a_person_is_described_by_all_pictures(tmp_path: Path) -> None:
    shown = [("clip", face(RED, mesh(4)), mesh(4), 7)] * 3 + [
        ("clip", face(RED, mesh()), mesh(), 7)
    ]
    told = person_description(face_set(tmp_path / "set", shown))
    assert told.shape == (DESCRIPTION_SIZE,)
    assert told[:IDENTITY_SIZE].argmax() == 7
    assert float(told[:IDENTITY_SIZE].norm()) == pytest.approx(1)
    shape = told[IDENTITY_SIZE : IDENTITY_SIZE + SHAPE_SIZE].view(468, 2)
    lower = float(shape[list(LIPS), 1].mean()) - float(
        (reference_points(2, COVERAGE)[list(LIPS), 1] + 0.5).mean() - 1
    )
    assert lower == pytest.approx(4 / SIDE_PX * 2, abs=0.005)


def test_draws_of_one_persons_pictures_differ_and_are_the_same_again(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    shown = []
    for row in range(12):
        person, source = row % 2, f"person-{row % 2}"
        at = mesh(4.0 * person) + random.normal(0, 0.3, (468, 3)).astype(np.float32)
        shown.append((source, face((RED, PALE)[person], at), at, person))
    faces = face_set(tmp_path / "set", shown)
    told = descriptions(faces, seed=3)
    assert torch.equal(told, descriptions(faces, seed=3))
    looks = told[:, IDENTITY_SIZE:]
    within = (looks[0] - looks[2]).norm()
    assert 0 < float(within) < 0.3 * float((looks[0] - looks[1]).norm())


def test_a_worn_face_is_described_by_its_owners_pictures(tmp_path: Path) -> None:
    own = [("one", face(RED, mesh()), mesh(), 0)] * 4 + [
        ("two", face(PALE, mesh(4)), mesh(4), 1)
    ] * 4
    faces = face_set(tmp_path / "faces", own)
    worn = [("one", face((120, 90, 90), mesh(2)), mesh(2), 5)] * 4
    answers = face_set(tmp_path / "answers", worn, shows="two")
    told, lender = descriptions(answers, faces), descriptions(faces)[4]
    assert torch.allclose(told, lender.expand(4, -1), atol=1e-5)
    # Where the owner has no pictures of their own, the worn face must do.
    unknown = replace(answers.records[0], shows="three")
    answers.records[0] = unknown
    assert descriptions(answers, faces)[0, :IDENTITY_SIZE].argmax() == 5


def test_the_space_of_looks_is_whitened_and_bounded() -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(300, 100, generator=generator)
    spread = torch.randn(100, DESCRIPTION_SIZE, generator=generator)
    people = hidden @ spread * 0.01 + 0.3
    space = LooksSpace()
    assert not space.fitted
    assert not bool(space(people).any())
    space.fit(people)
    assert space.fitted
    seen = space(people)
    assert seen.shape == (300, LooksSpace.SIZE)
    assert torch.allclose(seen.mean(dim=0), torch.zeros(LooksSpace.SIZE), atol=0.05)
    assert torch.allclose(seen.std(dim=0), torch.ones(LooksSpace.SIZE), atol=0.1)
    # Shape says nothing of colouring: each has its own numbers.
    changed = people.clone()
    changed[:, IDENTITY_SIZE + SHAPE_SIZE :] += 1
    assert torch.equal(
        space(changed)[:, : LooksSpace.SHAPE_PARTS], seen[:, : LooksSpace.SHAPE_PARTS]
    )
    assert float(space(people * 100).abs().max()) <= 3
    few = LooksSpace()
    few.fit(people[:5])
    assert int(few.rows_KL.any(dim=1).sum()) <= 8
