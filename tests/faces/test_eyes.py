"""The eye reader on a real clip: it sees the blinks that the mesh does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from faceloom.faces.eyes import EyeReader
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
