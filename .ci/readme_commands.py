"""Run every command of the README, in order, in a scratch copy of the clone's folder.

The inputs it names are made from the test media (two short clips of two people). Only the length of
training is changed (`--minutes N` and `--steps N` become two steps) and that of the demo's clips.
`make test` was just run by `.ci/run` and is not run again; nothing else is left out. Without the
test media it fails.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MEDIA = ROOT.parent / "shared" / "media"
ALREADY_RUN = "make test"


def commands() -> list[str]:
    """The lines of the README's `sh` blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def short(command: str) -> str:
    """The command with two steps of training."""
    command = re.sub(r"--(minutes|steps) \d+", "--steps 2", command)
    quick = " DEMO_MINUTES=0.02 DEMO_SECONDS=1"
    return command + quick if command.startswith("make demo") else command


def make_inputs(folder: Path) -> None:
    """The files that the README names."""
    from faceloom.image import encode_image
    from faceloom.video import VideoWriter, probe, read_frames

    clips = {"footage": "grid/s1/session-a/bbaf2n.mpg", "face": "grid/s2/s2_pwij3p.mpg"}
    for name, clip in clips.items():
        source = MEDIA / clip
        with VideoWriter(folder / f"{name}.mp4", probe(source), audio_from=source) as writer:
            for frame in read_frames(source):
                writer.write(frame)
                if frame.index == 40 and name == "footage":
                    (folder / "photo.png").write_bytes(encode_image(frame.rgb, ".png"))


def main() -> None:
    if not MEDIA.is_dir():
        sys.exit(f"{MEDIA}: the test media are needed to run the README's commands")
    listed = commands()
    if ALREADY_RUN not in listed or len(listed) < 5:
        sys.exit("README.md: the commands were not found in its sh blocks")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "faceloom"
        ignore = shutil.ignore_patterns(".venv", ".git", "demo", "runs", ".*_cache")
        shutil.copytree(ROOT, folder, ignore=ignore)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        make_inputs(folder)
        # One shell for all, as a reader would have: an activated environment stays so.
        script = ["set -eu"]
        for command in listed:
            if command != ALREADY_RUN:
                script += [f"echo '+' {command!r}", short(command)]
        started = time.monotonic()
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)], cwd=folder, check=False, env=environment
        )
        if done.returncode:
            sys.exit(f"README.md: a command failed with exit code {done.returncode}")
        for name in (
            "demo/index.html",
            "demo/swapped.mp4",
            "swapped.mp4",
            "result.mp4",
            "other.mp4",
            "triple.mp4",
            "talking.mp4",
            "report/report.html",
        ):
            if not (folder / name).stat().st_size:
                sys.exit(f"README.md: {name} was not made")
        print(f"{len(listed)} README commands passed in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
