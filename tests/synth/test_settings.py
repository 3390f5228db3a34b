"""Settings, backgrounds, occluders: the same seed gives the same; faces fill the picture."""

from __future__ import annotations

import numpy as np
import pytest
from tests.synth.plain_person import plain_person

from faceloom.errors import UserError
from faceloom.synth.assets import load_head, vertex_normals
from faceloom.synth.implicit import Rod, surface_of
from faceloom.synth.occluders import OCCLUDERS, make_occluder
from faceloom.synth.settings import LIGHTS, black_body, make_setting


def test_the_same_seed_gives_the_same_setting() -> None:
    one, other, third = make_setting(3), make_setting(3), make_setting(4)
    assert one.light == other.light
    assert one.camera == other.camera
    assert one.sensor == other.sensor
    assert np.array_equal(one.background_HWC, other.background_HWC)
    assert one.camera != third.camera


@pytest.mark.parametrize("light", LIGHTS)
def test_every_light_can_be_asked_for(light: str) -> None:
    setting = make_setting(1, light=light)
    assert setting.light.name == light
    assert np.linalg.norm(setting.light.key_direction) == pytest.approx(1)
    assert 0 < setting.light.exposure < 4
    background = setting.background_HWC
    assert background.dtype == np.float32
    assert background.shape[0] == background.shape[1]
    assert np.isfinite(background).all()
    assert background.min() >= 0


def test_faces_take_half_of_the_picture() -> None:
    head = load_head()
    brow_and_chin = head.base_V3[head.landmarks_68[[27, 8]]]
    shares, middles = [], []
    for seed in range(12):
        camera = make_setting(seed, light="studio").camera
        top, bottom = camera.project(brow_and_chin, 1000)[:, 1]
        shares.append((bottom - top) / 1000)
        middles.append((bottom + top) / 2000)
    # From the bridge of the nose to the chin is 0.7 of a face.
    assert min(shares) > 0.3
    assert max(shares) < 0.42
    assert all(0.5 < middle < 0.75 for middle in middles)


def test_low_light_is_darker_and_noisier() -> None:
    dark, bright = make_setting(2, light="low-light"), make_setting(2, light="studio")
    assert dark.sensor.noise > 2 * bright.sensor.noise
    assert dark.light.exposure < bright.light.exposure


def test_black_bodies_go_from_red_to_blue() -> None:
    candle, day, sky = black_body(2000), black_body(6500), black_body(12000)
    assert candle[0] > candle[1] > candle[2]
    assert day == pytest.approx([1, 1, 1], abs=0.08)
    assert sky[2] > sky[0]


@pytest.mark.parametrize("wrong", [{"light": "moon"}, {"occluder": "cat"}])
def test_unknown_names_are_said(wrong: dict[str, str]) -> None:
    with pytest.raises(UserError, match="take one of"):
        make_setting(0, **wrong)


# -- occluders ------------------------------------------------------------------------------------


def test_a_rod_is_a_closed_surface_that_faces_outwards() -> None:
    vertices, triangles = surface_of([Rod((0, 0, 0), (1, 0, 0), 0.3, 0.3)], 0.08, 0.05)
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert set(counts.tolist()) == {2}
    axis = np.clip(vertices[:, :1], 0, 1) * (1, 0, 0)
    away = vertices - axis
    assert np.linalg.norm(away, axis=1) == pytest.approx(0.3, abs=0.02)
    assert (vertex_normals(vertices, triangles) * away).sum(axis=1).min() > 0


@pytest.mark.parametrize("kind", OCCLUDERS)
def test_occluders_come_in_front_of_the_face(kind: str) -> None:
    at = make_occluder(kind, 10.0, seed=1)
    camera = make_setting(0, light="studio").camera
    face_y = camera.project(np.array([[0.0, 6.4, 1.5]]), 256)[0, 1]
    highest = []
    for time_s in np.arange(0, 10, 0.25):
        solids = at(float(time_s))
        points = np.concatenate([solid.vertices_V3 for solid in solids])
        seen = camera.project(points, 256)
        over_face = np.abs(seen[:, 0] - 128) < 60
        highest.append(seen[over_face, 1].min() if over_face.any() else np.inf)
        for solid in solids:
            assert solid.triangles_T3.max() < len(solid.vertices_V3)
    assert min(highest) < face_y


def test_a_hand_moves_without_jumps_and_has_its_wearers_skin() -> None:
    person = plain_person()
    at = make_occluder("hand", 6.0, 3, person)
    skin = {solid.name: solid.albedo for solid in at(0.0)}
    assert skin["hand skin"] == person.neck_skin
    wrists = [at(n / 50)[0].vertices_V3.mean(axis=0) for n in range(150)]
    assert np.abs(np.diff(wrists, axis=0)).max() < 0.25  # 12 dm a second.
    normals = vertex_normals(at(0.0)[0].vertices_V3, at(0.0)[0].triangles_T3)
    middle = at(0.0)[0].vertices_V3.mean(axis=0)
    outwards = ((at(0.0)[0].vertices_V3 - middle) * normals).sum(axis=1)
    assert (outwards > 0).mean() > 0.7
