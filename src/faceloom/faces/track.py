"""Following faces from frame to frame, filling short gaps, and steadying the alignment.

A tracked face is found by fitting the mesh where it was a frame ago; the detector runs only when
nothing is followed, and every so often to notice newcomers.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from faceloom.faces.face import Face
from faceloom.faces.find import PRESENT, Detector, Landmarker
from faceloom.image import RGB, resize

OVERLAP = 0.3
"""Boxes that overlap more than this (IoU) are one face."""
MAX_GAP_FRAMES = 5
_HELD = 0.5
"""Share of the way that the next look stays behind a face that moves."""
_MAX_STEP = 0.6
"""A face whose centre moves further than this share of its size in one frame is another face."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class TrackedFace:
    """A face and the track it belongs to; numbers are unique within a tracker."""

    track: int
    face: Face


@dataclass
class _Track:
    number: int
    face: Face
    sought: Face
    """Where the next look is cut: a mesh that follows the face's, slower."""
    missed_frames: int = 0

    def moved_to(self, face: Face) -> None:
        """The face as it was followed, or found again after frames that missed it."""
        before, now, again = self.sought.mesh_4683, face.mesh_4683, self.missed_frames > 0
        self.face, self.sought, self.missed_frames = face, face, 0
        if before is not None and now is not None and not again:
            # The mesh depends a little on the cut, and the cut on the mesh: undamped, that loop
            # swings from frame to frame on some faces (a fringe over the brows is enough).
            self.sought = replace(face, mesh_4683=now + _HELD * (before - now))


class FaceTracker:
    """Follows all faces of one stream of frames, in order."""

    def __init__(
        self,
        detector: Detector,
        landmarker: Landmarker,
        detect_every_frames: int = 15,
        patience_frames: int = MAX_GAP_FRAMES,
    ) -> None:
        self._detector = detector
        self._landmarker = landmarker
        self._detect_every = detect_every_frames
        self._patience = patience_frames
        self._tracks: list[_Track] = []
        self._numbers = itertools.count()
        self._frame = 0
        self.detections = 0
        """How often the detector ran."""

    def update(self, rgb: RGB) -> list[TrackedFace]:
        """The faces of the next frame, largest first."""
        seen = [track for track in self._tracks if self._follow(track, rgb)]
        lost = [track for track in self._tracks if track.missed_frames]
        if not seen or lost or self._frame % self._detect_every == 0:
            seen += self._detect(rgb, seen, lost)
        self._tracks = [t for t in self._tracks if t.missed_frames <= self._patience]
        self._frame += 1
        seen.sort(key=lambda track: -track.face.box.area)
        return [TrackedFace(track.number, track.face) for track in seen]

    def forget(self) -> None:
        """Start a new stream; track numbers go on."""
        self._tracks.clear()
        self._frame = 0

    def _follow(self, track: _Track, rgb: RGB) -> bool:
        if track.missed_frames:
            return False
        face = self._landmarker(rgb, track.sought)
        if face.presence < PRESENT or _jumped(track.face, face):
            track.missed_frames = 1
            return False
        track.moved_to(face)
        return True

    def _detect(self, rgb: RGB, seen: list[_Track], lost: list[_Track]) -> list[_Track]:
        """Fit the mesh to what is new; a lost track that lies where it was goes on."""
        self.detections += 1
        found: list[_Track] = []
        for track in lost:
            track.missed_frames += 1
        for detection in self._detector(rgb):
            if any(_same_place(detection, track.face) for track in seen + found):
                continue
            face = self._landmarker(rgb, detection)
            if face.presence < PRESENT:
                continue
            if any(_same_place(face, track.face) for track in seen + found):
                continue
            face = replace(face, score=detection.score)
            again = next((t for t in lost if t.missed_frames and _same_place(face, t.face)), None)
            if again is not None:
                again.moved_to(face)
                found.append(again)
                continue
            track = _Track(next(self._numbers), face, face)
            self._tracks.append(track)
            found.append(track)
        return found


def _same_place(one: Face, other: Face) -> bool:
    """Boxes of detectors and meshes differ in size, so the centres decide as well."""
    if one.box.iou(other.box) > OVERLAP:
        return True
    (x0, y0), (x1, y1) = one.box.center, other.box.center
    reach = 0.5 * min(max(one.box.width, 1), max(other.box.width, 1))
    return math.hypot(x1 - x0, y1 - y0) < reach


def _jumped(before: Face, after: Face) -> bool:
    size = max(before.box.width, before.box.height, 1.0)
    (x0, y0), (x1, y1) = before.box.center, after.box.center
    grown = max(after.box.width, 1.0) / max(before.box.width, 1.0)
    return math.hypot(x1 - x0, y1 - y0) > _MAX_STEP * size or not 0.5 < grown < 2.0


class SceneCut:
    """Tells where a stream jumps to another picture, by the brightness of coarse blocks.

    Videos move by up to a few levels from frame to frame; so do image folders that hold a clip,
    while photographs of different people, even posed alike, differ by more than that.
    """

    VIDEO_LEVELS = 14.0
    IMAGES_LEVELS = 5.0
    _BLOCKS = 12

    def __init__(self, images: bool = False) -> None:
        self._limit = self.IMAGES_LEVELS if images else self.VIDEO_LEVELS
        self._before: NDArray[np.float32] | None = None

    def __call__(self, rgb: RGB) -> bool:
        """Whether this frame starts a new scene; the first frame does."""
        few = resize(rgb, (4 * self._BLOCKS, 4 * self._BLOCKS), "nearest")
        now = resize(few, (self._BLOCKS, self._BLOCKS)).mean(axis=2, dtype=np.float32)
        before, self._before = self._before, now
        return before is None or float(np.abs(now - before).mean()) > self._limit


# -- gaps -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen(Generic[Item]):
    """Something of a frame (its picture, say) with the face in it, if there is one."""

    item: Item
    time_s: float
    face: Face | None
    filled: bool = False
    """The face was not seen but lies between two sightings."""
    scene: int = 0
    """Which scene of the stream it is of."""


def fill_gaps(
    stream: Iterable[Seen[Item]], max_gap_frames: int = MAX_GAP_FRAMES
) -> Iterator[Seen[Item]]:
    """Interpolate faces missing for at most `max_gap_frames` within a scene; holds no more frames
    than that."""
    waiting: deque[Seen[Item]] = deque()
    before: Seen[Item] | None = None
    for seen in stream:
        if seen.face is None:
            waiting.append(seen)
            if before is None or len(waiting) > max_gap_frames:
                before = None
                yield from waiting
                waiting.clear()
            continue
        if before is not None and before.scene == seen.scene:
            yield from (_between(before, gap, seen) for gap in waiting)
        else:
            yield from waiting
        waiting.clear()
        yield seen
        before = seen
    yield from waiting


def _between(before: Seen[Item], gap: Seen[Item], after: Seen[Item]) -> Seen[Item]:
    assert before.face is not None
    assert after.face is not None
    first, last = before.face.mesh_4683, after.face.mesh_4683
    if first is None or last is None:
        return gap
    share = (gap.time_s - before.time_s) / max(1e-9, after.time_s - before.time_s)
    mesh = (first + share * (last - first)).astype(np.float32)
    face = replace(before.face, mesh_4683=mesh, score=min(before.face.score, after.face.score))
    return replace(gap, face=face, filled=True)
