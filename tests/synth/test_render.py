"""The renderer: same bytes from the same values, and masks that say what the picture shows."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from tests.synth.plain_person import LIGHT, plain_person, shot

from faceloom.synth.assets import load_head
from faceloom.synth.kernels.raster import Target, draw_triangles
from faceloom.synth.lens import develop
from faceloom.synth.render import Renderer
from faceloom.synth.scene import (
    FaceState,
    Glasses,
    HeadPose,
    Label,
    Light,
    Rendered,
    Sensor,
    Solid,
)

SIZE_PX = 72
RENDERER = Renderer(SIZE_PX, supersampling=2)


def render(*arguments: object, **changes: object) -> Rendered:
    return RENDERER.render(plain_person(), shot(*arguments, **changes))  # type: ignore[arg-type]


def test_one_thread_and_two_give_the_same_bytes() -> None:
    code = (
        "import hashlib; from tests.synth.test_render import render;"
        "out = render(); print(hashlib.sha256(out.rgb_HWC.tobytes()"
        " + out.face_mask_HW.tobytes()).hexdigest())"
    )
    hashes = set()
    for threads in ("1", "2"):
        environment = os.environ | {"NUMBA_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        hashes.add(done.stdout.split()[-1])
    assert len(hashes) == 1


def test_landmarks_lie_on_the_face_they_are_projected_to() -> None:
    out = render()
    seen = shot().camera.project(out.vertices_V3[load_head().landmarks_68[27:]], SIZE_PX)
    for x, y, _ in seen:
        assert out.face_mask_HW[int(y), int(x)] > 0.9
    eyes = shot().camera.project(out.eye_centres_23, SIZE_PX)
    assert eyes[0, 0] < eyes[1, 0]  # The person's right eye is on the picture's left.
    assert all(out.labels_HW[int(y), int(x)] == Label.EYE for x, y, _ in eyes)


def test_the_mask_covers_the_inner_face_alone() -> None:
    out = render()
    assert out.face_mask_HW.min() == 0
    assert out.face_mask_HW.max() == 1
    inner = np.isin(out.labels_HW, [Label.FACE, Label.EYE, Label.BROW, Label.MOUTH])
    assert (out.face_mask_HW[inner] > 0).all()
    assert (out.face_mask_HW[out.labels_HW == Label.CLOTH] < 0.5).all()
    partial = (out.face_mask_HW > 0) & (out.face_mask_HW < 1)
    assert partial.any()  # Its edge is anti-aliased.


def test_what_stands_in_front_takes_the_mask_off() -> None:
    square = np.array([[-0.3, 6.4, 2.2], [0.3, 6.4, 2.2], [0.3, 6.9, 2.2], [-0.3, 6.9, 2.2]])
    solid = Solid("card", square, np.array([[0, 1, 2], [0, 2, 3]], np.int32), (0.2, 0.2, 0.2))
    plain, hidden = render(), render(solids=(solid,))
    card = hidden.labels_HW == Label.OCCLUDER
    assert card.sum() > 20
    assert (hidden.face_mask_HW[card] < 0.8).all()
    assert plain.face_mask_HW[card].mean() > 0.9


def test_hair_and_glasses_cover_the_face() -> None:
    bare = render()
    haired = RENDERER.render(plain_person(hair=True), shot())
    assert (haired.labels_HW == Label.HAIR).sum() > 30
    assert haired.face_mask_HW.sum() < bare.face_mask_HW.sum()
    glasses = plain_person(glasses=Glasses("square", (0.01, 0.01, 0.01), 0.3))
    framed = RENDERER.render(glasses, shot())
    assert (framed.labels_HW == Label.GLASSES).sum() > 10


def test_turning_moves_the_nose_and_not_the_shoulders() -> None:
    still, turned = render(), render(FaceState(pose=HeadPose(yaw_deg=30)))
    nose = load_head().landmarks_68[30]
    camera = shot().camera
    before, after = (camera.project(o.vertices_V3[nose], SIZE_PX) for o in (still, turned))
    assert after[0] - before[0] > 3
    low = load_head().base_V3[:, 1] < 5.3
    assert np.abs(turned.vertices_V3[low] - still.vertices_V3[low]).max() < 0.05


def test_a_blink_hides_the_eyes_and_gaze_turns_them() -> None:
    def pixels(state: FaceState) -> int:
        return int((render(state).labels_HW == Label.EYE).sum())

    shut = FaceState({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0})
    assert pixels(shut) < 0.3 * pixels(FaceState())
    aside = render(FaceState(gaze_deg=(25.0, 0.0)))
    assert not np.array_equal(aside.rgb_HWC, render().rgb_HWC)


def test_the_key_lights_its_own_side() -> None:
    def left_minus_right(direction: tuple[float, float, float]) -> float:
        picture = render_under(replace(LIGHT, key_direction=direction))
        half = SIZE_PX // 2
        return float(picture[:, :half].mean() - picture[:, half:].mean())

    assert left_minus_right((-0.8, 0.3, 0.5)) > 2 > -2 > left_minus_right((0.8, 0.3, 0.5))


def render_under(light: Light) -> np.ndarray:
    out = RENDERER.render(plain_person(), replace(shot(), light=light))
    return out.rgb_HWC * (out.face_mask_HW > 0.5)[..., None].astype(float)


def test_noise_comes_from_the_seed() -> None:
    sensor = Sensor(noise=0.03)
    first, again, other = (render(sensor=sensor, seed=seed).rgb_HWC for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_motion_blur_smears_what_moves() -> None:
    still = render(sensor=Sensor(noise=0))
    later = FaceState(pose=HeadPose(yaw_deg=12, shift_dm=(0.4, 0, 0)))
    blurred = render(sensor=Sensor(noise=0, shutter=1.0), next_state=later)
    assert blurred.rgb_HWC.mean() == pytest.approx(still.rgb_HWC.mean(), rel=0.03)
    sharp, soft = (
        np.abs(np.diff(o.rgb_HWC[20:50].astype(float), axis=1)).mean() for o in (still, blurred)
    )
    assert soft < 0.9 * sharp
    standing = render(sensor=Sensor(noise=0, shutter=1.0), next_state=FaceState())
    assert np.array_equal(standing.rgb_HWC, still.rgb_HWC)


def test_a_frame_does_not_depend_on_the_one_before() -> None:
    first = render()
    RENDERER.render(plain_person(hair=True), shot(FaceState(pose=HeadPose(yaw_deg=40))))
    again = render()
    assert np.array_equal(first.rgb_HWC, again.rgb_HWC)
    assert np.array_equal(first.face_mask_HW, again.face_mask_HW)
    assert np.array_equal(first.depth_HW, again.depth_HW)


def test_backs_of_closed_surfaces_are_not_drawn() -> None:
    corners = np.array([[2, 2, 1], [2, 14, 1], [14, 2, 1]], np.float32)
    front, back = np.array([[[0, 1, 2]], [[0, 2, 1]]], np.int32)

    def drawn(triangles: np.ndarray, one_sided: int) -> int:
        target = Target.blank(16, 16)
        draw_triangles(corners, triangles, target, first=0, one_sided=one_sided)
        return int((target.index_HW == 0).sum())

    assert drawn(front, 1) == drawn(front, 0) == drawn(back, 0) > 60
    assert drawn(back, 1) == 0


def test_neighbouring_triangles_leave_no_gap() -> None:
    rng = np.random.default_rng(0)
    middle = rng.uniform(20, 44, (1, 2))
    around = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = 32 + 30 * np.stack([np.cos(around), np.sin(around)], axis=1)
    flat = np.concatenate([middle, ring])
    points = np.column_stack([flat, np.ones(len(flat))]).astype(np.float32)
    ids = np.arange(40)
    triangles = np.stack([0 * ids, 1 + ids, 1 + (ids + 1) % 40], axis=1).astype(np.int32)
    target = Target.blank(64, 64)
    draw_triangles(points, triangles, target, first=0)
    y, x = np.mgrid[0:64, 0:64] + 0.5
    assert (target.index_HW[np.hypot(x - 32, y - 32) < 29] >= 0).all()


def test_the_film_curve_rises_and_ends_at_white() -> None:
    linear = np.repeat(np.linspace(0, 6, 400, dtype=np.float32)[None, :, None], 3, axis=2)
    coded = develop(linear, Sensor(noise=0), seed=0)[0, :, 0].astype(int)
    assert (np.diff(coded) >= 0).all()
    assert coded[0] == 0
    assert coded[-1] == 255
    grey = np.full((1, 1, 3), 0.18, np.float32)
    value = 1.12 * 0.18 * (1 + 0.12 * 0.18) / (1 + 0.42 * 0.18)
    expected = 255 * (1.055 * value ** (1 / 2.4) - 0.055)
    assert abs(develop(grey, Sensor(noise=0), seed=0)[0, 0, 0] - expected) <= 0.6
