"""A result and its footage, frame by frame, one pair at a time in memory.

Convention: pictures are uint8 RGB (H, W, 3); times in seconds from the start of the clip.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from faceloom.errors import UserError
from faceloom.image import RGB
from faceloom.video import Frame, find_clips, probe, read_frames
from faceloom.video.info import image_files

_LAST_FRAMES = 1
"""A container may cut off the last frame; more than that is another clip."""
_PART_BYTES = 1 << 20


@dataclass(frozen=True)
class PairedFrame:
    """One moment of footage and result."""

    index: int
    footage: RGB
    result: RGB
    start_s: float
    """When the footage's first frame is shown, from its file's start."""
    footage_time_s: float
    """From the first frame on, as the result's."""
    result_time_s: float
    damaged: bool
    """The decoder could not read one of the two whole."""


@dataclass
class PairReport:
    """Filled while `paired_frames` runs."""

    frames: int = 0
    """Frames that both clips have."""
    extra_frames: int = 0
    """How many more the result has (fewer: below 0)."""


@dataclass(frozen=True)
class ClipPair:
    """A result and the footage it was made from."""

    name: str
    footage: Path
    result: Path


def pair_clips(footage: Path, result: Path) -> list[ClipPair]:
    """The clips of two inputs: by name where they are called alike, else in order.

    Raises UserError if there is nothing to read, or the numbers of clips differ.
    """
    before, after = find_clips(footage), find_clips(result)
    if len(before) == 1 and len(after) == 1:
        return [ClipPair(_name(after[0]), before[0], after[0])]
    by_name = {clip.stem: clip for clip in before}
    if len(by_name) == len(before) and all(clip.stem in by_name for clip in after):
        return [ClipPair(clip.stem, by_name[clip.stem], clip) for clip in after]
    if len(before) != len(after):
        raise UserError(
            f"{result}: clips in it {len(after)}, in {footage} {len(before)}, not called alike;"
            " give one result for each clip of the footage, by the same name"
        )
    return [ClipPair(_name(b), a, b) for a, b in zip(before, after, strict=True)]


def check_pair(pair: ClipPair) -> int | None:
    """The number of frames, as far as it can be told without decoding.

    Raises UserError, one line, for clips that cannot be read or plainly do not match.
    """
    footage, result = probe(pair.footage), probe(pair.result)
    one, other = ((info.width_px, info.height_px) for info in (footage, result))
    if one != other:
        raise _other_size(pair, one, other)
    known = [info.frame_count for info in (footage, result)]
    whole = pair.footage.is_dir() and pair.result.is_dir()
    if whole and known[0] != known[1]:
        raise _other_length(pair, len(image_files(pair.footage)), len(image_files(pair.result)))
    counts = [count for count in known if count is not None]
    return min(counts) if counts else None


def paired_frames(pair: ClipPair, report: PairReport | None = None) -> Iterator[PairedFrame]:
    """Both clips in step, in bounded memory.

    Raises UserError if they differ in size, or by more than a last frame in length.
    """
    report = report if report is not None else PairReport()
    before, after = read_frames(pair.footage), read_frames(pair.result)
    starts: tuple[float, float] | None = None
    while True:
        one, other = next(before, None), next(after, None)
        if one is None or other is None:
            break
        size, other_size = ((f.width_px, f.height_px) for f in (one, other))
        if size != other_size:
            raise _other_size(pair, size, other_size)
        times = float(one.time_s), float(other.time_s)
        starts = starts or times
        yield PairedFrame(
            report.frames, one.rgb, other.rgb, starts[0], times[0] - starts[0],
            times[1] - starts[1], one.damaged or other.damaged,
        )  # fmt: skip
        report.frames += 1
    ends = [_left_over(early, late) for early, late in ((one, before), (other, after))]
    report.extra_frames = ends[1] - ends[0]
    if abs(report.extra_frames) > _LAST_FRAMES:
        raise _other_length(pair, report.frames + ends[0], report.frames + ends[1])


def sha256_of(path: Path) -> str:
    """Hash of a file, or of a folder's images by name and content."""
    digest = hashlib.sha256()
    for file in image_files(path) if path.is_dir() else [path]:
        if path.is_dir():
            digest.update(file.name.encode())
        with file.open("rb") as stream:
            while part := stream.read(_PART_BYTES):
                digest.update(part)
    return digest.hexdigest()


def check_same(pairs: Sequence[ClipPair]) -> None:
    """Raises UserError if a result is its footage's own file."""
    for pair in pairs:
        if pair.result.resolve() == pair.footage.resolve():
            raise UserError(f"{pair.result}: is the footage itself; give the swapped clip")


def _left_over(first: Frame | None, rest: Iterator[Frame]) -> int:
    return sum(1 for _ in rest) + 1 if first is not None else 0


def _name(clip: Path) -> str:
    return clip.name if clip.is_dir() else clip.stem


def _other_size(pair: ClipPair, one: tuple[int, int], other: tuple[int, int]) -> UserError:
    return UserError(
        f"{pair.result}: is {other[0]}x{other[1]} px, and its footage {pair.footage} is"
        f" {one[0]}x{one[1]} px; give a result of the footage's own size"
    )


def _other_length(pair: ClipPair, one: int, other: int) -> UserError:
    return UserError(
        f"{pair.result}: has {other} frames, and its footage {pair.footage} has {one}; give the"
        " footage that it was made from"
    )
