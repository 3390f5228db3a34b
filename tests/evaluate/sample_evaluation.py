"""A small evaluation of drawn clips, with everything that a page can show."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from tests.toy_pair import write_pictures

from faceloom.evaluate.evaluation import (
    EVALUATION_VERSION,
    Clip,
    Curve,
    Evaluation,
    Figure,
    HeatMap,
    Likeness,
    Point,
    Spectrum,
    WorstFrame,
)
from faceloom.evaluate.measures import MEASURES
from faceloom.image import RGB, encode_image
from faceloom.video import Frame, VideoWriter, probe

WIDTH_PX, HEIGHT_PX = 96, 64
BITS = 6
"""The frame's number is drawn as so many blocks, black or white, along the top."""
RATE = 10.0
NASTY = '<script>alert("x")</script> & <b>Bo\'s</b>'
"""A name that would break a page which does not escape."""


@dataclass(frozen=True)
class Sample:
    """An evaluation and the clips it is of."""

    evaluation: Evaluation
    folder: Path
    clips: list[tuple[Path, Path]]


def numbered_frame(number: int, colour: tuple[int, int, int]) -> RGB:
    """A plain picture that says its number in `BITS` blocks."""
    picture = np.empty((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    picture[:] = colour
    block_px = WIDTH_PX // BITS
    for bit in range(BITS):
        shade = 255 if number >> bit & 1 else 0
        picture[: HEIGHT_PX // 2, bit * block_px : (bit + 1) * block_px] = shade
    return picture


def read_number(picture: RGB) -> int:
    """The number that a picture of any size says."""
    height, width = picture.shape[:2]
    row = picture[height // 4].mean(axis=-1)
    return sum(int(row[int((bit + 0.5) * width / BITS)] > 127) << bit for bit in range(BITS))


def write_numbered_clip(path: Path, first: int, frames: int, colour: tuple[int, int, int]) -> Path:
    """A clip of numbered frames at uneven times."""
    stand_in = write_pictures(path.with_suffix(""), [numbered_frame(0, colour)])
    time_base = Fraction(1, 1000)
    like = replace(probe(stand_in), rate=Fraction(RATE), time_base=time_base)
    with VideoWriter(path, replace(like, pixel_format="yuv420p"), crf=8) as writer:
        for index in range(frames):
            pts = 100 * index + (40 if index % 3 == 1 else 0)
            writer.write(Frame(index, pts, time_base, rgb=numbered_frame(first + index, colour)))
    return path


def make_clip(
    name: str = "talk", frames: int = 30, rate: float = RATE, first_frame: int = 0
) -> Clip:
    """What an evaluation says of a clip."""
    return Clip(
        name, f"{name}, footage", f"{name}, result", frames, first_frame, rate, WIDTH_PX,
        HEIGHT_PX, "ab" * 32, "cd" * 32,
    )  # fmt: skip


def make_sample(folder: Path, lengths: tuple[int, ...] = (30, 20), name: str = "talk") -> Sample:
    """Clips of these lengths, their evaluation, and the pictures it names."""
    folder.mkdir(parents=True, exist_ok=True)
    clips, paths, first = [], [], 0
    for number, frames in enumerate(lengths):
        footage = folder / f"footage-{number}.mp4"
        result = folder / f"result-{number}.mp4"
        write_numbered_clip(footage, first, frames, (60, 90, 140))
        write_numbered_clip(result, first, frames, (170, 110, 60))
        title = f"{name} {number} {NASTY}"
        clips.append(make_clip(title, frames, first_frame=first))
        paths.append((footage, result))
        first += frames
    report = folder / "report"
    report.mkdir()
    (report / "alike.png").write_bytes(encode_image(numbered_frame(5, (200, 0, 90)), ".png"))
    return Sample(_evaluation(clips, first), report, paths)


Who = Literal["footage", "face", "result"]
_PLACES: dict[Who, tuple[float, float]] = {"footage": (0, 0), "face": (9, 3), "result": (7, 4)}
_ALIKE: dict[Who, str] = {"footage": "KLM", "face": "ABC", "result": "BAD"}
"""Names of look-alikes, one letter each."""


def _evaluation(clips: list[Clip], frames: int) -> Evaluation:
    figures = {name: Figure(0.5, 0.4, 0.6, frames, "", (0.45, 0.55)) for name in MEASURES}
    figures[next(reversed(figures))] = Figure(
        None, note="no sound in the clips of " + "a-long-path/" * 12
    )
    wave = [round(math.sin(k / 3), 4) for k in range(frames)]
    gappy = tuple(None if k in (4, 5, 7) else 10.0 + value for k, value in enumerate(wave))
    return Evaluation(
        faceloom="0.0",
        version=EVALUATION_VERSION,
        summary=f"looks like B: 0.81 of a real photo; slight flicker at 0:01.5-0:02 {NASTY}",
        clips=tuple(clips),
        figures=figures,
        curves=(
            Curve("identity", f"likeness {NASTY}", "", "higher", tuple(wave)),
            Curve("mouth", "mouth opening", "px", "neither", gappy, tuple(9 + w for w in wave)),
        ),
        worst=(
            WorstFrame(frames - 3, f"the mouth is shut {NASTY}", 4.2),
            WorstFrame(7, "it flickers", 3.1),
        ),
        heat_maps=(
            HeatMap("within real", ("a", "b"), ("a", NASTY), ((1.0, 0.8), (0.8, 1.0))),
            HeatMap("between", tuple(map(str, range(20))), tuple(map(str, range(15))),
                    tuple(tuple((i * j) % 7 / 7 for j in range(15)) for i in range(20))),
        ),
        map=tuple(
            Point(x + k, y - k, group, f"{group} {k} {NASTY}")
            for group, (x, y) in _PLACES.items()
            for k in (0, 0.5, 1)
        ),
        map_note=f"By cosine, 3 of 3 pictures are nearest to the face {NASTY}.",
        spectrum=Spectrum(
            tuple(k / 2 for k in range(26)), (0.2,) * 12 + (1.5,) + (0.2,) * 13, (0.2,) * 26
        ),
        likenesses=tuple(
            Likeness(of, rank, f"{who} {NASTY}", 0.9 - rank / 10, picture)
            for of, names in _ALIKE.items()
            for rank, (who, picture) in enumerate(zip(names, ("alike.png", "", ""), strict=True), 1)
        ),
        warnings=(f"one clip only {NASTY}",),
        settings={"judge": f"dlib {NASTY}"},
    )  # fmt: skip
