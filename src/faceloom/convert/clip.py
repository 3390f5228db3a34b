"""Clips: decode, track, paint, place and encode side by side, in bounded memory.

Each has a thread of its own; each of the libraries releases Python's lock while it works. Frames go
through the model in small batches.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from faceloom.colour import ColourMatcher, Transfer
from faceloom.convert.face import Painted, Placed, heat, place
from faceloom.data.fine import fineness
from faceloom.data.reference import FacePlaces
from faceloom.errors import UserError
from faceloom.faces.align import align
from faceloom.faces.drawing import draw_landmarks
from faceloom.faces.face import Aligned
from faceloom.faces.find import MeshLandmarker, make_detector
from faceloom.faces.steady import CropSteadier, MeshSteadier
from faceloom.faces.track import FaceTracker, SceneCut, Seen, TrackedFace, fill_gaps
from faceloom.image import RGB, to_tensor, to_uint8
from faceloom.models.base import ShownFaces, Side, Swapper, other_side
from faceloom.provenance import MODEL_KEY
from faceloom.threads import one_torch_thread
from faceloom.video import (
    Frame,
    ReadReport,
    VideoWriter,
    find_clips,
    prefetch,
    probe,
    read_frames,
    read_metadata,
)

OutputKind = Literal["result", "side-by-side", "triple"]
OUTPUT_KINDS: tuple[OutputKind, ...] = get_args(OutputKind)
_BATCH_FRAMES = 8
_AHEAD_FRAMES = 8
"""How far a stage runs ahead of the next."""
PERSON_COSINE = 0.3
"""Cosine to the run's person from which a new track is taken for that person."""
_REPORT_S = 0.2


@dataclass(frozen=True)
class ConvertOptions:
    """How to convert."""

    to: Side = "b"
    colour: Transfer = "tone"
    kind: OutputKind = "result"
    detector: str = "full-range"
    anyone: bool = False
    """Swap the largest face, whoever it is, and not only the run's person."""
    landmarks: bool = False
    """Give a model that was trained with landmarks those of the footage; without, it finds its
    own."""
    detail: float = 1.0
    """Share of the fine detail of the face's own pictures that is laid onto what the model paints,
    0 to 1, where the footage is larger than the model's picture."""
    codec: str = "h264"
    crf: int = 18
    codec_options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ConvertStatus:
    """One progress report."""

    clip: str
    frames: int
    total_frames: int | None
    faces: int
    frames_per_s: float


@dataclass(frozen=True)
class ClipReport:
    """One converted clip."""

    output: Path
    frames: int
    faces: int
    damaged: int
    audio: str
    broken_off: bool = False
    """The footage ends before it says it does."""
    skipped: bool = False
    """It was there already, made with the same model."""


@dataclass(frozen=True)
class ConvertReport:
    """All clips of an input."""

    clips: list[ClipReport]


@dataclass(frozen=True)
class Work:
    """What conversion needs of a run."""

    swapper: Swapper
    model_sha256: str
    metadata: dict[str, str]
    is_person: Callable[[RGB, TrackedFace], bool]
    """Whether a newly seen face is the one to swap."""


@dataclass(frozen=True)
class _Job:
    frame: Frame
    aligned: Aligned | None
    new_track: bool


def convert(
    source: Path,
    work: Work,
    output: Path,
    options: ConvertOptions,
    report: Callable[[ConvertStatus], None] | None = None,
) -> ConvertReport:
    """Convert a video, image folder or folder of either.

    A folder of clips gives a folder; clips already converted with this model are not done again.
    Raises UserError for unusable input or output, or if no clip shows the face to swap.
    """
    clips = find_clips(source)
    reports = []
    names = _output_names(clips)
    several = len(clips) > 1 or (source.is_dir() and clips != [source])
    for clip in clips:
        target = output / names[clip] if several else output
        reports.append(_convert_clip(clip, work, target, options, report))
    if not any(one.faces or one.skipped for one in reports):
        raise UserError(
            f"{source}: shows no face of the person that the run was trained to replace; nothing"
            " was swapped (--anyone swaps the largest face, whoever it is)"
        )
    return ConvertReport(reports)


def _output_names(clips: list[Path]) -> dict[Path, str]:
    """A name for each clip's output: its own with .mp4 (.mkv stays), a folder's as it is. Clips
    that differ in their suffix alone keep it within the name."""
    stems = Counter(clip.stem for clip in clips)
    names = {}
    for clip in clips:
        stem = clip.stem if stems[clip.stem] == 1 else clip.name
        suffix = "" if clip.is_dir() else ".mkv" if clip.suffix.lower() == ".mkv" else ".mp4"
        names[clip] = clip.name if clip.is_dir() else f"{stem}{suffix}"
    return names


def _convert_clip(
    clip: Path,
    work: Work,
    target: Path,
    options: ConvertOptions,
    report: Callable[[ConvertStatus], None] | None,
) -> ClipReport:
    if target.resolve() == clip.resolve():
        raise UserError(f"{target}: is the footage itself; choose another output")
    if _made_with(target) == work.model_sha256:
        return ClipReport(target, 0, 0, 0, "none", skipped=True)
    info = probe(clip)
    columns = {"result": 1, "side-by-side": 2, "triple": 3}[options.kind]
    writer = VideoWriter(
        target,
        info,
        size_px=(columns * info.width_px, info.height_px),
        codec=options.codec,
        crf=options.crf,
        options=options.codec_options,
        audio_from=clip if info.kind == "video" else None,
        metadata=work.metadata,
    )
    faces = frames = 0
    reading = ReadReport()
    started = last = time.monotonic()
    decoded = prefetch(_with_picture(read_frames(clip, report=reading)), _AHEAD_FRAMES)
    with writer, closing(converted(decoded, work, options, info.kind == "images")) as done:
        for original, result, placed in done:
            writer.write(_shown(original, result, placed, options.kind))
            frames += 1
            faces += placed is not None
            now = time.monotonic()
            if report is not None and now - last >= _REPORT_S:
                last = now
                rate = frames / max(1e-9, now - started)
                report(ConvertStatus(clip.name, frames, info.frame_count, faces, rate))
    return ClipReport(target, frames, faces, reading.damaged, writer.audio, reading.broken_off)


def _made_with(target: Path) -> str | None:
    """The hash of the model that made an output which is already there."""
    try:
        return read_metadata(target).get(MODEL_KEY) if target.exists() else None
    except UserError:
        return None


def _with_picture(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Have the decoding thread make the RGB picture, too."""
    for frame in frames:
        if not frame.damaged:
            _ = frame.rgb
        yield frame


def converted(
    frames: Generator[Frame, None, None], work: Work, options: ConvertOptions, images: bool
) -> Generator[tuple[Frame, Frame, Placed | None], None, None]:
    """Each frame with its result and what was placed into it, in order; `images` are no film."""
    jobs = prefetch(_aligned(frames, work, options, images), _AHEAD_FRAMES)
    painted = prefetch(_painted(jobs, work, options), _AHEAD_FRAMES)
    return prefetch(_placed(painted, options), _AHEAD_FRAMES)


def _aligned(
    frames: Generator[Frame, None, None], work: Work, options: ConvertOptions, images: bool
) -> Iterator[_Job]:
    """Track, fill gaps, steady, and cut the model's crop."""
    swapper = work.swapper
    steadier: CropSteadier | None = None
    mesh_steadier, scene = MeshSteadier(), 0
    with closing(frames):
        for seen in fill_gaps(_sightings(frames, work, options, images)):
            if seen.item.damaged:  # Also where the face before and after would tell where it is.
                yield _Job(seen.item, None, False)
                continue
            if seen.face is None:
                steadier = None
                yield _Job(seen.item, None, False)
                continue
            new_track = steadier is None or seen.scene != scene
            if steadier is None or new_track:
                steadier = CropSteadier(swapper.size_px, swapper.coverage)
                mesh_steadier, scene = MeshSteadier(), seen.scene
            transform = steadier(seen.face, seen.time_s)
            aligned = align(seen.item.rgb, seen.face, swapper.size_px, swapper.coverage, transform)
            mesh = mesh_steadier(aligned.mesh_4683, swapper.size_px, seen.time_s)
            yield _Job(seen.item, replace(aligned, mesh_4683=mesh), new_track)


def _sightings(
    frames: Iterator[Frame], work: Work, options: ConvertOptions, images: bool
) -> Iterator[Seen[Frame]]:
    """The frames with the face to swap in each, if it is there."""
    tracker = FaceTracker(make_detector(options.detector), MeshLandmarker())
    scene_cut = SceneCut(images)
    known: dict[int, bool] = {}
    scene = 0
    for frame in frames:
        time_s = float(frame.time_s)
        if frame.damaged:
            yield Seen(frame, time_s, None, scene=scene)
            continue
        if scene_cut(frame.rgb):
            tracker.forget()
            scene += 1
        face = None
        for one in tracker.update(frame.rgb):
            if one.track not in known:
                known[one.track] = options.anyone or work.is_person(frame.rgb, one)
            if known[one.track]:
                face = one.face
                break
        yield Seen(frame, time_s, face, scene=scene)


def _painted(
    jobs: Generator[_Job, None, None], work: Work, options: ConvertOptions
) -> Iterator[tuple[_Job, Painted | None]]:
    """What the model makes of each face, some frames at a time."""
    with one_torch_thread(), closing(jobs):
        while some := list(islice(jobs, _BATCH_FRAMES)):
            faces = [job.aligned for job in some if job.aligned is not None]
            made = iter(paint(work.swapper, faces, options))
            yield from ((job, None if job.aligned is None else next(made)) for job in some)


def _placed(
    painted: Generator[tuple[_Job, Painted | None], None, None], options: ConvertOptions
) -> Iterator[tuple[Frame, Frame, Placed | None]]:
    """Each frame with its result: the painted face in the footage's colours, blended in."""
    colour = ColourMatcher(options.colour)
    with closing(painted):
        for job, face in painted:
            if job.new_track:
                colour = ColourMatcher(options.colour)
            result, placed = job.frame, None
            if job.aligned is not None and face is not None:
                placed = place(job.frame.rgb, job.aligned, face, colour, options.detail)
            if placed is not None:
                result = job.frame.pasted(placed.rgb_HWC, placed.x_px, placed.y_px)
            yield job.frame, result, placed


@torch.inference_mode()
def paint(swapper: Swapper, faces: list[Aligned], options: ConvertOptions) -> list[Painted]:
    """Run the model on aligned faces, with their landmarks drawn if it takes them, and with fine
    detail if any is as large as to show it."""
    if not faces:
        return []
    largest = max(1 / face.frame_to_crop.scale for face in faces)
    fine = fineness(largest) if options.detail > 0 else 0.0
    crops_BCHW = to_tensor(np.stack([face.crop_HWC for face in faces]))
    places = FacePlaces.of(np.stack([face.mesh_4683 for face in faces]), swapper.size_px)
    shown = ShownFaces(places, other_side(options.to), fine)
    kind = swapper.landmarks
    if options.landmarks and kind is not None:
        drawn = [draw_landmarks(face.mesh_4683, kind, swapper.size_px) for face in faces]
        crops_BCHW = torch.cat([crops_BCHW, torch.from_numpy(np.stack(drawn)).unsqueeze(1)], dim=1)
    with torch.autocast("cpu", torch.bfloat16):
        patch = swapper.swap(crops_BCHW, options.to, shown)
    alpha = patch.alpha_B1HW.float().numpy()[:, 0]
    found = patch.detail_B1TT
    details = [None] * len(faces) if found is None else list(found.numpy()[:, 0])
    made = zip(to_uint8(patch.rgb_BCHW), alpha, details, strict=True)
    return [Painted(*one) for one in made]


def _shown(original: Frame, result: Frame, placed: Placed | None, kind: OutputKind) -> Frame:
    """The frame to write."""
    if kind == "result":
        return result
    pictures = [original.rgb, result.rgb]
    if kind == "triple":
        mask = np.zeros(original.rgb.shape[:2], np.float32)
        if placed is not None:
            height, width = placed.mask_HW.shape
            mask[placed.y_px : placed.y_px + height, placed.x_px : placed.x_px + width] = (
                placed.mask_HW
            )
        pictures.append(heat(mask, original.rgb))
    return Frame.from_rgb(np.concatenate(pictures, axis=1), original)
