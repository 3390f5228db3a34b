"""A face set on disk: what extraction leaves and training reads.

    faceset.json         settings, consent, sources, how many faces were dropped and why
    faces.jsonl          one record a face, in the order of the sources
    arrays.safetensors   meshes (N, 468, 3) in crop pixels; identities (M, 512), unit length
    crops/*.jpg          the crops, size_px square, see `faces.align` for the frame
    contact.png          a look at the whole

A face whose crop file was deleted by hand is left out on opening: that is how to clean a set. The
mask is a polygon in the record, in crop pixels, and may be edited there.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from faceloom.errors import UserError
from faceloom.files import read_json, write_json, written_beside
from faceloom.image import read_image

FORMAT = 1


@dataclass(frozen=True)
class FaceRecord:
    """What is known of one face."""

    crop: str
    """File name in `crops/`."""
    source: str
    """The clip or image folder, relative to the input."""
    index: int
    """Frame number in the source."""
    time_s: str
    """Exact, as a fraction."""
    score: float
    presence: float
    sharpness: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    track: int
    identity_row: int
    """The nearest measured identity of the same track."""
    transform: tuple[float, float, float, float]
    """Frame to crop: a, b, tx, ty of `geometry.Similarity`."""
    mask: list[tuple[float, float]]
    """The hull polygon, crop pixels."""
    shows: str = ""
    """The source of the person whose face it is, where that is not this source's own."""


@dataclass(frozen=True)
class FaceSetInfo:
    """The record of the whole set."""

    format: int
    faceloom: str
    input: str
    consent: str
    size_px: int
    coverage: float
    frames: int
    sources: list[str]
    dropped: dict[str, int]
    people: int
    """Persons seen in the input; the set holds one of them."""


class FaceSet:
    """A complete face set, opened for reading."""

    def __init__(
        self,
        path: Path,
        info: FaceSetInfo,
        records: Sequence[FaceRecord],
        meshes_N4683: NDArray[np.float32],
        identities_M512: NDArray[np.float32],
    ) -> None:
        self.path = path
        self.info = info
        self.records = list(records)
        self.meshes_N4683 = meshes_N4683
        self._identities = identities_M512

    @classmethod
    def open(cls, path: Path) -> FaceSet:
        """Raises UserError if the folder is no complete face set, or damaged."""
        if not (path / "faceset.json").is_file() or not (path / "faces.jsonl").is_file():
            raise UserError(f"{path}: is not a complete face set; run `faceloom extract` into it")
        try:
            info = FaceSetInfo(**read_json(path / "faceset.json"))
            lines = (path / "faces.jsonl").read_text(encoding="utf-8").splitlines()
            records = [FaceRecord(**json.loads(line)) for line in lines]
            arrays = load_file(path / "arrays.safetensors")
            meshes, identities = arrays["meshes"], arrays["identities"]
        except (TypeError, KeyError, ValueError, OSError, SafetensorError) as error:
            raise UserError(
                f"{path}: the face set is damaged ({error}); extract it again"
            ) from error
        if len(meshes) != len(records):
            raise UserError(f"{path}: faces.jsonl and arrays.safetensors differ; extract it again")
        present = {file.name for file in (path / "crops").iterdir()}
        kept = [row for row, record in enumerate(records) if record.crop in present]
        return cls(path, info, [records[row] for row in kept], meshes[kept], identities)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def size_px(self) -> int:
        return self.info.size_px

    @property
    def coverage(self) -> float:
        return self.info.coverage

    @property
    def consent(self) -> str:
        return self.info.consent

    @property
    def identities_N512(self) -> NDArray[np.float32]:
        """One unit vector a face."""
        return self._identities[[record.identity_row for record in self.records]]

    @property
    def mean_identity(self) -> NDArray[np.float32]:
        """The set's person: (512,), unit length."""
        mean = self.identities_N512.mean(axis=0)
        return (mean / max(1e-9, float(np.linalg.norm(mean)))).astype(np.float32)

    def crops(self, rows: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        """(len(rows), size_px, size_px, 3). Raises UserError for a crop that cannot be read."""
        images = []
        for row in rows:
            file = self.path / "crops" / self.records[int(row)].crop
            image = read_image(file)
            if image.shape != (self.size_px, self.size_px, 3):
                raise UserError(f"{file}: is not {self.size_px} px square; restore or delete it")
            images.append(image)
        return np.stack(images)


def write_faceset(
    path: Path,
    info: FaceSetInfo,
    records: Sequence[FaceRecord],
    meshes_N4683: NDArray[np.float32],
    identities_M512: NDArray[np.float32],
) -> None:
    """Write the record of a set whose crops are in place; `faces.jsonl` last: it completes it."""
    arrays = {"meshes": meshes_N4683.astype(np.float32), "identities": identities_M512}
    with written_beside(path / "arrays.safetensors") as beside:
        save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, beside)
    write_json(path / "faceset.json", dataclasses.asdict(info))
    write_records(path / "faces.jsonl", records)


def write_records(path: Path, records: Sequence[FaceRecord]) -> None:
    """One JSON line a record, beside, then renamed."""
    lines = [json.dumps(vars(record)) + "\n" for record in records]
    with written_beside(path) as beside:
        beside.write_text("".join(lines), encoding="utf-8")


def read_records(path: Path) -> list[FaceRecord]:
    """The records of a JSON-lines file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [FaceRecord(**json.loads(line)) for line in lines]
