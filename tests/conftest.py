"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser

from tests.browser import NoBrowserError, open_browser

MEDIA = Path(__file__).parents[2] / "shared" / "media"


class SmallJob(NamedTuple):
    """The smallest real job, made once for all tests; not to be changed."""

    footage: Path
    face: Path
    faces_a: Path
    faces_b: Path
    run: Path


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real clips and photographs; skips where it is not there."""
    if not MEDIA.is_dir():
        pytest.skip(f"real media are not at {MEDIA}")
    return MEDIA


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; skips where none can be had."""
    try:
        with open_browser() as opened:
            yield opened
    except NoBrowserError as error:
        pytest.skip(str(error))


def cut_clip(source: Path, target: Path, frames: int) -> Path:
    """The first frames of a clip with its sound, as another clip."""
    from faceloom.video import VideoWriter, probe, read_frames

    with VideoWriter(target, probe(source), audio_from=source) as writer:
        for frame in read_frames(source):
            if frame.index == frames:
                break
            writer.write(frame)
    return target


@pytest.fixture(scope="session")
def small_job(media: Path, tmp_path_factory: pytest.TempPathFactory) -> SmallJob:
    """Two short clips of two people, both face sets, and a run of a few steps."""
    from dataclasses import replace

    from faceloom.extract import ExtractOptions, extract
    from faceloom.train.config import Budget, preset_config, with_settings
    from faceloom.train.fit import fit_pair

    folder = tmp_path_factory.mktemp("job")
    grid = media / "grid"
    footage = cut_clip(grid / "s1/session-a/bbaf2n.mpg", folder / "footage.mp4", 30)
    face = cut_clip(grid / "s2/s2_pwij3p.mpg", folder / "face.mp4", 30)
    extract(footage, folder / "faces-a", ExtractOptions(), "Ann, tests")
    extract(face, folder / "faces-b", ExtractOptions(), "Bo, tests")
    config = replace(preset_config("fast", 64), budget=Budget(None, 3), per_side=2)
    config = with_settings(config, ["model.schedule.critic_faces=1"])
    fit_pair(folder / "faces-a", folder / "faces-b", folder / "run", config)
    return SmallJob(footage, face, folder / "faces-a", folder / "faces-b", folder / "run")
