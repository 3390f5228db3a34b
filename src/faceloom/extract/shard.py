"""One shard: a stretch of one source, tracked, cut and measured, written whole or not at all.

Shards do not know of each other (tracking starts anew), so a set that was extracted in several
goes is the same as one extracted at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from faceloom.data.faceset import FaceRecord, read_records, write_records
from faceloom.errors import UserError
from faceloom.faces.align import align, recrop_transform
from faceloom.faces.face import Aligned, Mesh
from faceloom.faces.find import Detector, Landmarker
from faceloom.faces.identity import IdentityNet, embed
from faceloom.faces.mask import hull_polygon
from faceloom.faces.pose import pose_of
from faceloom.faces.steady import CropSteadier
from faceloom.faces.track import FaceTracker, SceneCut, TrackedFace
from faceloom.files import written_beside
from faceloom.image import RGB, encode_image, sharpness, warp
from faceloom.threads import one_torch_thread
from faceloom.video import Frame, prefetch

SHARD_FRAMES = 750
_IDENTITY_EVERY = 25
"""Identity is measured on every so many faces of an unbroken track; it does not change in one."""
_EMBEDDED_TOGETHER = 4
JPEG_QUALITY = 95
_CROPS_WAITING = 64
_TRACKED_AHEAD = 8
SAME_PICTURE = 0.25
"""Mean difference (levels of 255) below which a face repeats the last new one; noise is more."""
_FIRST = 255.0
_COMPARED_PX = 48
_TINY = 32.0
"""A face whose box is narrower than this, in frame pixels, teaches nothing."""


@dataclass(frozen=True)
class Tools:
    """The networks and settings that cutting needs."""

    detector: Detector
    landmarker: Landmarker
    identity: IdentityNet
    size_px: int
    coverage: float
    jpeg_quality: int = JPEG_QUALITY


@dataclass
class _Rows:
    """What a shard gathers."""

    records: list[FaceRecord] = field(default_factory=list)
    meshes: list[NDArray[np.float32]] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    """How much the face's picture differs from the last one that was new, levels of 255."""
    last_new: dict[int, RGB] = field(default_factory=dict)
    """Track -> the frame of that last new picture."""
    to_embed: list[tuple[RGB, Mesh]] = field(default_factory=list)
    """Faces whose identity is to be measured with the next few."""
    identities: list[Future[NDArray[np.float32]]] = field(default_factory=list)
    identity_count: int = 0
    identity_row: dict[int, int] = field(default_factory=dict)
    """Track -> the row of its newest identity."""
    seen_of_track: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Shard:
    """A finished shard's place on disk and what it counted."""

    path: Path
    """The record file; arrays lie beside it."""

    @property
    def arrays_path(self) -> Path:
        return self.path.with_suffix(".safetensors")

    @property
    def exists(self) -> bool:
        return self.path.is_file() and self.arrays_path.is_file()

    def load(self) -> tuple[list[FaceRecord], dict[str, NDArray[np.float32]]]:
        return read_records(self.path), load_file(self.arrays_path)


def cut_shard(
    shard: Shard,
    crops: Path,
    name: str,
    source: str,
    frames: Iterable[Frame],
    tools: Tools,
    images: bool = False,
) -> Iterator[int]:
    """Cut all faces of the frames; gives the number of faces of each frame as it goes.

    `images` says that the frames are those of an image folder. The shard's files are written when
    the frames are through; nothing counts before.
    """
    rows = _Rows()
    counts = {"frames": 0, "tiny": 0, "damaged": 0}
    steadiers: dict[int, CropSteadier] = {}
    with (
        one_torch_thread(),
        ThreadPoolExecutor(1, thread_name_prefix="faceloom-crops") as writer,
        ThreadPoolExecutor(1, thread_name_prefix="faceloom-identity") as embedder,
    ):
        pending: deque[Future[None]] = deque()
        for frame, tracked in prefetch(_tracked(frames, tools, images), _TRACKED_AHEAD):
            counts["frames"] += 1
            counts["damaged"] += frame.damaged
            for one in tracked:
                if one.face.box.width < _TINY:
                    counts["tiny"] += 1
                    continue
                steadier = steadiers.setdefault(
                    one.track, CropSteadier(tools.size_px, tools.coverage)
                )
                transform = steadier(one.face, float(frame.time_s))
                aligned = align(frame.rgb, one.face, tools.size_px, tools.coverage, transform)
                crop = f"{name}-{len(rows.records):05d}.jpg"
                _add(rows, crop, source, frame, one, aligned)
                if len(rows.to_embed) == _EMBEDDED_TOGETHER:
                    _embed(rows, embedder, tools.identity)
                while len(pending) > _CROPS_WAITING:
                    pending.popleft().result()
                pending.append(
                    writer.submit(_write_crop, crops / crop, aligned.crop_HWC, tools.jpeg_quality)
                )
            yield len(tracked)
        _embed(rows, embedder, tools.identity)
        for written in pending:
            written.result()
    _write(shard, rows, counts)


def _tracked(
    frames: Iterable[Frame], tools: Tools, images: bool
) -> Iterator[tuple[Frame, list[TrackedFace]]]:
    """Each frame with its faces; none are looked for in damaged ones."""
    tracker = FaceTracker(tools.detector, tools.landmarker)
    scene_cut = SceneCut(images)
    for frame in frames:
        if frame.damaged or scene_cut(frame.rgb):
            tracker.forget()
        yield frame, [] if frame.damaged else tracker.update(frame.rgb)


def _write_crop(path: Path, crop_HWC: RGB, quality: int) -> None:
    try:
        path.write_bytes(encode_image(crop_HWC, ".jpg", quality))
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); free space or choose another folder"
        ) from error


def _add(
    rows: _Rows, crop: str, source: str, frame: Frame, one: TrackedFace, aligned: Aligned
) -> None:
    face, pose = one.face, pose_of(aligned.mesh_4683)
    nth = rows.seen_of_track.get(one.track, 0)
    rows.seen_of_track[one.track] = nth + 1
    if nth % _IDENTITY_EVERY == 0:
        rows.identity_row[one.track] = rows.identity_count
        rows.identity_count += 1
        rows.to_embed.append((aligned.crop_HWC, aligned.mesh_4683))
    transform = aligned.frame_to_crop
    size = aligned.crop_HWC.shape[0]
    inner = aligned.crop_HWC[size // 8 : -size // 8, size // 8 : -size // 8]
    rows.records.append(
        FaceRecord(
            crop=crop,
            source=source,
            index=frame.index,
            time_s=str(frame.time_s),
            score=round(face.score, 4),
            presence=round(face.presence, 4),
            # Per frame pixel, so that enlarging a small face does not count as blur.
            sharpness=round(sharpness(inner) * max(1.0, transform.scale) ** 2, 2),
            yaw_deg=round(pose.yaw_deg, 2),
            pitch_deg=round(pose.pitch_deg, 2),
            roll_deg=round(pose.roll_deg, 2),
            track=one.track,
            identity_row=rows.identity_row[one.track],
            transform=(transform.a, transform.b, transform.tx, transform.ty),
            mask=stored_hull(aligned.mesh_4683),
        )
    )
    rows.meshes.append(aligned.mesh_4683)
    rows.changes.append(_change(rows, one.track, frame.rgb, aligned))


def stored_hull(mesh_4683: Mesh) -> list[tuple[float, float]]:
    """The hull polygon as a record holds it."""
    return [(round(float(x), 1), round(float(y), 1)) for x, y in hull_polygon(mesh_4683)]


def _change(rows: _Rows, track: int, frame_HWC: RGB, aligned: Aligned) -> float:
    """Cut the same place from the last new frame and this one, and compare."""
    before = rows.last_new.get(track)
    small = aligned.frame_to_crop.then(
        recrop_transform(aligned.crop_HWC.shape[0], 1.0, _COMPARED_PX, 1.0)
    )
    change = _FIRST
    if before is not None and before.shape == frame_HWC.shape:
        side = (_COMPARED_PX, _COMPARED_PX)
        now, then = (warp(image, small, side).astype(np.int16) for image in (frame_HWC, before))
        change = float(np.abs(now - then).mean())
    if change >= SAME_PICTURE:
        rows.last_new[track] = frame_HWC
    return change


def _embed(rows: _Rows, embedder: ThreadPoolExecutor, net: IdentityNet) -> None:
    """Have the identities of the faces that wait for it measured, beside the rest."""
    if rows.to_embed:
        crops, meshes = zip(*rows.to_embed, strict=True)
        rows.identities.append(embedder.submit(embed, net, np.stack(crops), np.stack(meshes)))
        rows.to_embed = []


def _write(shard: Shard, rows: _Rows, counts: dict[str, int]) -> None:
    identities = [np.zeros((0, 512), np.float32), *(made.result() for made in rows.identities)]
    none = np.zeros((0, 468, 3), np.float32)
    arrays = {
        "meshes": np.stack(rows.meshes) if rows.meshes else none,
        "identities": np.concatenate(identities),
        "changes": np.array(rows.changes, np.float32),
        "counts": np.array([counts["frames"], counts["tiny"], counts["damaged"]], np.float32),
    }
    with written_beside(shard.arrays_path) as beside:
        save_file(arrays, beside)
    write_records(shard.path, rows.records)
