"""Detector and mesh on real pictures; suppression and the view of the mesh net on numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from faceloom.errors import UserError
from faceloom.faces.face import Face
from faceloom.faces.find import (
    PRESENT,
    Detector,
    FullRangeDetector,
    MeshLandmarker,
    make_detector,
    suppress,
)
from faceloom.geometry import Box, Similarity
from faceloom.image import read_image, warp


@pytest.fixture(scope="module")
def full_range() -> FullRangeDetector:
    return FullRangeDetector()


@pytest.fixture(scope="module")
def landmarker() -> MeshLandmarker:
    return MeshLandmarker()


def share_found(files: list[Path], detector: Detector, landmarker: MeshLandmarker) -> float:
    """Of pictures whose best face also has a mesh."""
    found = 0
    for file in files:
        rgb = read_image(file)
        faces = detector(rgb)
        found += bool(faces) and landmarker(rgb, faces[0]).presence >= PRESENT
    return found / len(files)


@pytest.mark.parametrize("name", ["full-range", "mtcnn"])
def test_every_portrait_has_a_face(name: str, media: Path, landmarker: MeshLandmarker) -> None:
    files = sorted((media / "portraits/london").glob("*/*.jpg"))[::12]
    assert share_found(files, make_detector(name), landmarker) == 1


@pytest.mark.parametrize("person", ["s4", "s5"])
def test_faces_that_fill_the_picture_are_found(
    person: str, media: Path, full_range: FullRangeDetector, landmarker: MeshLandmarker
) -> None:
    files = sorted((media / "grid" / person).glob("*/*.jpg"))[::15]
    assert share_found(files, full_range, landmarker) >= 0.95


def test_nothing_is_found_in_noise_or_in_odd_sizes(full_range: FullRangeDetector) -> None:
    rng = np.random.default_rng(0)
    for shape in [(288, 360, 3), (1, 1, 3), (20, 900, 3)]:
        assert full_range(rng.integers(0, 255, shape, dtype=np.uint8)) == []


def test_the_mesh_is_not_present_where_no_face_is(landmarker: MeshLandmarker) -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    assert landmarker(grey, Face(Box(50, 50, 150, 160), 1.0)).presence < PRESENT


def test_the_mesh_turns_and_scales_with_the_picture(
    media: Path, full_range: FullRangeDetector, landmarker: MeshLandmarker
) -> None:
    rgb = read_image(next((media / "portraits/london/neutral").glob("*.jpg")))
    mesh = landmarker(rgb, full_range(rgb)[0]).mesh_4683
    turn = Similarity.from_parts(0.7, 25.0, 200.0, -40.0)
    turned = warp(rgb, turn, (640, 640))
    turned_mesh = landmarker(turned, full_range(turned)[0]).mesh_4683
    assert mesh is not None
    assert turned_mesh is not None
    error_px = np.linalg.norm(turn.apply(mesh) - turned_mesh[:, :2], axis=1)
    assert error_px.mean() < 0.01 * np.ptp(turned_mesh[:, 1])


def test_eyes_are_the_persons_right_then_left(media: Path, full_range: FullRangeDetector) -> None:
    rgb = read_image(next((media / "portraits/london/neutral").glob("*.jpg")))
    eyes_22 = full_range(rgb)[0].eyes_22
    assert eyes_22 is not None
    assert eyes_22[0, 0] < eyes_22[1, 0]


def test_suppression_keeps_the_best_of_each_cluster() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 40, 40]], float)
    assert suppress(boxes, np.array([0.6, 0.9, 0.7])) == [1, 2]


def test_an_unknown_detector_is_said() -> None:
    with pytest.raises(UserError, match="full-range or mtcnn"):
        make_detector("retina")
