"""Following faces: who is who, gaps and cuts, on faces that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from faceloom.faces.align import reference_points
from faceloom.faces.face import Face, Mesh
from faceloom.faces.track import FaceTracker, SceneCut, Seen, fill_gaps
from faceloom.geometry import Box
from faceloom.image import RGB

FRAME: RGB = np.zeros((8, 8, 3), np.uint8)


def mesh_at(x: float, y: float = 100.0, scale: float = 1.0) -> Mesh:
    points = reference_points(100) * scale + [x, y]
    return np.pad(points, ((0, 0), (0, 1))).astype(np.float32)


def face_of(mesh: Mesh, score: float = 0.9) -> Face:
    return Face(Box.around(mesh), score, None, mesh, 1.0)


def mesh_of(face: Face) -> Mesh:
    assert face.mesh_4683 is not None
    return face.mesh_4683


class Scene:
    """A detector and landmarker that know where the faces are, in `meshes`, frame by frame."""

    def __init__(self, answer: float = 0.0) -> None:
        self.meshes: list[Mesh] = []
        self.detections = 0
        self.answer = answer
        """What of the cut's error comes back in the mesh: the loop that a real network closes."""

    def detect(self, rgb: RGB) -> list[Face]:
        assert rgb is FRAME
        self.detections += 1
        return [Face(Box.around(mesh), 0.9) for mesh in self.meshes]

    def mark(self, rgb: RGB, face: Face) -> Face:
        assert rgb is FRAME
        for mesh in self.meshes:
            if Box.around(mesh).iou(face.box) > 0.3:
                cut = face.mesh_4683
                error = 0 * mesh if cut is None else cut - mesh
                return face_of((mesh + self.answer * error).astype(np.float32), face.score)
        return replace(face, presence=0.0)

    def tracker(self) -> FaceTracker:
        return FaceTracker(self.detect, self.mark)


def test_faces_keep_their_numbers_and_the_detector_rests() -> None:
    scene = Scene()
    tracker = scene.tracker()
    for frame in range(30):
        scene.meshes = [mesh_at(2.0 * frame), mesh_at(300.0 - 2 * frame, scale=0.8)]
        seen = tracker.update(FRAME)
        assert [one.track for one in seen] == [0, 1]
        assert np.allclose(mesh_of(seen[0].face), scene.meshes[0], atol=1e-3)
    assert scene.detections == 2, "once to begin, once to look for newcomers"


def test_a_newcomer_is_seen_and_one_who_leaves_is_forgotten() -> None:
    scene = Scene()
    tracker = scene.tracker()
    scene.meshes = [mesh_at(0)]
    tracker.update(FRAME)
    scene.meshes = [mesh_at(0), mesh_at(300)]
    counts = [len(tracker.update(FRAME)) for _ in range(20)]
    assert counts[-1] == 2
    scene.meshes = [mesh_at(300)]
    assert [one.track for one in tracker.update(FRAME)] == [1]
    for _ in range(10):
        tracker.update(FRAME)
    scene.meshes = [mesh_at(0), mesh_at(300)]
    tracks = {one.track for _ in range(20) for one in tracker.update(FRAME)}
    assert tracks == {1, 2}, "who returns after long is a new face"


def test_a_face_lost_for_a_moment_is_the_same_one() -> None:
    scene = Scene()
    tracker = scene.tracker()
    scene.meshes = [mesh_at(0)]
    first = tracker.update(FRAME)
    scene.meshes = []
    assert tracker.update(FRAME) == []
    scene.meshes = [mesh_at(5)]
    again = tracker.update(FRAME)
    assert [one.track for one in again] == [one.track for one in first]


@pytest.mark.parametrize("answer", [-0.95, 0.5])
def test_a_mesh_that_depends_on_its_cut_does_not_swing(answer: float) -> None:
    scene = Scene(answer)
    tracker = scene.tracker()
    scene.meshes = [mesh_at(0)]
    tracker.update(FRAME)
    scene.meshes = [mesh_at(10)]
    errors = []
    for _ in range(12):
        (seen,) = tracker.update(FRAME)
        errors.append(float(np.abs(mesh_of(seen.face) - scene.meshes[0]).max()))
    # Undamped, 0.95 of the error comes back each time: over half of it would be left.
    assert errors[-1] < 0.05 * errors[0]


def test_a_fast_face_is_followed() -> None:
    scene = Scene()
    tracker = scene.tracker()
    for frame in range(40):
        scene.meshes = [mesh_at(25.0 * frame)]  # A third of its width a frame.
        assert len(tracker.update(FRAME)) == 1
    assert scene.detections < 40


def test_gaps_are_filled_between_sightings_and_nowhere_else() -> None:
    def stream(seen_at: set[int], frames: int) -> list[Seen[int]]:
        return [
            Seen(i, i / 25, face_of(mesh_at(10.0 * i)) if i in seen_at else None)
            for i in range(frames)
        ]

    filled = list(fill_gaps(stream({2, 3, 6, 20}, 24), max_gap_frames=5))
    assert [one.item for one in filled] == list(range(24))
    assert [one.item for one in filled if one.face is not None] == [2, 3, 4, 5, 6, 20]
    assert [one.item for one in filled if one.filled] == [4, 5]
    between = filled[4].face
    assert between is not None
    assert np.allclose(mesh_of(between), mesh_at(40), atol=1e-3)


def test_scene_cuts_are_seen_and_motion_is_none() -> None:
    rng = np.random.default_rng(0)
    one, other = (
        np.kron(rng.integers(0, 255, (12, 16, 3)), np.ones((20, 20, 1))).astype(np.uint8)
        for _ in range(2)
    )
    cut = SceneCut()
    assert cut(one)
    assert not cut(np.roll(one, 2, axis=1))
    assert cut(other)


def test_no_face_lies_between_two_scenes() -> None:
    seen = [
        Seen(i, i / 25, face_of(mesh_at(10.0 * i)) if i in (0, 3) else None, scene=i // 2)
        for i in range(4)
    ]
    assert [one.face is not None for one in fill_gaps(iter(seen))] == [True, False, False, True]
