"""Clips and pairs on disk: whole, as long as asked, their truth at its place, resumable."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.synth.plain_person import plain_person, shot

from faceloom.errors import UserError
from faceloom.evaluate.keyed_pair import KeyedPair
from faceloom.image import read_image
from faceloom.synth import clip as clips
from faceloom.synth import pair as pairs
from faceloom.synth.assets import load_head
from faceloom.synth.clip import ClipPaths, shots, write_clip
from faceloom.synth.motion import make_motion
from faceloom.synth.render import Renderer
from faceloom.synth.scene import INNER_FACE, FaceState, HeadPose, Person, Solid
from faceloom.synth.settings import make_setting
from faceloom.synth.truth import frame_truth
from faceloom.video import probe, read_frames, read_metadata

SIZE_PX, FRAMES = 64, 4


def lines(truth: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (truth / "frames.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> ClipPaths:
    motion = make_motion("talk", FRAMES / 25, seed=1)
    setting = make_setting(1, light="studio")
    output = tmp_path_factory.mktemp("clip") / "a.mp4"
    return write_clip(plain_person(), motion, setting, output, seed=1, size_px=SIZE_PX)


def test_a_clip_has_its_frames_at_their_times(written: ClipPaths) -> None:
    frames = list(read_frames(written.clip))
    assert [frame.time_s for frame in frames] == [Fraction(n, 25) for n in range(FRAMES)]
    info = probe(written.clip)
    assert (info.width_px, info.height_px) == (SIZE_PX, SIZE_PX)
    assert info.rate == 25
    assert "a person who does not exist" in read_metadata(written.clip)["comment"]
    assert sorted(path.name for path in written.clip.parent.iterdir()) == ["a-truth", "a.mp4"]


def test_truth_has_a_record_a_mask_and_labels_for_each_frame(written: ClipPaths) -> None:
    records = lines(written.truth)
    assert [record["index"] for record in records] == list(range(FRAMES))
    for record in records:
        name = f"{record['index']:06d}.png"
        mask, labels = (
            np.asarray(cv2.imread(str(written.truth / kind / name), cv2.IMREAD_UNCHANGED))
            for kind in ("mask", "labels")
        )
        assert mask.shape == labels.shape == (SIZE_PX, SIZE_PX)
        inner = np.isin(labels, [int(label) for label in INNER_FACE])
        assert np.abs(inner - mask / 255.0).mean() < 0.02
        x0, y0, x1, y1 = record["face_box_px"]
        rows, columns = np.nonzero(mask > 127)
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (x0, y0, x1, y1)
        assert len(record["landmarks_68"]["xy_px"]) == 68
        assert len(record["mesh_468"]["xy_px"]) == len(record["mesh_468_ids"])


def test_a_clip_is_not_made_twice_but_remade_from_another_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "b.mp4"
    motion, setting = make_motion("still", 0.04, seed=1), make_setting(1, light="studio")
    write_clip(plain_person(), motion, setting, output, size_px=32)
    before = output.stat().st_mtime_ns
    write_clip(plain_person(), motion, setting, output, size_px=32)
    assert output.stat().st_mtime_ns == before
    write_clip(plain_person(), motion, setting, output, size_px=32, seed=2)
    assert output.stat().st_mtime_ns > before


def test_an_interrupted_clip_goes_on_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: ClipPaths
) -> None:
    motion = make_motion("talk", FRAMES / 25, seed=1)
    setting, output = make_setting(1, light="studio"), tmp_path / "a.mp4"
    rendered: list[float] = []

    def watch(status: clips.SynthStatus) -> None:
        rendered.append(status.progress)
        if len(rendered) == 2:
            raise KeyboardInterrupt

    def write() -> ClipPaths:
        return write_clip(
            plain_person(), motion, setting, output, seed=1, size_px=SIZE_PX,
            keep_frames=tmp_path / "frames", report=watch,
        )  # fmt: skip

    with pytest.raises(KeyboardInterrupt):
        write()
    assert not output.exists()
    with (tmp_path / ".a-rendering/truth/frames.jsonl").open("a") as file:
        file.write('{"index": 2, "cut')
    paths = write()
    assert len(rendered) == FRAMES
    assert lines(paths.truth) == lines(written.truth)
    whole = tmp_path / "whole"
    write_clip(
        plain_person(), motion, setting, tmp_path / "b.mp4", seed=1, size_px=SIZE_PX,
        keep_frames=whole,
    )  # fmt: skip
    # Pictures, not the clip's bytes: an encoder may spend its bits another way.
    for picture in sorted(whole.glob("*.png")):
        assert (tmp_path / "frames" / picture.name).read_bytes() == picture.read_bytes()
    assert len(list((tmp_path / "frames").glob("*.png"))) == FRAMES


def test_outputs_that_cannot_be_are_refused(tmp_path: Path) -> None:
    motion, setting = make_motion("still", 0.04, seed=1), make_setting(1, light="studio")
    (tmp_path / "c-truth").mkdir()
    (tmp_path / "c-truth/diary.txt").write_text("mine")
    with pytest.raises(UserError, match="something else"):
        write_clip(plain_person(), motion, setting, tmp_path / "c.mp4", size_px=32)
    with pytest.raises(UserError, match="video file"):
        write_clip(plain_person(), motion, setting, tmp_path / "c", size_px=32)
    with pytest.raises(UserError, match="size"):
        write_clip(plain_person(), motion, setting, tmp_path / "d.mp4", size_px=33)


# -- truth ----------------------------------------------------------------------------------------


def test_landmarks_lie_where_they_are_rendered() -> None:
    """A ball at a landmark changes the picture around the landmark's place."""
    renderer, person = Renderer(256, 3), plain_person()
    state = FaceState({"jawOpen": 0.2}, HeadPose(yaw_deg=12.0, pitch_deg=-5.0))
    plain_shot = shot(state)
    bare = renderer.render(person, plain_shot)
    truth = frame_truth(person, plain_shot, bare)
    for number in (8, 30, 36, 48):
        centre = bare.vertices_V3[load_head().landmarks_68[number]]
        marked = renderer.render(person, shot(state, solids=(_ball(centre, 0.04),)))
        changed = np.abs(marked.rgb_HWC.astype(int) - bare.rgb_HWC).sum(axis=2) > 60
        x, y = truth.landmarks_68.xy_px[number]
        near = np.zeros_like(changed)
        near[int(y) - 6 : int(y) + 7, int(x) - 6 : int(x) + 7] = True
        rows, columns = np.nonzero(changed & near)
        assert np.hypot(columns.mean() - x, rows.mean() - y) < 0.5
        assert truth.landmarks_68.visible[number]


def _ball(centre: np.ndarray, radius: float) -> Solid:
    from faceloom.synth.implicit import Rod, surface_of

    vertices, triangles = surface_of([Rod((0, 0, 0), (0, 0, 1e-6), radius, radius)], 0.01, 0.01)
    return Solid("ball", vertices + centre, triangles, (0.0, 0.9, 0.0), 0.0)


def test_what_is_covered_or_turned_away_is_not_visible() -> None:
    renderer, person = Renderer(128, 2), plain_person()
    turned = shot(FaceState(pose=HeadPose(yaw_deg=60.0)))
    truth = frame_truth(person, turned, renderer.render(person, turned))
    # Turned to the picture's right: its right edge of the face is hidden, the left one shows.
    assert truth.landmarks_68.visible[2]
    assert not truth.landmarks_68.visible[14]
    nose = load_head().base_V3[load_head().landmarks_68[30]]
    covered = shot(solids=(_ball(nose + np.array([0, 0, 0.5]), 0.2),))
    truth = frame_truth(person, covered, renderer.render(person, covered))
    assert not truth.landmarks_68.visible[30]
    assert truth.solids == ["ball"]


def test_truth_agrees_with_the_camera() -> None:
    renderer, person, one = Renderer(64, 2), plain_person(), shot()
    record = frame_truth(person, one, renderer.render(person, one)).to_json()
    camera = record["camera"]
    points = np.array(record["landmarks_68"]["camera_dm"])
    flat = 32 + camera["focal_px"] * points[:, :2] * (1, -1) / -points[:, 2:]
    assert np.abs(flat - 0.5 - record["landmarks_68"]["xy_px"]).max() < 0.02
    json.dumps(record, allow_nan=False)


def test_shots_follow_the_motion_and_look_ahead() -> None:
    motion = make_motion("talk", 0.2, seed=1)
    setting = make_setting(1, light="studio", occluder="hand")
    taken = list(shots(setting, motion, 3))
    assert [one.state for one in taken] == motion
    assert taken[0].next_state == motion[1]
    assert taken[-1].next_state == motion[-1]
    assert len({one.seed for one in taken}) == len(motion)
    for one, after in pairwise(taken):
        assert np.array_equal(one.next_solids[0].vertices_V3, after.solids[0].vertices_V3)


# -- pairs ----------------------------------------------------------------------------------------


@pytest.fixture
def plain_people(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(seed: int) -> Person:
        from dataclasses import replace

        tone = np.full((8, 8, 4), 0.1 + 0.005 * seed, np.float32)
        return replace(plain_person(), name=f"person-{seed}", albedo_HW4=tone)

    def swap(face: Person, _footage: Person, tone: str) -> Person:
        return face if tone == "own" else make(20)

    monkeypatch.setattr(pairs, "make_person", make)
    monkeypatch.setattr(pairs, "swapped_person", swap)


def test_a_pair_has_all_that_the_benchmark_opens(tmp_path: Path, plain_people: None) -> None:
    folder = tmp_path / "pair"
    told: list[Any] = []
    pairs.write_pair(3, 60, folder, seconds=0.08, size_px=32, seed=1, report=told.append)
    pair = KeyedPair.open(folder)
    assert (pair.frames, pair.size_px, pair.rate, pair.kind) == (2, 32, 25.0, "plain")
    assert len(list(read_frames(pair.footage))) == 2
    assert len(list(read_frames(pair.face))) == 3
    frames = list(pair.keyed_frames(pair.key))
    assert len(frames) == 2
    assert frames[0].mask.max() > 0.9
    assert not np.array_equal(frames[0].key, frames[0].key_own)
    for part in ("footage-truth", "face-truth", "key-truth"):
        assert lines(folder / part)
        assert (folder / part / "labels/000000.png").is_file()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"pair"}
    assert [status.progress for status in told] == sorted(status.progress for status in told)
    assert told[-1].progress == pytest.approx(1.0)
    before = (folder / "pair.json").stat().st_mtime_ns
    pairs.write_pair(3, 60, folder, seconds=0.08, size_px=32, seed=1)
    assert (folder / "pair.json").stat().st_mtime_ns == before
    with pytest.raises(UserError, match="something else"):
        pairs.write_pair(3, 60, folder, seconds=0.08, size_px=32, seed=2)


def test_far_from_the_faces_a_key_is_the_footage() -> None:
    random = np.random.default_rng(0)
    key, footage = (random.integers(0, 256, (64, 64, 3)).astype(np.uint8) for _ in range(2))
    faces = np.zeros((64, 64), bool)
    faces[20:40, 20:40] = True
    made = pairs.only_near(key, footage, faces)
    assert np.array_equal(made[faces], key[faces])
    near = cv2.dilate(faces.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert np.array_equal(made[~near], footage[~near])


def test_an_interrupted_pair_goes_on(tmp_path: Path, plain_people: None) -> None:
    done: list[str] = []

    def stop(status: clips.SynthStatus) -> None:
        if status.detail.startswith("key:"):
            raise KeyboardInterrupt

    def run(report: clips.Report) -> None:
        pairs.write_pair(3, 60, tmp_path / "p", seconds=0.08, size_px=32, kind="occlusion",
                         report=report)  # fmt: skip

    with pytest.raises(KeyboardInterrupt):
        run(stop)
    assert not (tmp_path / "p").exists()
    run(lambda status: done.append(status.detail))
    assert not any(detail.startswith(("footage", "face")) for detail in done)
    record = json.loads((tmp_path / "p/footage-truth/recipe.json").read_text())
    assert record["occluder"] in ("hand", "microphone")
    assert read_image(tmp_path / "p/key/000001.png").shape == (32, 32, 3)


@pytest.mark.parametrize(
    "wrong", [{"kind": "odd"}, {"face_seed": 3}, {"seed": -1}, {"size_px": 31}, {"seconds": 0.0}]
)
def test_pairs_that_cannot_be_are_refused(
    tmp_path: Path, plain_people: None, wrong: dict[str, Any]
) -> None:
    asked = {"into_seed": 3, "face_seed": 60, "seconds": 0.04, "size_px": 32} | wrong
    with pytest.raises(UserError):
        pairs.write_pair(folder=tmp_path / "p", **asked)
