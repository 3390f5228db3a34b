"""Whole evaluations of results with one fault of known strength: the fault's own scores move the
right way by the right size, step by step, and all others stay where they are.

The result is the footage itself, pixel for pixel, but for the fault: what a score says of it is
known. All clips are evaluated in one go, and each clip's own figure is looked at.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.conftest import cut_clip
from tests.evaluate.toy_face import bump
from tests.toy_pair import write_clip, write_pictures

from faceloom.evaluate import evaluate as evaluate_module
from faceloom.evaluate import likeness
from faceloom.evaluate.colour_difference import ciede2000, lab_of
from faceloom.evaluate.evaluate import EvaluateOptions, evaluate_clips
from faceloom.evaluate.evaluation import Evaluation
from faceloom.evaluate.identity_readers import load_readers
from faceloom.evaluate.keyed_pair import KeyedPair
from faceloom.evaluate.keyscores import KeyScores, score_result
from faceloom.evaluate.material import FaceFinder
from faceloom.evaluate.paired_frames import ClipPair
from faceloom.faces.expression import eye_span_px
from faceloom.faces.face import Mesh
from faceloom.faces.mask import draw_polygons, hull_polygon
from faceloom.files import write_json
from faceloom.image import RGB
from faceloom.video import read_frames

FIRST, SHORT, LONG, KEYED, SOUND = 24, 9, 30, 5, 5
"""Frames; the long clips are for what needs more than a second."""
STRENGTHS: dict[str, tuple[float, ...]] = {
    "blur": (0.6, 1.2, 2.4),  # Sigma, px.
    "shift": (1, 2, 4),  # Px, to the right.
    "recolour": (6, 12, 24),  # Levels, redder and less blue.
    "speck": (10, 20, 40),  # Levels, redder, on one cheek.
    "jitter": (0.5, 1, 2),  # Px, left and right in turn.
    "flicker": (3, 6, 12),  # Levels, every other frame.
    "leak": (8, 24, 72),  # Levels, in a corner of the picture.
    "late picture": (1, 2, 4),  # Frames.
    "late sound": (0.04, 0.12, 0.3),  # Seconds.
}
KEYED_FAULTS = ("blur", "shift", "recolour", "jitter")
SQUARE = (slice(16, 272), slice(40, 296))
"""What a keyed pair shows of the footage."""
FOLLOWED = 0.8
"""The mesh follows a face so far, whose head around it stays where it was."""
CHEEK = 50
"""Of the mesh's points."""
TINT = np.array([1.0, 0.0, -0.8])
LEAK, LEAK_SIGNS = (slice(0, 40), slice(0, 60)), np.array([1, -1, -1])
"""The screen behind the man is bright and blue."""

RISES: dict[str, tuple[str, ...]] = {
    "blur": ("kernel_distance", "seam_energy"),
    "shift": ("seam_energy", "pose_offset_deg"),
    "recolour": ("colour_excess", "colour_difference", "seam_energy", "kernel_distance"),
    "jitter": ("jitter_ratio", "warp_error_ratio", "seam_energy", "expression_error"),
    "speck": ("specks",),
    "flicker": ("flicker_levels", "warp_error_ratio", "seam_energy"),
    "leak": ("outside_error",),
    "late picture": ("lip_lag_s", "expression_error", "pose_error_deg", "gaze_error_deg"),
    "late sound": ("sound_delay_s",),
}
FALLS: dict[str, tuple[str, ...]] = {
    "blur": ("sharpness_ratio", "warp_error_ratio"),
    "late picture": ("mouth_correlation",),
}
"""The scores that move with each fault, step by step, and which way."""
KEYED_RISES = ("landmark_error",)
KEYED_FALLS = ("gain", "ssim", "psnr_db")
STAYS = {
    "identity_gain_training": 0.05, "pose_error_deg": 1.0,
    "expression_error": 0.003, "sharpness_ratio": 0.06, "colour_excess": 0.6,
    "seam_energy": 0.01, "flicker_levels": 0.5, "jitter_ratio": 0.15, "warp_error_ratio": 0.05,
    "specks": 0.4, "checkerboard_db": 1.0, "frames_missed": 0.0, "outside_error": 0.0,
    "outside_changed": 0.0, "time_error_s": 0.0, "frames_differ": 0.0,
}  # fmt: skip
"""How far each score may be from a perfect one at a fault's middle strength, where that fault does
not touch it."""
TOUCHED = {
    # A soft face is read more steadily.
    "blur": {"jitter_ratio"},
    # A bright face that moves against its surroundings has an edge; so has a lighter one.
    "jitter": {"flicker_levels"},
    "flicker": {"colour_excess", "jitter_ratio"},
    "late picture": set(STAYS) - {"identity_gain_training", "sharpness_ratio", "frames_missed",
                                  "checkerboard_db", "time_error_s", "frames_differ"},
    "leak": {"outside_changed"},
}  # fmt: skip
"""What else a fault touches, though not step by step."""
Change = Callable[[NDArray[np.float32], int], NDArray[np.floating]]


@dataclass(frozen=True)
class Talk:
    """The footage: its frames, and where the face is in each."""

    frames: list[RGB]
    meshes: list[Mesh]

    def on_face(self, change: Change) -> list[RGB]:
        """The frames with their faces changed, softly at the edge."""
        return [
            self._mixed(k, change(frame.astype(np.float32), k))
            for k, frame in enumerate(self.frames)
        ]

    def _mixed(self, k: int, other: NDArray[np.floating]) -> RGB:
        frame, hull = self.frames[k], hull_polygon(self.meshes[k])
        mask = draw_polygons([hull], (frame.shape[1], frame.shape[0]))
        soft = cv2.GaussianBlur(mask, (0, 0), 1.5)[..., None]
        return np.clip(np.round(frame + (other - frame) * soft), 0, 255).astype(np.uint8)


def moved(picture: NDArray[np.float32], right_px: float) -> NDArray[np.float32]:
    matrix = np.array([[1, 0, right_px], [0, 1, 0]], np.float32)
    size = picture.shape[1], picture.shape[0]
    return np.asarray(cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC,
                                     borderMode=cv2.BORDER_REFLECT), np.float32)  # fmt: skip


def spot(mesh_4683: Mesh, picture: NDArray[np.float32]) -> NDArray[np.float64]:
    """Red of height 1 on a cheek, (H, W, 3)."""
    sigma_px = 0.035 * float(eye_span_px(mesh_4683))
    height = bump(picture.shape, mesh_4683[CHEEK, :2], sigma_px)
    return np.multiply.outer(height, [1.0, 0.0, 0.0])


def faulty(talk: Talk, fault: str, strength: float) -> list[RGB]:
    """The frames with one fault."""
    changes: dict[str, Change] = {
        "blur": lambda p, _: np.asarray(cv2.GaussianBlur(p, (0, 0), strength), np.float32),
        "shift": lambda p, _: moved(p, strength),
        "recolour": lambda p, _: p + strength * TINT,
        "speck": lambda p, k: p + strength * spot(talk.meshes[k], p),
        "jitter": lambda p, k: moved(p, strength * (-1) ** k),
        "flicker": lambda p, k: p + strength * (k % 2),
    }
    if fault in changes:
        return talk.on_face(changes[fault])
    if fault == "late picture":
        return [talk.frames[max(0, k - int(strength))] for k in range(len(talk.frames))]
    leaked = [frame.copy() for frame in talk.frames]
    for frame in leaked:
        frame[LEAK] = frame[LEAK] + strength * LEAK_SIGNS
    return leaked


def with_late_sound(source: Path, target: Path, delay_s: float) -> Path:
    """The same packets, those of the sound shown later."""
    with av.open(str(source)) as clip, av.open(str(target), "w") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in clip.streams}
        for packet in clip.demux():
            if not packet.size:
                continue
            if packet.stream.type == "audio":
                late = round(delay_s / packet.time_base)
                packet.pts, packet.dts = (packet.pts or 0) + late, (packet.dts or 0) + late
            packet.stream = streams[packet.stream.index]
            out.mux(packet)
    return target


@dataclass(frozen=True)
class Known:
    """One evaluation of all faults and of the footage itself, as `clean` (short) and `long`."""

    evaluation: Evaluation
    names: Sequence[str]
    talk: Talk

    def value(self, name: str, clip: str) -> float | None:
        return self.evaluation.figures[name].by_clip[self.names.index(clip)]

    def series(self, name: str, fault: str) -> list[float]:
        """Without the fault, then at each strength of it."""
        clips = [clean_of(fault), *(f"{fault} {strength:g}" for strength in STRENGTHS[fault])]
        values = [self.value(name, clip) for clip in clips]
        assert None not in values, f"{name} is unknown in {clips}"
        return [value for value in values if value is not None]

    def curve(self, name: str, clip: str) -> NDArray[np.float64]:
        """The result's curve over one clip."""
        place = self.evaluation.clips[self.names.index(clip)]
        whole = next(one for one in self.evaluation.curves if one.name == name).values
        part = whole[place.first_frame : place.first_frame + place.frames]
        return np.array(part, np.float64)


def clean_of(fault: str) -> str:
    return {"late picture": "long", "late sound": "sound 0"}.get(fault, "clean")


@pytest.fixture(scope="module")
def known(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Known:
    folder = tmp_path_factory.mktemp("known")
    source = media / "grid" / "s1" / "session-a" / "bbaf2n.mpg"
    frames = [frame.rgb for frame in read_frames(source)][FIRST : FIRST + LONG]
    finder = FaceFinder()
    meshes = [mesh for frame in frames[:SHORT] if (mesh := finder(frame)) is not None]
    assert len(meshes) == SHORT
    talk, long_talk = Talk(frames[:SHORT], meshes), Talk(frames, [])
    footage = {
        "clean": write_pictures(folder / "footage", talk.frames),
        "long": write_pictures(folder / "long-footage", frames),
        "sound 0": cut_clip(source, folder / "sound.mp4", SOUND),
    }
    pairs = [
        ClipPair("clean", footage["clean"], write_pictures(folder / "clean", talk.frames)),
        ClipPair("long", footage["long"], write_pictures(folder / "long", frames)),
        ClipPair("sound 0", footage["sound 0"],
                 with_late_sound(footage["sound 0"], folder / "sound-0.mp4", 0)),
    ]  # fmt: skip
    for fault, strengths in STRENGTHS.items():
        for strength in strengths:
            name = f"{fault} {strength:g}"
            given = footage[clean_of(fault)]
            if fault == "late sound":
                made = with_late_sound(given, folder / f"{name}.mp4", strength)
            else:
                shown = long_talk if fault == "late picture" else talk
                made = write_pictures(folder / name, faulty(shown, fault, strength))
            pairs.append(ClipPair(name, given, made))
    cut_clip(media / "grid" / "s2" / "s2_pwij3p.mpg", folder / "face.mp4", 20)
    # The judge is slow, and looked at elsewhere; UMAP takes long to compile.
    quick = load_readers()["training"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate_module, "load_readers", lambda: {"training": quick})
        patch.setattr(likeness, "_umap", lambda rows: None)
        options = EvaluateOptions(judged_frames=1, face_pictures=4)
        found = evaluate_clips(pairs, folder / "face.mp4", options)
    return Known(found, [pair.name for pair in pairs], talk)


@pytest.fixture(scope="module")
def keyed(known: Known, tmp_path_factory: pytest.TempPathFactory) -> dict[str, KeyScores]:
    """Scores with a key: the answer is a part of the footage, the footage the same very soft."""
    folder = tmp_path_factory.mktemp("keyed") / "pair"
    talk = known.talk
    answer = [frame[SQUARE] for frame in talk.frames[:KEYED]]
    masks = []
    for frame, mesh in zip(talk.frames[:KEYED], talk.meshes, strict=False):
        mask = draw_polygons([hull_polygon(mesh)], (frame.shape[1], frame.shape[0]))
        masks.append(np.round(255 * mask[SQUARE]).astype(np.uint8))
    soft = [cv2.GaussianBlur(frame, (0, 0), 6).astype(np.uint8) for frame in answer]
    for name, shown in {"key": answer, "key-own": answer, "soft": soft}.items():
        write_pictures(folder / name, shown)
    for name in ("footage", "face"):
        write_clip(folder / f"{name}.mp4", folder / "soft")
        write_pictures(folder / f"{name.replace('face', 'key')}-truth" / "mask", masks)
    record = {"kind": "plain", "frames": KEYED, "size_px": 256, "rate": [25, 1]}
    write_json(folder / "pair.json", record)
    pair = KeyedPair.open(folder)
    results = {"clean": answer}
    for fault in KEYED_FAULTS:
        for strength in STRENGTHS[fault]:
            made = faulty(talk, fault, strength)[:KEYED]
            results[f"{fault} {strength:g}"] = [frame[SQUARE] for frame in made]
    return {name: score_result(pair, write_pictures(folder / name, shown), None).scores
            for name, shown in results.items()}  # fmt: skip


def is_monotone(values: Sequence[float]) -> bool:
    return bool((np.diff(values) > 0).all())


def test_the_footage_itself_is_perfect(known: Known) -> None:
    for name in STAYS:
        best = 1 if name.endswith(("ratio", "correlation")) else 0
        for clip in ("clean", "long", "sound 0"):
            if not (clip == "sound 0" and name == "flicker_levels"):  # Too short.
                assert known.value(name, clip) == pytest.approx(best, abs=0.01), (name, clip)
    assert known.value("sound_kept", "sound 0") == 1
    assert known.value("sound_delay_s", "sound 0") == 0
    assert known.value("kernel_distance", "long") == pytest.approx(0, abs=1e-9)
    assert known.value("lip_lag_s", "long") == 0


@pytest.mark.parametrize("fault", STRENGTHS)
def test_a_faults_own_scores_worsen_step_by_step(known: Known, fault: str) -> None:
    for name in RISES[fault]:
        assert is_monotone(known.series(name, fault)), (name, known.series(name, fault))
    for name in FALLS.get(fault, ()):
        assert is_monotone(known.series(name, fault)[::-1]), (name, known.series(name, fault))


@pytest.mark.parametrize("fault", STRENGTHS)
def test_other_scores_stay_where_they_are(known: Known, fault: str) -> None:
    own = {*RISES[fault], *FALLS.get(fault, ()), *TOUCHED.get(fault, ())}
    clip = f"{fault} {STRENGTHS[fault][1]:g}"
    for name, reach in STAYS.items():
        clean = known.value(name, clean_of(fault))
        if name not in own and clean is not None:
            assert known.value(name, clip) == pytest.approx(clean, abs=reach + 1e-6), name


def test_scores_have_the_size_of_the_fault(known: Known) -> None:
    talk, span_px = known.talk, float(eye_span_px(known.talk.meshes[0]))
    hull = hull_polygon(talk.meshes[0]).astype(np.int32)
    inside = cv2.fillConvexPoly(np.zeros(talk.frames[0].shape[:2], np.uint8), hull, (1,)) > 0
    skin = np.median(talk.frames[0][inside], axis=0)
    for levels in STRENGTHS["recolour"]:
        tint = float(ciede2000(lab_of(skin + levels * TINT), lab_of(skin)))
        assert known.value("colour_excess", f"recolour {levels}") == pytest.approx(tint, rel=0.35)
    for px in STRENGTHS["jitter"]:
        # There and back: the second difference is four times as long as one way.
        shaken = float(np.nanmedian(known.curve("jitter", f"jitter {px:g}"))) * span_px
        assert shaken == pytest.approx(FOLLOWED * 4 * px, rel=0.2)
    for levels in STRENGTHS["flicker"]:
        # From one to the other, each is half of it away from the middle.
        assert known.value("flicker_levels", f"flicker {levels}") == pytest.approx(
            levels / 2, rel=0.25
        )
    leaks = known.series("outside_error", "leak")
    assert leaks[2:] == pytest.approx([3 * leaks[1], 9 * leaks[1]], rel=0.03)
    changed = known.series("outside_changed", "leak")
    area = LEAK[0].stop * LEAK[1].stop / talk.frames[0][..., 0].size
    assert changed[:2] == [0, 0]
    assert area < changed[2] == changed[3] < 2 * area
    assert changed[2] * 24 == pytest.approx(leaks[2], rel=0.03)
    for frames in STRENGTHS["late picture"]:
        assert known.value("lip_lag_s", f"late picture {frames}") == pytest.approx(frames / 25)
    for seconds in STRENGTHS["late sound"]:
        late = known.value("sound_delay_s", f"late sound {seconds:g}")
        assert late == pytest.approx(seconds, abs=0.011)
        assert known.value("sound_kept", f"late sound {seconds:g}") == 1


@pytest.mark.parametrize("fault", KEYED_FAULTS)
def test_scores_with_a_key_worsen_step_by_step(keyed: dict[str, KeyScores], fault: str) -> None:
    clips = ["clean", *(f"{fault} {strength:g}" for strength in STRENGTHS[fault])]
    rows = [dataclasses.asdict(keyed[clip]) for clip in clips]
    for name in (*KEYED_FALLS, *KEYED_RISES):
        values = [row[name] for row in rows]
        assert is_monotone(values if name in KEYED_RISES else values[::-1]), (name, values)
    assert keyed["clean"].gain == 1
    assert [row["leakage"] for row in rows[1:]] == pytest.approx([rows[0]["leakage"]] * 3, abs=0.02)


def test_a_shift_is_as_far_as_it_is(known: Known, keyed: dict[str, KeyScores]) -> None:
    span_px = float(eye_span_px(known.talk.meshes[0]))
    for px in STRENGTHS["shift"]:
        error = keyed[f"shift {px}"].landmark_error
        assert error is not None
        assert error * span_px == pytest.approx(FOLLOWED * px, rel=0.2)
