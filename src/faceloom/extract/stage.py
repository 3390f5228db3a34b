"""The whole extraction: shards over all sources, then choosing, dropping, and the finished set.

Interrupted at any moment, it goes on from the last finished shard.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceloom import __version__
from faceloom.data.faceset import FORMAT, FaceRecord, FaceSet, FaceSetInfo, write_faceset
from faceloom.errors import UserError
from faceloom.extract.people import choose, group, identity_of_photo, write_people
from faceloom.extract.shard import SAME_PICTURE, SHARD_FRAMES, Shard, Tools, cut_shard
from faceloom.faces.find import MeshLandmarker, make_detector
from faceloom.faces.identity import load_identity
from faceloom.files import read_json, write_bytes, write_json
from faceloom.image import RGB, draw_grid, encode_image, read_image, resize
from faceloom.video import Frame, find_clips, prefetch, probe, read_frames

_BLURRED = 0.2
"""Share of the set's median sharpness below which a crop is dropped."""
_REPORT_S = 0.2
_CONTACT_PX, _CONTACT_COLUMNS, _CONTACT_ROWS = 96, 16, 10


@dataclass(frozen=True)
class ExtractOptions:
    """How to extract."""

    size_px: int = 256
    coverage: float = 1.25
    detector: str = "full-range"
    like: Path | None = None
    """A photo of the person to keep."""
    everyone: bool = False
    """Keep all people: a set to learn from what faces have in common."""
    list_people: bool = False
    """Only find out who is there: write `people.png` and stop."""
    max_frames: int | None = None
    """Of each source."""


@dataclass(frozen=True)
class ExtractStatus:
    """One progress report."""

    source: str
    frames: int
    total_frames: int | None
    faces: int
    frames_per_s: float


@dataclass(frozen=True)
class ExtractReport:
    """What extraction left."""

    path: Path
    frames: int
    faces: int
    dropped: dict[str, int]
    people: int
    contact_sheet: Path


def extract(
    source: Path,
    output: Path,
    options: ExtractOptions,
    consent: str,
    report: Callable[[ExtractStatus], None] | None = None,
) -> ExtractReport:
    """Find, track, align and mask the faces of a video, image folder or folder of either.

    A complete set is left as it is; an unfinished one is continued. Raises UserError for unusable
    input or output, no face, or several people where it is not clear who is meant.
    """
    clips = find_clips(source)
    work = _WorkFolder(output, source, options)
    if work.complete:
        faces = FaceSet.open(output)
        if faces.info.input != str(source.resolve()) or faces.consent != consent:
            raise UserError(
                f"{output}: holds the finished face set of other input or consent; choose another"
                " output folder, or delete it"
            )
        return _report_of(faces)
    work.begin()
    detector, landmarker = make_detector(options.detector), MeshLandmarker()
    tools = Tools(detector, landmarker, load_identity(), options.size_px, options.coverage)
    like = None
    if options.like is not None:
        like = identity_of_photo(options.like, detector, landmarker, tools.identity)
    shards = _cut_all(clips, source, work, tools, options, report)
    return _finish(source, clips, work, shards, like, options, consent)


class _WorkFolder:
    """The output folder and its unfinished parts."""

    def __init__(self, path: Path, source: Path, options: ExtractOptions) -> None:
        self.path = path
        self.crops = path / "crops"
        self.parts = path / "parts"
        self._record = path / "parts" / "settings.json"
        self._settings = {
            "input": str(source.resolve()),
            "size_px": options.size_px,
            "coverage": options.coverage,
            "detector": options.detector,
            "max_frames": options.max_frames,
        } | ({"everyone": True} if options.everyone else {})

    @property
    def complete(self) -> bool:
        return (self.path / "faces.jsonl").is_file()

    def begin(self) -> None:
        """Make the folders; refuse to mix two extractions."""
        try:
            self.crops.mkdir(parents=True, exist_ok=True)
            self.parts.mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written ({error.strerror}); choose another output folder"
            ) from error
        if self._record.is_file() and read_json(self._record) != self._settings:
            raise UserError(
                f"{self.path}: holds an unfinished extraction of other input or settings; delete it"
                " or choose another output folder"
            )
        write_json(self._record, self._settings)

    def shard(self, name: str) -> Shard:
        return Shard(self.parts / f"{name}.jsonl")


def _cut_all(
    clips: list[Path],
    source: Path,
    work: _WorkFolder,
    tools: Tools,
    options: ExtractOptions,
    report: Callable[[ExtractStatus], None] | None,
) -> list[Shard]:
    infos = [probe(clip) for clip in clips]
    counts = [info.frame_count for info in infos]
    total = None if any(count is None for count in counts) else sum(c or 0 for c in counts)
    done_frames = done_faces = 0
    started = last = time.monotonic()
    shards: list[Shard] = []
    for number, clip in enumerate(clips):
        name = str(clip.relative_to(source)) if clip != source else clip.name
        # Two sources may share a name; their number in the input keeps them apart.
        digest = f"{number:04d}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
        for part, frames in _stretches(clip, work, digest, options.max_frames):
            shard = work.shard(f"{digest}-{part:04d}")
            shards.append(shard)
            if frames is None:
                continue
            for faces in cut_shard(
                shard, work.crops, f"{digest}-{part:04d}", name, frames, tools, clip.is_dir()
            ):
                done_frames, done_faces = done_frames + 1, done_faces + faces
                now = time.monotonic()
                if report is not None and now - last >= _REPORT_S:
                    last = now
                    rate = done_frames / max(1e-9, now - started)
                    report(ExtractStatus(name, done_frames, total, done_faces, rate))
    return shards


def _stretches(
    clip: Path, work: _WorkFolder, digest: str, max_frames: int | None
) -> Iterator[tuple[int, Iterator[Frame] | None]]:
    """The clip in stretches of `SHARD_FRAMES`; None for those already cut."""
    part, start_s = 0, None
    end_marker = work.parts / f"{digest}.end"
    while True:
        shard = work.shard(f"{digest}-{part:04d}")
        times = work.parts / f"{digest}-{part:04d}.next"
        if not shard.exists:
            break
        if not times.is_file():
            # The last stretch; without the mark the kill came just before it, so cut it again.
            if end_marker.is_file():
                yield part, None
            break
        yield part, None
        start_s = Fraction(times.read_text())
        part += 1
    if end_marker.is_file():
        return
    frames = prefetch(_limited(clip, start_s, max_frames), depth=16)
    try:
        first = next(frames, None)
        while first is not None:
            stretch = _Stretch(first, frames)
            yield part, iter(stretch)
            if stretch.next_frame is not None:
                write_bytes(
                    work.parts / f"{digest}-{part:04d}.next",
                    str(stretch.next_frame.time_s).encode(),
                )
            first, part = stretch.next_frame, part + 1
    finally:
        frames.close()
    write_bytes(end_marker, b"")


class _Stretch:
    """Up to `SHARD_FRAMES` frames, and the one that follows."""

    def __init__(self, first: Frame, rest: Iterator[Frame]) -> None:
        self._frames = itertools.chain([first], itertools.islice(rest, SHARD_FRAMES - 1))
        self._rest = rest
        self.next_frame: Frame | None = None

    def __iter__(self) -> Iterator[Frame]:
        yield from self._frames
        self.next_frame = next(self._rest, None)


def _limited(clip: Path, start_s: Fraction | None, max_frames: int | None) -> Iterator[Frame]:
    for frame in read_frames(clip, start_s):
        if max_frames is not None and frame.index >= max_frames:
            return
        if not frame.damaged:
            _ = frame.rgb  # Converted on this, the decoding thread.
        yield frame


def _finish(
    source: Path,
    clips: list[Path],
    work: _WorkFolder,
    shards: list[Shard],
    like: NDArray[np.float32] | None,
    options: ExtractOptions,
    consent: str,
) -> ExtractReport:
    records, meshes, changes, identities, dropped, frames = _joined(shards)
    if not records:
        raise UserError(
            f"{source}: no face was found in {frames} frames; give footage that shows a face of at"
            " least 32 px, or try --detector mtcnn"
        )
    rows = np.array([record.identity_row for record in records])
    person_of_row = np.zeros(len(identities), int) if options.everyone else group(identities)
    person_of_face = person_of_row[rows]
    people = len(np.unique(person_of_face))
    if people > 1 or options.list_people:
        write_people(work.path / "people.png", _thumbnails(work, records, person_of_face))
    if options.list_people:
        raise UserError(
            f"{work.path / 'people.png'}: {people} people, a row each; choose with --like PHOTO"
        )
    chosen = choose(person_of_face, identities[rows], like, work.path)
    reasons = _reasons(records, changes, person_of_face != chosen)
    dropped.update(reason for reason in reasons if reason)
    kept = [row for row, reason in enumerate(reasons) if not reason]
    kept_records = [records[row] for row in kept]
    info = FaceSetInfo(
        FORMAT, __version__, str(source.resolve()), consent, options.size_px, options.coverage,
        frames, [clip.name for clip in clips], dict(sorted(dropped.items())), people,
    )  # fmt: skip
    _write_contact(work, kept_records)
    write_faceset(work.path, info, kept_records, meshes[kept], identities)
    names = {record.crop for record in kept_records}
    for file in work.crops.iterdir():
        if file.name not in names:
            file.unlink()
    shutil.rmtree(work.parts)
    return _report_of(FaceSet.open(work.path))


def _joined(
    shards: list[Shard],
) -> tuple[
    list[FaceRecord],
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.float32],
    Counter[str],
    int,
]:
    """All shards' records, meshes, changes and identities, renumbered to be unique."""
    records: list[FaceRecord] = []
    meshes, changes, identities = [], [], []
    dropped: Counter[str] = Counter()
    frames = rows = tracks = 0
    for shard in shards:
        own, arrays = shard.load()
        records += [
            replace(r, identity_row=r.identity_row + rows, track=r.track + tracks) for r in own
        ]
        tracks = 1 + max((record.track for record in records), default=-1)
        rows += len(arrays["identities"])
        meshes.append(arrays["meshes"])
        changes.append(arrays["changes"])
        identities.append(arrays["identities"])
        shard_frames, tiny, damaged = (int(value) for value in arrays["counts"])
        frames += shard_frames
        dropped.update({"tiny": tiny, "damaged frame": damaged})
    dropped = Counter({reason: count for reason, count in dropped.items() if count})
    empty = np.zeros((0, 468, 3), np.float32), np.zeros((0, 512), np.float32)
    return (
        records,
        np.concatenate([empty[0], *meshes]),
        np.concatenate([np.zeros(0, np.float32), *changes]),
        np.concatenate([empty[1], *identities]),
        dropped,
        frames,
    )


def _reasons(
    records: list[FaceRecord],
    changes: NDArray[np.float32],
    someone_else: NDArray[np.bool_],
) -> list[str]:
    """Why each face is dropped; empty for those that are kept."""
    sharpness = np.array([record.sharpness for record in records])
    limit = _BLURRED * float(np.median(sharpness[~someone_else]))
    reasons = np.full(len(records), "", dtype=object)
    reasons[changes < SAME_PICTURE] = "duplicate"
    reasons[sharpness < limit] = "blurred"
    reasons[someone_else] = "another person"
    return [str(reason) for reason in reasons]


def _thumbnails(
    work: _WorkFolder, records: list[FaceRecord], person_of_face: NDArray[np.int64]
) -> list[list[RGB]]:
    people, counts = np.unique(person_of_face, return_counts=True)
    rows = []
    for person in people[np.argsort(-counts)]:
        own = np.flatnonzero(person_of_face == person)
        picked = own[np.linspace(0, len(own) - 1, min(8, len(own))).astype(int)]
        rows.append([_small(work, records[int(row)]) for row in picked])
    return rows


def _small(work: _WorkFolder, record: FaceRecord) -> RGB:
    return resize(read_image(work.crops / record.crop), (_CONTACT_PX, _CONTACT_PX))


def _write_contact(work: _WorkFolder, records: list[FaceRecord]) -> None:
    count = min(len(records), _CONTACT_COLUMNS * _CONTACT_ROWS)
    picked = np.linspace(0, len(records) - 1, count).astype(int)
    with ThreadPoolExecutor() as pool:
        cells = list(pool.map(lambda row: _small(work, records[int(row)]), picked))
    rows = [cells[at : at + _CONTACT_COLUMNS] for at in range(0, count, _CONTACT_COLUMNS)]
    write_bytes(work.path / "contact.png", encode_image(draw_grid(rows), ".png"))


def _report_of(faces: FaceSet) -> ExtractReport:
    return ExtractReport(
        faces.path,
        faces.info.frames,
        len(faces),
        faces.info.dropped,
        faces.info.people,
        faces.path / "contact.png",
    )
