"""Image folders: written, read again, never in the place of anything else."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceloom.errors import UserError
from faceloom.image import encode_image
from faceloom.video import VideoWriter, probe, read_frames, read_metadata

Clip = Callable[..., Path]


def rewrite(source: Path, target: Path, **options: Any) -> VideoWriter:
    with VideoWriter(target, probe(source), audio_from=source, **options) as out:
        for frame in read_frames(source):
            out.write(frame)
    return out


def images(folder: Path, suffix: str) -> Path:
    folder.mkdir()
    for number in (1, 2, 9, 11):  # 10 is missing.
        image = np.full((10, 12, 3), 20 * number, np.uint8)
        (folder / f"shot{number}{suffix}").write_bytes(encode_image(image, suffix, 100))
    return folder


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_images_go_round(tmp_path: Path, suffix: str) -> None:
    source = images(tmp_path / "source", suffix)
    target = tmp_path / (f"out{suffix}" if suffix != ".png" else "out")
    written = {"comment": "contains a synthetic face"}
    assert rewrite(source, target, metadata=written).audio == "none"
    result = tmp_path / "out"
    names = [f"shot{n}{suffix}" for n in (1, 2, 9, 11)]
    assert sorted(p.name for p in result.iterdir()) == sorted(["faceloom.json", *names])
    for old, new in zip(read_frames(source), read_frames(result), strict=True):
        assert np.abs(old.rgb.astype(int) - new.rgb).max() <= (0 if suffix == ".png" else 2)
    assert read_metadata(result) == written
    rewrite(source, target)
    assert read_metadata(result) == {}


def test_images_become_a_clip_and_back(tmp_path: Path) -> None:
    source = images(tmp_path / "source", ".png")
    rewrite(source, tmp_path / "out.mp4", crf=1)
    info = probe(tmp_path / "out.mp4")
    assert (info.rate, info.frame_count) == (Fraction(25), 4)
    assert info.colours.matrix == 6
    for old, new in zip(read_frames(source), read_frames(tmp_path / "out.mp4"), strict=True):
        assert np.abs(old.rgb.astype(int) - new.rgb).max() <= 4
    rewrite(tmp_path / "out.mp4", tmp_path / "back")
    assert len(list((tmp_path / "back").glob("00000*.png"))) == 4


def test_images_of_one_name_do_not_hide_each_other(tmp_path: Path) -> None:
    source = images(tmp_path / "source", ".png")
    (source / "shot1.jpg").write_bytes(encode_image(np.zeros((10, 12, 3), np.uint8), ".jpg"))
    rewrite(source, tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.png"))) == 5


def test_a_folder_with_other_files_is_never_replaced(make_clip: Clip, tmp_path: Path) -> None:
    clip, folder = make_clip("source.mp4"), tmp_path / "photos"
    folder.mkdir()
    (folder / "dear.png").write_bytes(b"the only copy")
    with pytest.raises(UserError, match="holds other files"), VideoWriter(folder, probe(clip)):
        pytest.fail("must not be entered")
    assert (folder / "dear.png").read_bytes() == b"the only copy"
