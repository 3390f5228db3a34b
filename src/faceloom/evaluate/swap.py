"""A swapped clip beside its footage: the figures of one pair of clips, and of many.

Both clips are tracked with the same detector and mesh. Only frames where both show a face count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceloom.errors import UserError
from faceloom.evaluate import motion
from faceloom.evaluate.clip_faces import ClipFaces, read_clip_faces
from faceloom.evaluate.judge import DlibJudge, identity_gain
from faceloom.faces.expression import eye_opening, mouth_opening
from faceloom.faces.face import Mesh
from faceloom.faces.mask import mesh_mask
from faceloom.image import RGB
from faceloom.video import find_clips, read_frames

_JUDGED_A_CLIP = 8
_HULL_MARGIN = 1.15
"""The face's surroundings start outside the hull grown by this."""


@dataclass(frozen=True)
class SwapScores:
    """Figures over all frames of the clips; see `motion` and `judge` for each one's meaning."""

    identity_gain: float
    mouth_correlation: float
    eye_correlation: float
    """By the eyes' own network; the mesh's lids hardly move (see `faces.eyes`)."""
    eye_correlation_mesh: float
    """By the mesh's lids, for comparison with figures of others."""
    mouth_range: float
    """Deviation of the swap's mouth opening over the footage's; 1 is as lively."""
    eye_range: float
    jitter_ratio: float
    """The swap's landmark jitter over the footage's."""
    outside_error: float
    """Mean absolute difference outside the face, levels of 255."""
    outside_error_codec: float
    """The same for the footage merely encoded again; nan if not measured."""
    frames: int
    frames_missed: int
    """Frames in which the footage shows a face and the swap does not."""


def judge_pictures(judge: DlibJudge, clip: ClipFaces, count: int = _JUDGED_A_CLIP) -> list[
    NDArray[np.float32]
]:  # fmt: skip
    """Identity vectors of frames spread evenly over a clip."""
    seen = [i for i, mesh in enumerate(clip.meshes) if mesh is not None]
    picked = [seen[i] for i in np.linspace(0, len(seen) - 1, min(count, len(seen))).astype(int)]
    pictures = []
    for index in picked:
        mesh = clip.meshes[index]
        assert mesh is not None
        pictures.append(judge(clip.frames[index], mesh))
    return pictures


def pictures_of(judge: DlibJudge, source: Path, count: int = 24) -> list[NDArray[np.float32]]:
    """Identity vectors of a person's clips, about `count` in all. Raises UserError for no face."""
    clips = find_clips(source)
    each = max(1, -(-count // len(clips)))
    step = max(1, len(clips) * each // count)
    found = [
        v for clip in clips[::step] for v in judge_pictures(judge, read_clip_faces(clip), each)
    ]
    if not found:
        raise UserError(f"{source}: shows no face to compare with; give other pictures")
    return found


def score_swap(
    footage: Sequence[Path],
    swapped: Sequence[Path],
    face: Sequence[NDArray[np.float32]],
    face_again: Sequence[NDArray[np.float32]],
    recoded: Sequence[Path] = (),
) -> SwapScores:
    """Score swapped clips against the clips they were made from.

    `face` and `face_again` are the judge's vectors of B's pictures from different clips; `recoded`
    are the footage's clips merely encoded with the same settings. Raises UserError if clips do not
    match frame by frame, or show no face.
    """
    judge = DlibJudge()
    gathered = _Gathered()
    for index, (before, after) in enumerate(zip(footage, swapped, strict=True)):
        one, other = read_clip_faces(before), read_clip_faces(after)
        if len(one.frames) != len(other.frames) or one.frames[0].shape != other.frames[0].shape:
            raise UserError(
                f"{after}: does not match {before} in length or size; score a clip against the"
                " footage it was made from"
            )
        again = [frame.rgb for frame in read_frames(recoded[index])] if recoded else None
        gathered.add(judge, one, other, again)
    return gathered.scores(face, face_again)


class _Gathered:
    """Per-frame measurements of all clips."""

    def __init__(self) -> None:
        self._openings: list[NDArray[np.float64]] = []
        self._jitter: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]] = ([], [])
        self._pictures: tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]] = ([], [])
        self._outside: list[float] = []
        self._outside_codec: list[float] = []
        self._frames = self._missed = 0

    def add(
        self, judge: DlibJudge, footage: ClipFaces, swapped: ClipFaces, recoded: list[RGB] | None
    ) -> None:
        pairs = [
            (i, a, b)
            for i, (a, b) in enumerate(zip(footage.meshes, swapped.meshes, strict=True))
            if a is not None and b is not None
        ]
        self._frames += len(footage.frames)
        self._missed += sum(mesh is not None for mesh in footage.meshes) - len(pairs)
        if len(pairs) < 3:
            return
        for side, (clip, meshes) in enumerate(
            (
                (footage, np.stack([a for _, a, _ in pairs])),
                (swapped, np.stack([b for *_, b in pairs])),
            )
        ):
            self._jitter[side].append(motion.jitter_samples(meshes))
            self._pictures[side].extend(judge_pictures(judge, clip))
        before, after = (np.stack([p[k] for p in pairs]) for k in (1, 2))
        self._openings.append(
            np.stack(
                [
                    mouth_opening(before),
                    mouth_opening(after),
                    footage.eyes[[i for i, *_ in pairs]],
                    swapped.eyes[[i for i, *_ in pairs]],
                    eye_opening(before),
                    eye_opening(after),
                ]
            )
        )
        for index, mesh, _ in pairs[:: max(1, len(pairs) // 10)]:
            frame = footage.frames[index]
            self._outside.append(outside_error(frame, swapped.frames[index], mesh))
            if recoded is not None:
                self._outside_codec.append(outside_error(frame, recoded[index], mesh))

    def scores(
        self, face: Sequence[NDArray[np.float32]], face_again: Sequence[NDArray[np.float32]]
    ) -> SwapScores:
        if not self._openings:
            raise UserError("the clips: show no face in common; nothing can be scored")
        mouth_a, mouth_b, eye_a, eye_b, lids_a, lids_b = np.concatenate(self._openings, axis=1)
        still, moved = (float(np.median(np.concatenate(samples))) for samples in self._jitter)
        return SwapScores(
            identity_gain=identity_gain(self._pictures[1], self._pictures[0], face, face_again),
            mouth_correlation=motion.correlation(mouth_a, mouth_b),
            eye_correlation=motion.correlation(eye_a, eye_b),
            eye_correlation_mesh=motion.correlation(lids_a, lids_b),
            mouth_range=float(mouth_b.std() / max(1e-9, mouth_a.std())),
            eye_range=float(eye_b.std() / max(1e-9, eye_a.std())),
            jitter_ratio=moved / max(1e-9, still),
            outside_error=float(np.mean(self._outside)),
            outside_error_codec=float(np.mean(self._outside_codec))
            if self._outside_codec
            else float("nan"),
            frames=self._frames,
            frames_missed=self._missed,
        )


def outside_error(one_HWC: RGB, other_HWC: RGB, mesh_4683: Mesh) -> float:
    """Mean absolute difference of two frames outside a face's grown hull, levels of 255."""
    centre = mesh_4683.mean(axis=0)
    grown = (centre + (mesh_4683 - centre) * _HULL_MARGIN).astype(np.float32)
    outside = mesh_mask(grown, "hull", (one_HWC.shape[1], one_HWC.shape[0])) == 0
    difference = np.abs(one_HWC[outside].astype(np.int16) - other_HWC[outside])
    return float(difference.mean())


def paired_clips(footage: Path, swapped: Path) -> Iterator[tuple[Path, Path]]:
    """Clips of two folders (or files) in order."""
    yield from zip(find_clips(footage), find_clips(swapped), strict=True)
