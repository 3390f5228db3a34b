"""The mesh points' places on the head: the landmarker finds them where the truth says."""

from __future__ import annotations

import numpy as np

from faceloom.faces.find import FullRangeDetector, MeshLandmarker
from faceloom.synth.assets import load_head
from faceloom.synth.people import make_person
from faceloom.synth.render import Renderer
from faceloom.synth.scene import FaceState, HeadPose, Shot
from faceloom.synth.settings import make_setting
from faceloom.synth.truth import frame_truth, mesh_places


def test_places_are_mixes_of_three_vertices() -> None:
    places = mesh_places()
    assert len(places.ids_M) > 350
    assert len(set(places.ids_M.tolist())) == len(places.ids_M)
    assert places.weights_M3.min() >= 0
    assert np.allclose(places.weights_M3.sum(axis=1), 1, atol=1e-5)


def test_mirrored_points_lie_on_mirrored_places() -> None:
    places, head = mesh_places(), load_head()
    rest = dict(zip(places.ids_M.tolist(), places.points(head.base_V3), strict=True))
    for right, left in ((33, 263), (61, 291), (159, 386), (105, 334)):
        assert np.abs(rest[right] * (-1, 1, 1) - rest[left]).max() < 0.08


def test_the_landmarker_agrees_with_the_truth() -> None:
    person, renderer = make_person(7), Renderer(256)
    detector, landmarker = FullRangeDetector(), MeshLandmarker()
    setting = make_setting(2, light="studio")
    for yaw_deg in (0.0, 25.0):
        state = FaceState({"jawOpen": 0.2}, HeadPose(yaw_deg))
        shot = Shot(state, setting.camera, setting.light, setting.background_HWC)
        rendered = renderer.render(person, shot)
        truth = frame_truth(person, shot, rendered)
        seen = landmarker(rendered.rgb_HWC, detector(rendered.rgb_HWC)[0])
        assert seen.mesh_4683 is not None
        shown = np.array(truth.mesh_468.visible, bool)
        away = np.linalg.norm(
            seen.mesh_4683[truth.mesh_468_ids, :2] - np.array(truth.mesh_468.xy_px), axis=1
        )
        corners = np.array(truth.landmarks_68.camera_dm)[[36, 45]]
        depth = -corners[:, 2].mean()
        span_px = truth.camera["focal_px"] * np.linalg.norm(corners[0] - corners[1]) / depth
        assert away[shown].mean() / span_px < 0.055
