"""Extraction on real clips: everyone found, resumable, one person kept, a full record."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from faceloom.data.faceset import FaceSet
from faceloom.errors import UserError
from faceloom.extract import ExtractOptions, extract, shard, stage
from faceloom.faces.align import align, reference_points, rigid_indices
from faceloom.image import encode_image, read_image
from faceloom.video import VideoWriter, probe, read_frames

CONSENT = "speaker of the GRID corpus, tests"


def cut(source: Path, target: Path, frames: int) -> Path:
    """The first frames of a clip."""
    with VideoWriter(target, probe(source)) as writer:
        for frame in read_frames(source):
            if frame.index == frames:
                break
            writer.write(frame)
    return target


@pytest.fixture(scope="module")
def two_clips(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two short clips of one man."""
    folder = tmp_path_factory.mktemp("clips")
    for name in ("bbaf2n", "bbbf6n"):
        cut(media / f"grid/s1/session-a/{name}.mpg", folder / f"{name}.mp4", 16)
    return folder


@pytest.fixture(scope="module")
def whole(two_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their face set."""
    output = tmp_path_factory.mktemp("whole")
    extract(two_clips, output, ExtractOptions(), CONSENT)
    return output


def test_every_frame_gives_a_face_with_its_record(whole: Path) -> None:
    faces = FaceSet.open(whole)
    assert faces.info.frames == 32
    assert len(faces) + sum(faces.info.dropped.values()) == 32
    assert faces.consent == CONSENT
    assert faces.info.people == 1
    record = faces.records[0]
    assert record.source == "bbaf2n.mp4"
    assert record.time_s == "0"
    assert abs(record.yaw_deg) < 25
    assert abs(record.pitch_deg) < 25
    assert abs(record.roll_deg) < 15
    assert 0.5 < record.presence <= 1
    assert len(record.mask) > 10
    assert np.allclose(np.linalg.norm(faces.identities_N512, axis=1), 1, atol=1e-3)
    assert (faces.identities_N512 @ faces.mean_identity).min() > 0.6
    assert (whole / "contact.png").stat().st_size > 10_000
    assert not (whole / "parts").exists()


def test_crops_are_in_the_standard_place(whole: Path) -> None:
    faces = FaceSet.open(whole)
    assert faces.crops([0, 1]).shape == (2, 256, 256, 3)
    rigid = rigid_indices()
    expected = reference_points(256, 1.25)[rigid]
    assert np.abs(faces.meshes_N4683[:, rigid, :2] - expected).mean() < 6


def test_a_deleted_crop_is_left_out(whole: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(whole, copy)
    faces = FaceSet.open(copy)
    (copy / "crops" / faces.records[3].crop).unlink()
    fewer = FaceSet.open(copy)
    assert len(fewer) == len(faces) - 1
    assert np.array_equal(fewer.meshes_N4683[3], faces.meshes_N4683[4])


@pytest.mark.parametrize("stop_after", [3, 9, 20, 29])
def test_a_killed_extraction_goes_on_to_the_same_set(
    two_clips: Path,
    whole: Path,
    tmp_path: Path,
    stop_after: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stage, "SHARD_FRAMES", 6)
    reference = tmp_path / "reference"
    extract(two_clips, reference, ExtractOptions(), CONSENT)
    real, done = align, iter(range(stop_after))

    def failing(*arguments: object) -> object:
        if next(done, None) is None:
            raise KeyboardInterrupt
        return real(*arguments)  # type: ignore[arg-type]

    output = tmp_path / "faces"
    monkeypatch.setattr(shard, "align", failing)
    with pytest.raises(KeyboardInterrupt):
        extract(two_clips, output, ExtractOptions(), CONSENT)
    with pytest.raises(UserError, match="not a complete face set"):
        FaceSet.open(output)
    monkeypatch.setattr(shard, "align", real)
    extract(two_clips, output, ExtractOptions(), CONSENT)
    ours, theirs = FaceSet.open(output), FaceSet.open(reference)
    assert ours.records == theirs.records
    assert np.array_equal(ours.meshes_N4683, theirs.meshes_N4683)
    assert len(ours) == len(FaceSet.open(whole))


def test_other_consent_does_not_silently_reuse_a_set(two_clips: Path, whole: Path) -> None:
    with pytest.raises(UserError, match="other input or consent"):
        extract(two_clips, whole, ExtractOptions(), "somebody else")


def test_repeated_frames_are_dropped_and_counted(media: Path, tmp_path: Path) -> None:
    folder = tmp_path / "stills"
    folder.mkdir()
    image = read_image(media / "portraits/london/neutral/001_03.jpg")
    for number in range(4):
        (folder / f"{number}.png").write_bytes(encode_image(image, ".png"))
    report = extract(folder, tmp_path / "faces", ExtractOptions(), CONSENT)
    assert report.faces == 1
    assert report.dropped == {"duplicate": 3}


@pytest.fixture(scope="module")
def crowd(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of two people, three of each."""
    folder = tmp_path_factory.mktemp("crowd")
    for person in ("001", "002"):
        for kind, code in (("neutral", "03"), ("smiling", "08")):
            source = media / f"portraits/london/{kind}/{person}_{code}.jpg"
            shutil.copy(source, folder / f"{person}-{kind}.jpg")
    return folder


def test_two_people_need_a_choice(crowd: Path, media: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"people\.png.*--like"):
        extract(crowd, tmp_path / "faces", ExtractOptions(), CONSENT)
    assert (tmp_path / "faces" / "people.png").exists()
    like = media / "portraits/london/neutral/002_03.jpg"
    report = extract(crowd, tmp_path / "faces", ExtractOptions(like=like), CONSENT)
    faces = FaceSet.open(report.path)
    assert report.people == 2
    assert {record.source for record in faces.records} == {crowd.name}
    assert sorted(faces.info.dropped) == ["another person"]
    assert len(faces) == 2


def test_everyone_is_kept_if_asked_for(crowd: Path, tmp_path: Path) -> None:
    report = extract(crowd, tmp_path / "faces", ExtractOptions(everyone=True), CONSENT)
    faces = FaceSet.open(report.path)
    # Two pictures each of two people, none of them left out as another person.
    assert len(faces) == 4
    assert "another person" not in report.dropped
    of_two, of_one = faces.identities_N512[:2], faces.identities_N512[2:]
    assert float((of_two @ of_one.T).max()) < 0.45


def test_a_photo_of_nobody_there_is_refused(crowd: Path, media: Path, tmp_path: Path) -> None:
    like = media / "portraits/london/neutral/012_03.jpg"
    with pytest.raises(UserError, match="none of the 2 people"):
        extract(crowd, tmp_path / "faces", ExtractOptions(like=like), CONSENT)


def test_no_face_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "1.png").write_bytes(encode_image(np.full((64, 64, 3), 90, np.uint8), ".png"))
    with pytest.raises(UserError, match="no face was found in 1 frames"):
        extract(folder, tmp_path / "faces", ExtractOptions(), CONSENT)


def test_an_unfinished_extraction_of_other_footage_is_not_mixed(
    two_clips: Path, tmp_path: Path
) -> None:
    output = tmp_path / "faces"
    (output / "parts").mkdir(parents=True)
    (output / "parts" / "settings.json").write_text(json.dumps({"input": "elsewhere"}))
    with pytest.raises(UserError, match="unfinished extraction of other input"):
        extract(two_clips, output, ExtractOptions(), CONSENT)
