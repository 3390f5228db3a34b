"""The command line as a user meets it: what it does, and how it refuses."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from faceloom import __version__, cli
from faceloom.image import encode_image
from faceloom.video import read_frames, read_metadata
from tests.conftest import SmallJob

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process; exit code, stdout, stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["faceloom", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 0
        out, err = capsys.readouterr()
        return code, out, err

    return call


def refused(result: tuple[int, str, str], *words: str) -> None:
    """Exit code 2 and one line that holds the words; no traceback."""
    code, _, err = result
    lines = [line for line in err.splitlines() if line.startswith("faceloom:")]
    assert code == 2
    assert len(lines) == 1
    assert "Traceback" not in err
    for word in words:
        assert word in lines[0], lines[0]


# -- what it does ---------------------------------------------------------------------------------


def test_version_and_help_are_quick_to_load(run: Run) -> None:
    assert run("--version")[1].strip() == f"faceloom {__version__}"
    code = "import sys, faceloom.cli; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_one_command_from_two_clips_to_a_swapped_clip(
    run: Run, small_job: SmallJob, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    arguments = [
        "swap", "--into", small_job.footage, "--face", small_job.face, "-o", output,
        "--steps", 2, "--size", 64, "--consent", "Ann and Bo, tests",
    ]  # fmt: skip
    code, out, err = run(*arguments)
    assert code == 0, err
    for name in ("faces-footage", "faces-face", "run", "run/preview.png"):
        assert (tmp_path / "out.faceloom" / name).exists()
        assert f"out.faceloom/{name}" in out
    assert len(list(read_frames(output))) == 30
    assert "Ann and Bo, tests" in read_metadata(output)["comment"]
    stamp = output.stat().st_mtime_ns
    assert run(*arguments)[0] == 0
    assert output.stat().st_mtime_ns == stamp, "a finished swap is not done again"


def test_the_steps_stand_alone_and_share_folders(
    run: Run, small_job: SmallJob, tmp_path: Path
) -> None:
    faces, trained = tmp_path / "faces", tmp_path / "run"
    assert run("extract", small_job.footage, "-o", faces, "--consent", "Ann, tests")[0] == 0
    code, out, err = run(
        "train", faces, small_job.faces_b, "-o", trained, "--steps", 2, "--size", 64,
        "--set", "per_side=2",
    )  # fmt: skip
    assert code == 0
    assert "2 steps" in out
    assert "side a: 30 faces of 1 clip" in err
    assert json.loads((trained / "balance.json").read_text())["b"]["faces"] == 30
    assert run("preview", trained)[1].strip().endswith("preview.png")
    code, out, _ = run("convert", small_job.footage, "--run", trained, "-o", tmp_path / "r.mp4")
    assert code == 0
    assert "30 of 30 frames swapped" in out
    code, out, err = run(
        "train", faces, small_job.faces_b, "-o", trained, "--steps", 4, "--size", 64
    )
    assert "4 steps" in out, "a longer budget goes on with the run"
    assert "side a" not in err, "the material is described once"


def test_a_run_with_landmarks_converts_without_them_and_with(
    run: Run, small_job: SmallJob, tmp_path: Path
) -> None:
    trained = tmp_path / "run"
    assert run(
        "train", small_job.faces_a, small_job.faces_b, "-o", trained, "--preset", "landmarks",
        "--steps", 2, "--size", 64, "--set", "per_side=2", "--set", "sampling=clusters",
        "--set", "model.landmarks.kind=heat",
    )[0] == 0  # fmt: skip
    found = []
    for given in ([], ["--landmarks"]):
        output = tmp_path / f"out{len(given)}.mp4"
        code, out, err = run("convert", small_job.footage, "--run", trained, "-o", output, *given)
        assert code == 0, err
        assert "30 of 30 frames swapped" in out
        found.append(next(iter(read_frames(output))).rgb)
    assert not np.array_equal(found[0], found[1])
    code, _, err = run(
        "convert", small_job.footage, "--run", small_job.run, "-o", tmp_path / "no.mp4",
        "--landmarks",
    )  # fmt: skip
    assert code == 2
    assert "was trained without landmarks" in err
    assert not (tmp_path / "no.mp4").exists()


def test_consent_is_asked_for_at_a_terminal(
    run: Run, small_job: SmallJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "Ann, asked, today")
    faces = tmp_path / "faces"
    assert run("extract", small_job.footage, "-o", faces)[0] == 0
    assert json.loads((faces / "faceset.json").read_text())["consent"] == "Ann, asked, today"


@pytest.mark.parametrize("wait_s", [4.0, 7.0])
def test_kill_9_while_training_loses_nothing_but_the_last_moments(
    small_job: SmallJob, tmp_path: Path, wait_s: float
) -> None:
    trained = tmp_path / "run"
    command = [
        sys.executable, "-m", "faceloom", "train", str(small_job.faces_a), str(small_job.faces_b),
        "-o", str(trained), "--size", "64", "--set", "per_side=2", "--set", "checkpoint_s=0.2",
    ]  # fmt: skip
    process = subprocess.Popen([*command, "--steps", "100000"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (trained / "model.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(wait_s - 4.0)
    process.send_signal(signal.SIGKILL)
    process.wait()
    from faceloom.train.run import Run as RunFolder

    found = RunFolder(trained).load_checkpoint()
    assert found is not None
    reached = found[1].step
    assert reached > 0
    done = subprocess.run(
        [*command, "--steps", str(reached + 2)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"{reached + 2} steps" in done.stdout
    steps = [json.loads(line)["step"] for line in (trained / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps))


# -- how it refuses -------------------------------------------------------------------------------


def test_no_consent(run: Run, small_job: SmallJob, tmp_path: Path) -> None:
    refused(run("extract", small_job.footage, "-o", tmp_path / "f"), "--consent", "who agreed")


def test_missing_input(run: Run, tmp_path: Path) -> None:
    result = run("extract", tmp_path / "no.mp4", "-o", tmp_path / "f", "--consent", "x")
    refused(result, "no.mp4", "does not exist")


def test_no_face(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "1.png").write_bytes(encode_image(np.full((64, 64, 3), 90, np.uint8), ".png"))
    refused(
        run("extract", folder, "-o", tmp_path / "f", "--consent", "x"), "plain", "no face was found"
    )


def test_a_text_file_named_mp4(run: Run, tmp_path: Path) -> None:
    clip = tmp_path / "notes.mp4"
    clip.write_text("this is no video\n" * 50)
    result = run("extract", clip, "-o", tmp_path / "f", "--consent", "x")
    refused(result, "notes.mp4", "not a readable video")


def test_a_truncated_video_gives_what_there_is(
    run: Run, small_job: SmallJob, media: Path, tmp_path: Path
) -> None:
    data = (media / "grid/s1/session-a/bbaf2n.mpg").read_bytes()
    clip = tmp_path / "cut.mpg"
    clip.write_bytes(data[: len(data) // 2])
    code, out, _ = run("extract", clip, "-o", tmp_path / "f", "--consent", "x")
    assert code == 0
    faces = int(out.split("(")[1].split()[0])
    assert 20 < faces < 75
    headless = tmp_path / "headless.mp4"
    headless.write_bytes(small_job.footage.read_bytes()[:9000])
    refused(
        run("extract", headless, "-o", tmp_path / "g", "--consent", "x"),
        "headless.mp4",
        "not a readable video",
    )


def test_two_people_where_one_was_meant(run: Run, media: Path, tmp_path: Path) -> None:
    folder = tmp_path / "crowd"
    folder.mkdir()
    for person in ("001", "002"):
        shutil.copy(media / f"portraits/london/neutral/{person}_03.jpg", folder)
    result = run("extract", folder, "-o", tmp_path / "f", "--consent", "x")
    refused(result, "people.png", "--like PHOTO")


def test_a_face_set_of_five(run: Run, small_job: SmallJob, tmp_path: Path) -> None:
    few = tmp_path / "few"
    shutil.copytree(small_job.faces_b, few)
    for crop in sorted((few / "crops").iterdir())[5:]:
        crop.unlink()
    result = run("train", small_job.faces_a, few, "-o", tmp_path / "run", "--steps", 2)
    refused(result, "few", "has 5 faces, too few")
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_no_face_set_or_run(run: Run, small_job: SmallJob, tmp_path: Path) -> None:
    refused(
        run("train", tmp_path, small_job.faces_b, "-o", tmp_path / "r"), "not a complete face set"
    )
    result = run("convert", small_job.footage, "--run", tmp_path, "-o", tmp_path / "o.mp4")
    refused(result, "not a run folder")


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc").is_dir(), reason="needs /proc")
def test_an_output_that_cannot_be_written(run: Run, small_job: SmallJob) -> None:
    output = Path("/proc/nowhere/out.mp4")
    result = run("convert", small_job.footage, "--run", small_job.run, "-o", output)
    refused(result, "/proc/nowhere/out.mp4", "cannot be written")
    refused(
        run("extract", small_job.footage, "-o", "/proc/nowhere", "--consent", "x"),
        "/proc/nowhere",
        "cannot be written",
    )


def test_a_full_disk(small_job: SmallJob, tmp_path: Path) -> None:
    """A limit on file size stops writing as a full disk does."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    for arguments in (
        ["convert", str(small_job.footage), "--run", str(small_job.run), "-o", "out.mp4"],
        ["train", str(small_job.faces_a), str(small_job.faces_b), "-o", "run", "--steps", "2",
         "--size", "64", "--set", "per_side=2"],
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "faceloom", *arguments],
            cwd=tmp_path, capture_output=True, text=True, check=False, preexec_fn=limit,
        )  # fmt: skip
        refused((done.returncode, done.stdout, done.stderr), "cannot be written")
    left = [path.name for path in tmp_path.rglob("*") if path.suffix in {".mp4", ".safetensors"}]
    assert left == []


def test_a_checkpoint_of_another_shape(run: Run, small_job: SmallJob, tmp_path: Path) -> None:
    other = tmp_path / "run"
    shutil.copytree(small_job.run, other)
    record = json.loads((other / "config.json").read_text())
    record["config"]["model"]["shape"]["code"] = 32
    (other / "config.json").write_text(json.dumps(record))
    result = run("convert", small_job.footage, "--run", other, "-o", tmp_path / "o.mp4")
    refused(result, "model.safetensors", "does not fit")
    result = run(
        "train", small_job.faces_a, small_job.faces_b, "-o", other, "--steps", 9, "--size", 64
    )
    refused(result, "another shape")
    assert not (tmp_path / "o.mp4").exists()


def test_weights_that_are_not_finite(run: Run, small_job: SmallJob, tmp_path: Path) -> None:
    other = tmp_path / "run"
    shutil.copytree(small_job.run, other)
    tensors = load_file(other / "model.safetensors")
    tensors["encoder.enter.bias"][0] = np.nan
    save_file(tensors, other / "model.safetensors")
    result = run("convert", small_job.footage, "--run", other, "-o", tmp_path / "o.mp4")
    refused(result, "model.safetensors", "not finite")


def test_a_damaged_model(run: Run, small_job: SmallJob, tmp_path: Path) -> None:
    other = tmp_path / "run"
    shutil.copytree(small_job.run, other)
    (other / "model.safetensors").write_bytes(b"not weights")
    result = run("convert", small_job.footage, "--run", other, "-o", tmp_path / "o.mp4")
    refused(result, "model.safetensors", "damaged")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "nothing=1"], "nothing"),
        (["--preset", "best"], "best"),
        (["--size", "100"], "100"),
        (["--steps", "0"], "--steps"),
    ],
)
def test_options_that_make_no_sense(
    run: Run, small_job: SmallJob, tmp_path: Path, arguments: list[str], words: str
) -> None:
    result = run("train", small_job.faces_a, small_job.faces_b, "-o", tmp_path / "r", *arguments)
    refused(result, words)


def test_conversion_options_that_make_no_sense(
    run: Run, small_job: SmallJob, tmp_path: Path
) -> None:
    base = ["convert", small_job.footage, "--run", small_job.run, "-o", tmp_path / "o.mp4"]
    for arguments, word in (
        (["--to", "c"], "--to c"),
        (["--colour", "sepia"], "sepia"),
        (["--kind", "quadruple"], "quadruple"),
        (["--detail", "1.5"], "--detail 1.5: must be from 0 to 1"),
        (["--detector", "hog"], "hog"),
        (["--codec", "cinepack"], "cinepack"),
        (["--codec-option", "fast"], "key=value"),
    ):
        refused(run(*base, *arguments), word)
    assert not (tmp_path / "o.mp4").exists()
