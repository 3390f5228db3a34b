"""What an evaluation found, as plain values: figures, curves, moments, pictures of identity.

`measures` says what each figure is; modules of scores make them; `report` draws them; `compare`
reads them again. Convention: everything is JSON-ready; a figure that could not be taken has None
for its value and says why; frames count from 0 through all clips of an evaluation in order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from faceloom.errors import UserError
from faceloom.files import read_json, write_json

EVALUATION_VERSION = 3
"""Rises whenever a definition changes: figures of different versions do not compare."""
SCORES_FILE = "scores.json"
Group = Literal["identity", "kept", "looks", "video", "unchanged", "key"]
"""Who it looks like; what it keeps of the performance; how real it looks; how steady it is; that
nothing else changed; nearness to the exact answer where there is one."""


@dataclass(frozen=True)
class Figure:
    """One measured figure with its uncertainty."""

    value: float | None
    low: float | None = None
    """Lower end of the 95% interval; None where there is none."""
    high: float | None = None
    sample: int = 0
    """How many frames, pictures or clips it rests on."""
    note: str = ""
    """Why there is no value, or what to keep in mind."""
    by_clip: tuple[float | None, ...] = ()
    """The figure of each clip by itself: what intervals and paired comparisons are drawn from."""
    by_block: tuple[float | None, ...] = ()
    """The figure of each stretch of frames, of all clips in order: what few clips are compared
    by (see `intervals`)."""


@dataclass(frozen=True)
class Clip:
    """One swapped clip and the footage it was made from."""

    name: str
    footage: str
    result: str
    frames: int
    first_frame: int
    """Its first frame in the evaluation's count."""
    rate: float
    """Frames a second, on average."""
    width_px: int
    height_px: int
    result_sha256: str
    footage_sha256: str


@dataclass(frozen=True)
class Curve:
    """One value a frame, over all clips; None where a frame has none."""

    name: str
    title: str
    unit: str
    better: Literal["higher", "lower", "neither"]
    values: tuple[float | None, ...]
    footage: tuple[float | None, ...] | None = None
    """The same of the footage, drawn beside it."""


@dataclass(frozen=True)
class Spectrum:
    """How strongly the face's brightness changes at each rate, the mean over all clips."""

    hz: tuple[float, ...]
    result: tuple[float, ...]
    """Root mean square of each band, levels of 255."""
    footage: tuple[float, ...]


@dataclass(frozen=True)
class WorstFrame:
    """A frame worth a look, and why."""

    frame: int
    reason: str
    """In words a person understands: "the mouth is shut where the footage's is open"."""
    severity: float
    """How far beyond the ordinary, in deviations; the list is sorted by it, worst first."""


@dataclass(frozen=True)
class HeatMap:
    """Cosines between pictures of two groups."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Point:
    """A picture's place in the map of identities."""

    x: float
    y: float
    group: Literal["footage", "face", "result"]
    label: str


@dataclass(frozen=True)
class Likeness:
    """Somebody of the gallery who looks like a person of the clips."""

    of: Literal["footage", "face", "result"]
    rank: int
    name: str
    cosine: float
    thumbnail: str
    """PNG or JPEG file in the report's folder; empty where none may be shown."""


@dataclass(frozen=True)
class Evaluation:
    """Everything that is known of a swap."""

    faceloom: str
    version: int
    summary: str
    """A line that a person understands."""
    clips: tuple[Clip, ...]
    figures: dict[str, Figure]
    """By the measure's name."""
    curves: tuple[Curve, ...] = ()
    worst: tuple[WorstFrame, ...] = ()
    heat_maps: tuple[HeatMap, ...] = ()
    map: tuple[Point, ...] = ()
    map_note: str = ""
    """Near which real pictures the result's are, in figures."""
    spectrum: Spectrum | None = None
    likenesses: tuple[Likeness, ...] = ()
    warnings: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    """What was compared with what, and by which networks."""

    def save(self, folder: Path) -> None:
        """Write FOLDER/scores.json."""
        write_json(folder / SCORES_FILE, dataclasses.asdict(self))

    @classmethod
    def load(cls, path: Path) -> Evaluation:
        """Read a report's folder or its scores.json.

        Raises UserError if it is none, or of another version.
        """
        file = path / SCORES_FILE if path.is_dir() else path
        if not file.is_file():
            raise UserError(f"{path}: holds no {SCORES_FILE}; give a folder that evaluate wrote")
        return cls.from_dict(read_json(file), file)

    @classmethod
    def from_dict(cls, values: dict[str, Any], source: Path) -> Evaluation:
        """From JSON values. Raises UserError, naming `source`."""
        if values.get("version") != EVALUATION_VERSION:
            raise UserError(
                f"{source}: was written by another version ({values.get('version')}, this is"
                f" {EVALUATION_VERSION}); evaluate the clip again"
            )
        try:
            return TypeAdapter(cls).validate_python(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise UserError(
                f"{source}: {where}: {first['msg']}; evaluate the clip again"
            ) from error


def known(figures: Sequence[Figure]) -> list[float]:
    """The values that were measured."""
    return [figure.value for figure in figures if figure.value is not None]
