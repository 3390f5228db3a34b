"""A headless Chromium for tests of pages: the machine's own, or one out of a package.

Where no Chromium is installed, one is fetched once through npm: `@sparticuz/chromium` (MIT; the
browser itself BSD-3-Clause) carries a headless build with H.264 inside the package. The archive is
checked against the recorded sha256 and lies unpacked under `FACELOOM_HOME`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import brotli
from playwright.sync_api import Browser, sync_playwright

from faceloom.weights import home

CHOSEN = "FACELOOM_CHROMIUM"
"""Environment variable with the path of the browser to take."""
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PACKAGE, _VERSION = "@sparticuz/chromium", "153.0.0"
_SHA256 = "20e5656fcdcf4118ede85edfb9d6bb9cc1bbb7ffb8b75622fffbcf36a835c3c0"
_FETCH_S = 600


class NoBrowserError(Exception):
    """No Chromium can be had, and why."""


@dataclass(frozen=True)
class Chromium:
    """A browser's program, and a folder of libraries that it may need."""

    program: Path
    libraries: Path | None = None


def find_chromium() -> Chromium:
    """The chosen one, an installed one, or the package's. Raises NoBrowserError."""
    chosen = os.environ.get(CHOSEN)
    if chosen:
        return Chromium(Path(chosen))
    for name in _NAMES:
        installed = shutil.which(name)
        if installed:
            return Chromium(Path(installed))
    kept = home() / "browsers" / _SHA256[:16]
    if not kept.is_dir():
        _fetch(kept)
    return Chromium(kept / "chromium", kept / "lib")


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    """Chromium, headless, until the block ends. Raises NoBrowserError."""
    chromium = find_chromium()
    environment = {**os.environ}
    if chromium.libraries is not None:
        # After the system's own, which fit the system better.
        found = [environment.get("LD_LIBRARY_PATH"), str(chromium.libraries)]
        environment["LD_LIBRARY_PATH"] = ":".join(filter(None, found))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.program,
            env=environment,  # type: ignore[arg-type] # Invariant in the library's declaration.
            # Containers run tests as root, where Chromium's sandbox cannot start.
            args=["--no-sandbox"],
        )
        yield browser
        browser.close()


def _fetch(kept: Path) -> None:
    """Fetch the package and unpack it to `kept`, whole or not at all."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise NoBrowserError(f"no Chromium is installed; install one, or set {CHOSEN}")
    npm = shutil.which("npm")
    if npm is None:
        raise NoBrowserError(f"no Chromium and no npm to fetch one; install one, or set {CHOSEN}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".chromium-", dir=kept.parent) as name:
        folder = Path(name)
        command = [npm, "pack", "--silent", "--pack-destination", name, f"{_PACKAGE}@{_VERSION}"]
        try:
            done = subprocess.run(
                command, cwd=name, capture_output=True, text=True, timeout=_FETCH_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoBrowserError(f"{_PACKAGE}: cannot be fetched ({error})") from error
        archives = list(folder.glob("*.tgz"))
        if done.returncode or not archives:
            raise NoBrowserError(f"{_PACKAGE}: cannot be fetched ({done.stderr.strip()[-200:]})")
        data = archives[0].read_bytes()
        if hashlib.sha256(data).hexdigest() != _SHA256:
            raise NoBrowserError(f"{_PACKAGE} {_VERSION} is not the recorded archive")
        _unpack(data, folder / "whole")
        with contextlib.suppress(OSError):  # Another process was first.
            (folder / "whole").rename(kept)


def _unpack(archive: bytes, folder: Path) -> None:
    """The program, and the libraries of a bare system, beside it."""
    folder.mkdir()
    with tarfile.open(fileobj=io.BytesIO(archive)) as package:

        def member(name: str) -> bytes:
            file = package.extractfile(f"package/bin/{name}.br")
            assert file is not None
            return brotli.decompress(file.read())

        (folder / "chromium").write_bytes(member("chromium"))
        (folder / "chromium").chmod(0o755)
        with tarfile.open(fileobj=io.BytesIO(member("al2023.tar"))) as libraries:
            libraries.extractall(folder, filter="data")
