"""The eye reader on a real clip: it sees the blinks that the mesh does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from faceloom.faces.eyes import EyeReader, _gaze_deg
from faceloom.faces.face import Face, Mesh
from faceloom.faces.find import FullRangeDetector, MeshLandmarker
from faceloom.image import RGB
from faceloom.video import read_frames

SHUT, OPEN = 62, 32
"""Frames of the clip, as one sees them."""


@pytest.fixture(scope="module")
def seen(media: Path) -> dict[int, tuple[RGB, Mesh]]:
    detector, landmarker = FullRangeDetector(), MeshLandmarker()
    found = {}
    for frame in read_frames(media / "grid/s1/session-a/srwo9a.mpg"):
        if frame.index in (SHUT, OPEN):
            face: Face = landmarker(frame.rgb, detector(frame.rgb)[0])
            assert face.mesh_4683 is not None
            found[frame.index] = (frame.rgb, face.mesh_4683)
    return found


def test_shut_and_open_eyes_are_told_apart(seen: dict[int, tuple[RGB, Mesh]]) -> None:
    reader = EyeReader()
    assert reader(*seen[SHUT]) < 0.15
    assert reader(*seen[OPEN]) > 0.25


def test_contours_lie_at_the_eyes_of_the_picture(seen: dict[int, tuple[RGB, Mesh]]) -> None:
    rgb, mesh = seen[OPEN]
    for contour, corners in zip(
        EyeReader().contours(rgb, mesh), ((33, 133), (263, 362)), strict=True
    ):
        outer, inner = mesh[list(corners), :2]
        width_px = np.linalg.norm(inner - outer)
        assert np.linalg.norm(contour[0] - outer) < 0.25 * width_px
        assert np.linalg.norm(contour[8] - inner) < 0.25 * width_px
        assert contour[10:15, 1].mean() < contour[2:7, 1].mean()  # The upper lid is above.


def test_a_mirrored_picture_gives_the_same_openings(seen: dict[int, tuple[RGB, Mesh]]) -> None:
    rgb, mesh = seen[OPEN]
    flipped = mesh.copy()
    flipped[:, 0] = rgb.shape[1] - 1 - flipped[:, 0]
    flipped[[33, 133, 263, 362]] = flipped[[263, 362, 33, 133]]
    again = EyeReader()(np.ascontiguousarray(rgb[:, ::-1]), flipped)
    assert again == pytest.approx(EyeReader()(rgb, mesh), abs=0.02)


def test_gaze_follows_the_iris_and_is_zero_in_the_middle() -> None:
    contour = np.zeros((16, 2), np.float32)
    contour[0], contour[8] = (10, 20), (40, 20)
    mirrored = contour.copy()
    mirrored[[0, 8]] = contour[[8, 0]]
    for corners in (contour, mirrored):
        middle = (corners[0] + corners[8]) / 2
        assert _gaze_deg(corners, middle) == pytest.approx((0, 0))
        yaw, pitch = _gaze_deg(corners, middle + np.array([3, -2], np.float32))
        assert yaw > 10
        assert 5 < pitch < yaw


def test_the_whole_look_agrees_with_the_opening(seen: dict[int, tuple[RGB, Mesh]]) -> None:
    reader = EyeReader()
    look = reader.look(*seen[OPEN])
    assert look.opening == pytest.approx(reader(*seen[OPEN]))
    # The speaker reads from in front of the camera.
    assert abs(look.gaze_yaw_deg) < 15
    assert abs(look.gaze_pitch_deg) < 20
