"""Whole evaluations of short real clips, and the commands as a user meets them."""

from __future__ import annotations

import json
import pickle
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.conftest import SmallJob, cut_clip
from tests.toy_pair import drawn_frame, make_toy_pair, write_pictures

from faceloom import cli
from faceloom.evaluate import evaluate as evaluate_module
from faceloom.evaluate import likeness, observe
from faceloom.evaluate.evaluate import EvaluateOptions, EvaluateStatus, evaluate_clips
from faceloom.evaluate.evaluation import EVALUATION_VERSION, SCORES_FILE, Evaluation
from faceloom.evaluate.identity_readers import load_readers
from faceloom.evaluate.likeness import gain_scale, mean_cosines
from faceloom.evaluate.material import pictures_of, read_gallery, read_material
from faceloom.evaluate.measures import MEASURES
from faceloom.evaluate.paired_frames import ClipPair, PairedFrame, PairReport, paired_frames
from faceloom.files import write_bytes
from faceloom.image import RGB, encode_image, read_image
from faceloom.video import Frame, VideoWriter, probe, read_frames

FRAMES = 30
FACE_BOX = (slice(70, 240), slice(100, 245))
"""Where the head is in the clip that is cut."""
Change = Callable[[RGB, int], RGB]


@pytest.fixture(scope="module", autouse=True)
def _no_umap() -> Iterator[None]:
    """UMAP takes long to compile; `test_likeness` looks at it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(likeness, "_umap", lambda rows: None)
        yield


@pytest.fixture(scope="module")
def folder(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Footage of one person, and material of another."""
    place = tmp_path_factory.mktemp("evaluate")
    cut_clip(media / "grid" / "s1" / "session-a" / "bbaf2n.mpg", place / "footage.mp4", FRAMES)
    cut_clip(media / "grid" / "s2" / "s2_pwij3p.mpg", place / "face.mp4", 20)
    return place


def write_changed(folder: Path, name: str, change: Change) -> Path:
    """The footage with its face box changed, encoded as swaps are, with its sound."""
    footage = folder / "footage.mp4"
    with VideoWriter(folder / name, probe(footage), crf=12, audio_from=footage) as writer:
        for frame in read_frames(footage):
            picture = frame.rgb.copy()
            picture[FACE_BOX] = change(picture[FACE_BOX], frame.index)
            writer.write(Frame.from_rgb(picture, frame))
    return folder / name


def evaluated(folder: Path, result: Path, **options: object) -> Evaluation:
    pair = ClipPair("talk", folder / "footage.mp4", result)
    chosen = EvaluateOptions(judged_frames=8, face_pictures=6, **options)  # type: ignore[arg-type]
    return evaluate_clips([pair], folder / "face.mp4", chosen, folder / "report")


@pytest.fixture(scope="module")
def copy(folder: Path) -> Path:
    """The footage, merely encoded again."""
    return write_changed(folder, "copy.mp4", lambda face, _: face)


@pytest.fixture(scope="module")
def copied(folder: Path, copy: Path) -> Evaluation:
    return evaluated(folder, copy)


@pytest.fixture(scope="module")
def faulty(folder: Path) -> Evaluation:
    """Blurred, and flickering in the last third."""

    def change(face: RGB, index: int) -> RGB:
        soft = cv2.GaussianBlur(face, (0, 0), 1.5).astype(np.int16)
        lift = 14 * (index % 2) if index >= 20 else 0
        return np.clip(soft + lift, 0, 255).astype(np.uint8)

    return evaluated(folder, write_changed(folder, "faulty.mp4", change))


def value(evaluation: Evaluation, name: str) -> float:
    found = evaluation.figures[name].value
    assert found is not None
    return found


def test_a_copy_keeps_everything_and_gains_nothing(copied: Evaluation) -> None:
    assert value(copied, "identity_gain") == pytest.approx(0, abs=0.1)
    assert value(copied, "mouth_correlation") > 0.95
    assert value(copied, "pose_error_deg") < 0.5
    assert value(copied, "expression_error") < 0.01
    assert value(copied, "sharpness_ratio") == pytest.approx(1, abs=0.15)
    assert value(copied, "warp_error_ratio") == pytest.approx(1, abs=0.1)
    assert value(copied, "seam_energy") < 1
    assert value(copied, "colour_excess") < 0.5
    assert value(copied, "outside_error") < 1.5
    assert value(copied, "sound_kept") == 1
    assert value(copied, "frames_missed") == 0
    assert "lips follow" in copied.summary


def test_planted_faults_are_measured(copied: Evaluation, faulty: Evaluation) -> None:
    assert value(faulty, "sharpness_ratio") < 0.5 * value(copied, "sharpness_ratio")
    for name in ("flicker_levels", "warp_error_ratio", "kernel_distance"):
        assert value(faulty, name) > 1.3 * value(copied, name)
    assert "flicker" in faulty.summary
    assert any(moment.frame >= 19 for moment in faulty.worst)


def test_everything_a_report_shows_is_there(copied: Evaluation, tmp_path: Path) -> None:
    unasked = {name for name in MEASURES if name.startswith("key_")}
    assert set(copied.figures) == set(MEASURES) - unasked
    for figure in copied.figures.values():
        assert figure.value is not None or figure.note
    assert all(len(curve.values) == FRAMES for curve in copied.curves)
    assert {point.group for point in copied.map} == {"footage", "face", "result"}
    assert len(copied.heat_maps) == 4
    assert copied.clips[0].frames == FRAMES
    assert any("all come from one clip" in warning for warning in copied.warnings)
    copied.save(tmp_path)
    assert Evaluation.load(tmp_path) == copied


def test_progress_rises_to_the_end(folder: Path, copy: Path) -> None:
    seen: list[EvaluateStatus] = []
    pair = ClipPair("talk", folder / "footage.mp4", copy)
    options = EvaluateOptions(judged_frames=1, face_pictures=4)
    evaluate_clips([pair], folder / "face.mp4", options, None, seen.append)
    shares = [status.progress for status in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert any("frames" in status.detail for status in seen)


def test_pictures_are_not_kept(folder: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: set[int] = set()
    most = 0

    def watched(pair: ClipPair, report: PairReport | None = None) -> Iterator[PairedFrame]:
        nonlocal most
        for moment in paired_frames(pair, report):
            alive.add(moment.index)
            weakref.finalize(moment.result, alive.discard, moment.index)
            yield moment
            most = max(most, len(alive))
            del moment

    monkeypatch.setattr(observe, "paired_frames", watched)
    pair = ClipPair("talk", folder / "footage.mp4", copy)
    seen = observe.observe(pair, {}, FRAMES, 4, lambda _: None)
    assert seen.frames == FRAMES
    assert most <= 3
    # A picture has 311 kB. These are kept of a limited number of frames, however long the clip is.
    limited = (seen.features, seen.spectra, seen.identities)
    assert len(pickle.dumps(seen)) - len(pickle.dumps(limited)) < 5_000 * FRAMES


def test_a_gallery_gives_look_alikes_with_pictures(
    folder: Path, copy: Path, media: Path, tmp_path: Path
) -> None:
    for number in ("001", "002", "012", "025"):
        photo = media / "portraits" / "london" / "neutral" / f"{number}_03.jpg"
        write_bytes(tmp_path / "gallery" / photo.name, photo.read_bytes())
    for kind, stem in (("neutral", "030_03"), ("smiling", "030_08")):
        photo = media / "portraits" / "london" / kind / f"{stem}.jpg"
        write_bytes(tmp_path / "gallery" / "both" / photo.name, photo.read_bytes())
    found = evaluated(folder, copy, gallery=tmp_path / "gallery")
    assert found.figures["retrieval_top1"].value == 0
    for person in ("footage", "face", "result"):
        ranks = [like.rank for like in found.likenesses if like.of == person]
        assert ranks == [1, 2, 3]
    names = {of: [like.name for like in found.likenesses if like.of == of]
             for of in ("footage", "result")}  # fmt: skip
    assert names["footage"] == names["result"]
    thumbnail = read_image(folder / "report" / found.likenesses[0].thumbnail)
    assert thumbnail.shape == (128, 128, 3)


# -- real people ----------------------------------------------------------------------------------


def test_another_session_is_near_a_real_photo_and_another_person_is_not(media: Path) -> None:
    judge = load_readers()["judge"]
    grid = media / "grid"

    def look(path: Path, count: int = 6) -> np.ndarray:
        return np.stack([judge(p.rgb, p.mesh_4683) for p in pictures_of(path, count)])

    one = {"judge": judge}
    face = read_material(grid / "s1" / "session-b", one, None, 12).by_reader["judge"]
    footage = look(grid / "s2" / "s2_pwij3p.mpg")
    scale = gain_scale(footage, face)

    def gain(vectors: np.ndarray) -> float:
        return scale.gain(float(mean_cosines(vectors, face.identities_ND).mean()))

    assert gain(look(grid / "s1" / "session-a" / "bbaf2n.mpg")) > 0.75
    assert gain(footage) == pytest.approx(0, abs=1e-6)
    stranger = gain(look(min((grid / "others").iterdir())))
    assert abs(stranger) < 0.5


def test_a_gallery_of_photos_and_folders(media: Path, tmp_path: Path) -> None:
    neutral = media / "portraits" / "london" / "neutral"
    for name, target in (("001_03", "ann"), ("002_03", "bea/1"), ("012_03", "bea/2")):
        write_bytes(tmp_path / f"{target}.jpg", (neutral / f"{name}.jpg").read_bytes())
    blank = np.full((90, 90, 3), 128, np.uint8)
    write_bytes(tmp_path / "nobody.png", encode_image(blank, ".png"))
    gallery = read_gallery(tmp_path, load_readers()["training"])
    assert gallery.names == ("ann", "bea")
    assert np.linalg.norm(gallery.identities_PD, axis=1) == pytest.approx([1, 1], abs=1e-5)


# -- the commands ---------------------------------------------------------------------------------


def _without_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is slow."""
    quick = {"training": load_readers()["training"]}
    monkeypatch.setattr(evaluate_module, "load_readers", lambda: quick)


@pytest.fixture
def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., None]:
    """Run a command that must fail with one line that holds the words, and leave nothing."""
    _without_the_judge(monkeypatch)

    def call(words: str, *arguments: object) -> None:
        output = tmp_path / "report"
        command = ["faceloom", *map(str, arguments)]
        if arguments[0] == "evaluate":
            command += ["-o", str(output)]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as stop:
            cli.main()
        lines = [x for x in capsys.readouterr().err.splitlines() if x.startswith("faceloom:")]
        assert stop.value.code == 2
        assert len(lines) == 1
        assert words in lines[0]
        assert not output.exists()

    return call


def toy(place: Path, count: int = 5, size: int = 64) -> Path:
    frames = [drawn_frame(i % 5, (190, 140, 110), 0.9)[:size, :size] for i in range(count)]
    return write_pictures(place, frames)


def test_what_is_missing_is_asked_for(refused: Callable[..., None], tmp_path: Path) -> None:
    clip = toy(tmp_path / "clip")
    refused("needs OUT", "evaluate", "--footage", clip, "--face", clip)
    refused("needs --footage", "evaluate", clip, "--face", clip)
    refused("needs --face", "evaluate", clip, "--footage", clip)
    refused("does not exist", "evaluate", clip, "--footage", clip, "--face", tmp_path / "none")
    refused("is no pair folder", "evaluate", clip, "--key", clip)
    refused("is not a run folder", "evaluate", "--run", clip)
    refused("two reports", "compare", _report(tmp_path))


def _report(folder: Path) -> Path:
    Evaluation("0", EVALUATION_VERSION, "", (), {}).save(folder / "report-a")
    return folder / "report-a"


def test_a_folder_that_cannot_be_written_is_told_before_the_work(
    refused: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryDirectory", full)
    clip, same = tmp_path / "clip", tmp_path / "same"
    refused("cannot be written (No space left", "evaluate", same, "--footage", clip, "--face", clip)


def test_clips_that_do_not_match_are_refused(refused: Callable[..., None], tmp_path: Path) -> None:
    clip, other = toy(tmp_path / "clip"), toy(tmp_path / "other", size=48)
    longer = toy(tmp_path / "longer", count=8)
    refused("is 48x48 px", "evaluate", other, "--footage", clip, "--face", clip)
    refused("has 8 frames", "evaluate", longer, "--footage", clip, "--face", clip)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    refused("is not a readable video", "evaluate", broken, "--footage", clip, "--face", clip)
    refused("is the footage itself", "evaluate", clip, "--footage", clip, "--face", clip)


@pytest.mark.parametrize(
    ("suffix", "words"), [(".mp4", "is not a readable video"), (".mkv", "its footage")]
)
def test_a_clip_cut_midway_is_refused(
    refused: Callable[..., None], folder: Path, copy: Path, tmp_path: Path, suffix: str, words: str
) -> None:
    whole = cut_clip(copy, tmp_path / f"whole{suffix}", FRAMES).read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole[: len(whole) // 2])
    footage, face = folder / "footage.mp4", folder / "face.mp4"
    refused(words, "evaluate", cut, "--footage", footage, "--face", face)


def test_other_inputs_that_cannot_be_used_are_refused(
    refused: Callable[..., None], folder: Path, copy: Path, tmp_path: Path
) -> None:
    given = ("--footage", folder / "footage.mp4", "--face", folder / "face.mp4")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    refused("is not a readable video", "evaluate", copy, "--footage", broken, *given[2:])
    refused("is not a readable video", "evaluate", copy, *given[:2], "--face", broken)
    refused("give a gallery", "evaluate", copy, *given, "--gallery", broken)
    refused("cannot be read as safetensors", "evaluate", copy, *given, "--vggface2", broken)
    pair = make_toy_pair(tmp_path / "pair")
    refused("64x64 px", "evaluate", copy, "--key", pair)
    few = write_pictures(tmp_path / "few", [drawn_frame(0, (190, 140, 110), 0.9)] * 3)
    refused("has 3 frames", "evaluate", few, "--key", pair)


def test_pictures_without_a_face_are_refused(
    refused: Callable[..., None], folder: Path, media: Path, tmp_path: Path
) -> None:
    clip, same = toy(tmp_path / "clip"), toy(tmp_path / "same")
    refused("shows no face to compare with", "evaluate", same, "--footage", clip, "--face", clip)
    refused("shows no face in 5 frames", "evaluate", same, "--footage", clip, "--face",
            folder / "face.mp4")  # fmt: skip
    photo = media / "portraits" / "london" / "neutral" / "001_03.jpg"
    refused("one picture of the face only", "evaluate", same, "--footage", clip, "--face", photo)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must succeed, without the slow judge; gives what it printed."""
    _without_the_judge(monkeypatch)

    def call(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["faceloom", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert stop.value.code == 0
        return capsys.readouterr().out

    return call


def test_a_report_is_written_and_compared(
    folder: Path, copy: Path, copied: Evaluation, faulty: Evaluation, tmp_path: Path,
    done: Callable[..., str],
) -> None:  # fmt: skip
    copied.save(tmp_path / "copied")
    faulty.save(tmp_path / "faulty")
    page = tmp_path / "compare.html"
    told = done("compare", tmp_path / "copied", tmp_path / "faulty", "-o", page)
    assert "faulty" in page.read_text(encoding="utf-8")
    assert "faulty against copied over 1 clip" in told
    assert "worse in" in told
    told = done("evaluate", copy, "--footage", folder / "footage.mp4", "--face",
                folder / "face.mp4", "-o", tmp_path / "report")  # fmt: skip
    assert "lips follow" in told
    assert "there is no judge" in told
    scores = json.loads((tmp_path / "report" / SCORES_FILE).read_text())
    assert scores["figures"]["mouth_correlation"]["value"] > 0.95
    assert (tmp_path / "report" / "report.html").is_file()


def test_a_run_is_evaluated_on_its_own_footage(
    small_job: SmallJob, tmp_path: Path, done: Callable[..., str]
) -> None:
    done("evaluate", "--run", small_job.run, "-o", tmp_path / "report")
    found = Evaluation.load(tmp_path / "report")
    assert found.settings["run"] == small_job.run.name
    assert found.clips[0].footage == small_job.footage.name
    assert (tmp_path / "report" / "result.mp4").is_file()
