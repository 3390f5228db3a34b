"""A real clip end to end: frames, times, sound, metadata, and what must not change."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from tests.conftest import SmallJob

from faceloom.convert import ConvertOptions, OutputKind, convert
from faceloom.convert.clip import converted
from faceloom.errors import UserError
from faceloom.experiment import convert_with_run, work_of
from faceloom.faces.find import FullRangeDetector, MeshLandmarker
from faceloom.faces.mask import mesh_mask
from faceloom.image import encode_image
from faceloom.provenance import MODEL_KEY
from faceloom.train.run import load_swapper
from faceloom.video import VideoWriter, probe, read_frames, read_metadata


def audio_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_aconverted_clip_keeps_all_but_the_face(small_job: SmallJob, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    report = convert_with_run(small_job.footage, small_job.run, output, ConvertOptions())
    clip = report.clips[0]
    assert (clip.frames, clip.faces, clip.damaged) == (30, 30, 0)
    before, after = list(read_frames(small_job.footage)), list(read_frames(output))
    assert [f.time_s for f in after] == [f.time_s for f in before]
    assert audio_packets(output) == audio_packets(small_job.footage)
    assert clip.audio == "copied"
    changed = np.abs(before[5].rgb.astype(int) - after[5].rgb)
    found = MeshLandmarker()(before[5].rgb, FullRangeDetector()(before[5].rgb)[0])
    assert found.mesh_4683 is not None
    inside = mesh_mask(found.mesh_4683, "hull", (360, 288)) > 0
    assert changed[inside].mean() > 3 * changed[~inside].mean()
    assert not list(tmp_path.glob(".*"))


def test_pixels_outside_the_mask_are_bit_identical_before_encoding(small_job: SmallJob) -> None:
    loaded = load_swapper(small_job.run)
    options = ConvertOptions()
    frames = (frame for frame in read_frames(small_job.footage))
    for original, result, placed in converted(frames, work_of(loaded, options), options, False):
        assert placed is not None
        assert original.samples is not None
        assert result.samples is not None
        one, other = original.samples.to_ndarray(), result.samples.to_ndarray()
        luma_one, luma_other = one[:288], other[:288]
        y, x = placed.y_px - placed.y_px % 2, placed.x_px - placed.x_px % 2
        height, width = (side + 2 for side in placed.mask_HW.shape)
        outside = np.ones((288, 360), bool)
        outside[y : y + height, x : x + width] = False
        assert outside.mean() > 0.5
        assert np.array_equal(luma_one[outside], luma_other[outside])
        assert not np.array_equal(luma_one, luma_other)


def test_metadata_carries_notice_consent_and_model(small_job: SmallJob, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    convert_with_run(small_job.footage, small_job.run, output, ConvertOptions())
    metadata = read_metadata(output)
    assert "contains a synthetic face" in metadata["comment"]
    assert "Ann, tests" in metadata["comment"]
    assert "Bo, tests" in metadata["comment"]
    assert metadata[MODEL_KEY] == load_swapper(small_job.run).sha256


def test_a_finished_clip_is_not_done_again(small_job: SmallJob, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    convert_with_run(small_job.footage, small_job.run, output, ConvertOptions())
    stamp = output.stat().st_mtime_ns
    again = convert_with_run(small_job.footage, small_job.run, output, ConvertOptions())
    assert again.clips[0].skipped
    assert output.stat().st_mtime_ns == stamp


def test_triple_and_side_by_side(small_job: SmallJob, tmp_path: Path) -> None:
    kinds: dict[OutputKind, int] = {"side-by-side": 2, "triple": 3}
    for kind, columns in kinds.items():
        output = tmp_path / f"{kind}.mp4"
        convert_with_run(small_job.footage, small_job.run, output, ConvertOptions(kind=kind))
        assert (probe(output).width_px, probe(output).height_px) == (360 * columns, 288)


def test_an_image_folder_gives_an_image_folder(small_job: SmallJob, tmp_path: Path) -> None:
    source = tmp_path / "images"
    source.mkdir()
    for frame in read_frames(small_job.footage):
        (source / f"{frame.index}.png").write_bytes(encode_image(frame.rgb, ".png"))
    output = tmp_path / "swapped"
    report = convert_with_run(source, small_job.run, output, ConvertOptions())
    assert report.clips[0].faces == 30
    assert len(list(output.glob("*.png"))) == 30
    assert "synthetic face" in (output / "faceloom.json").read_text()


def test_frames_without_the_face_stay_as_they_are(small_job: SmallJob) -> None:
    loaded = load_swapper(small_job.run)
    frames = list(read_frames(small_job.footage))
    blank = [frame.pasted(np.full((288, 360, 3), 90, np.uint8), 0, 0) for frame in frames[:3]]
    stream = iter([*blank, *frames[3:6], *[]])
    options = ConvertOptions()
    done = list(converted((f for f in stream), work_of(loaded, options), options, False))
    assert [placed is not None for *_, placed in done] == [False] * 3 + [True] * 3
    assert all(result is original for original, result, placed in done if placed is None)


def test_another_person_is_left_alone(small_job: SmallJob, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    with pytest.raises(UserError, match="shows no face of the person"):
        convert_with_run(small_job.face, small_job.run, output, ConvertOptions())
    report = convert_with_run(
        small_job.face, small_job.run, tmp_path / "any.mp4", ConvertOptions(anyone=True)
    )
    assert report.clips[0].faces == 30


def test_the_output_must_not_be_the_footage(small_job: SmallJob) -> None:
    work = work_of(load_swapper(small_job.run), ConvertOptions())
    with pytest.raises(UserError, match="is the footage itself"):
        convert(small_job.footage, work, small_job.footage, ConvertOptions())


def test_damaged_frames_pass_through_and_are_counted(small_job: SmallJob, tmp_path: Path) -> None:
    loaded, options = load_swapper(small_job.run), ConvertOptions()
    frames = list(read_frames(small_job.footage))[:6]
    frames[2].damaged = True
    done = list(converted((f for f in frames), work_of(loaded, options), options, False))
    assert done[2][1] is frames[2]
    assert done[1][2] is not None
    assert done[4][2] is not None


def test_a_folder_of_clips_gives_a_folder(small_job: SmallJob, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("one.mp4", "two.mp4", "two.mov"):
        with VideoWriter(folder / name, probe(small_job.footage)) as writer:
            for frame in list(read_frames(small_job.footage))[:5]:
                writer.write(frame)
    report = convert_with_run(folder, small_job.run, tmp_path / "out", ConvertOptions())
    assert [clip.output.name for clip in report.clips] == ["one.mp4", "two.mov.mp4", "two.mp4.mp4"]
    assert [clip.frames for clip in report.clips] == [5, 5, 5]
