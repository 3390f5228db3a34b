"""The page of an evaluation: one file that opens offline, with everything it shows inside.

    FOLDER/report.html

The page asks the network for nothing, and forbids itself to: its content security policy allows
data inside the page, its own script (by hash) and no other address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from markupsafe import Markup, escape

from faceloom.evaluate.evaluation import Clip, Evaluation, Figure, Group, Likeness, WorstFrame
from faceloom.evaluate.measures import MEASURES, Measure
from faceloom.evaluate.report_charts import (
    BOX_HEIGHT,
    BOX_WIDTH,
    CurveDrawing,
    draw_curve,
    draw_heat_maps,
    draw_spectrum,
    place_points,
    time_ticks,
)
from faceloom.evaluate.report_media import EmbeddedClip, embed_clip, picture_uri
from faceloom.files import write_bytes
from faceloom.page import render_page
from faceloom.provenance import CONSENT_FACE_KEY, CONSENT_FOOTAGE_KEY

REPORT_FILE = "report.html"
MOST_BYTES = 24_000_000
"""Of all embedded clips together; text encoding makes a third more of it."""
_MOST_WORST = 12
_TIME = re.compile(r"\b(\d+):([0-5]\d(?:\.\d+)?)\b")
_TIME_BUTTON = Markup('<button type="button" class="time" data-frame="{}">{}</button>')
GROUP_TITLES: dict[Group, str] = {
    "identity": "Who it looks like",
    "kept": "What it keeps of the performance",
    "looks": "How real it looks",
    "video": "How steady it is",
    "unchanged": "Whether anything else changed",
    "key": "How near it is to the exact answer",
}
_PEOPLE = {
    "footage": "A, the person in the footage",
    "result": "the result",
    "face": "B, the person whose face it is",
}


def write_report(
    evaluation: Evaluation,
    folder: Path,
    clips: Sequence[tuple[Path, Path]],
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Write FOLDER/report.html; `clips` are footage and result of each clip of the evaluation.

    `progress` is told the share of clips done. Raises UserError if a clip cannot be read or is
    shorter than its evaluation says, or the page cannot be written.
    """
    embedded = _embed(evaluation, clips, progress)
    page = render_report(evaluation, folder, embedded)
    write_bytes(folder / REPORT_FILE, page.encode())
    return folder / REPORT_FILE


def render_report(evaluation: Evaluation, folder: Path, embedded: Sequence[EmbeddedClip]) -> str:
    """The page as HTML. `folder` holds the pictures that the evaluation names."""
    clips = evaluation.clips
    frames = sum(clip.frames for clip in clips)
    worst = [
        _moment(moment, clips, embedded)
        for moment in evaluation.worst[:_MOST_WORST]
        if 0 <= moment.frame < frames
    ]
    curves = [draw_curve(curve) for curve in evaluation.curves]
    heat_maps, heat_scale = draw_heat_maps(evaluation.heat_maps)
    groups = figure_groups(evaluation)
    return render_page(
        "report.html.j2",
        "report.js",
        evaluation=evaluation,
        summary=_with_times(evaluation.summary, clips),
        frames=frames,
        clips=list(zip(clips, embedded, strict=True)),
        consent=_consent_lines(embedded),
        shrunk=min(one.scale for one in embedded),
        worst=worst,
        curves=curves,
        box=(BOX_WIDTH, BOX_HEIGHT),
        time_ticks=time_ticks(clips),
        cuts=[clip.first_frame / frames * BOX_WIDTH for clip in clips[1:]],
        groups=groups,
        tiles=[group for group in groups if group.headline is not None],
        heat_maps=heat_maps,
        heat_scale=heat_scale,
        points=place_points(evaluation.map) if evaluation.map else [],
        spectrum=draw_spectrum(evaluation.spectrum) if evaluation.spectrum else None,
        people=_look_alikes(evaluation.likenesses, folder),
        agreement=_agreement_words(evaluation),
        who=_who(evaluation),
        data=_script_data(clips, embedded, curves, evaluation),
    )


# -- figures --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FigureRow:
    """A figure as the page shows it."""

    measure: Measure
    figure: Figure
    value: str
    interval: str
    by_clip: tuple[str, ...]


@dataclass(frozen=True)
class FigureGroup:
    """The figures that answer one question."""

    name: str
    title: str
    rows: tuple[FigureRow, ...]

    @property
    def headline(self) -> FigureRow | None:
        """The first figure that was measured."""
        return next((row for row in self.rows if row.figure.value is not None), None)


def figure_groups(evaluation: Evaluation) -> list[FigureGroup]:
    """The figures by group, in the registry's order; groups without figures are left out."""
    groups = []
    for name in get_args(Group):
        rows = tuple(
            _figure_row(measure, evaluation.figures[measure.name])
            for measure in MEASURES.values()
            if measure.group == name and measure.name in evaluation.figures
        )
        if rows:
            groups.append(FigureGroup(name, GROUP_TITLES[name], rows))
    return groups


def _figure_row(measure: Measure, figure: Figure) -> FigureRow:
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = f"{measure.text(figure.low)} to {measure.text(figure.high)}"
    return FigureRow(
        measure=measure,
        figure=figure,
        value=measure.text(figure.value) if figure.value is not None else "not measured",
        interval=interval,
        by_clip=tuple(
            measure.text(value) if value is not None else "none" for value in figure.by_clip
        ),
    )


# -- clips and moments ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """A frame worth a look, with its picture."""

    worst: WorstFrame
    time: str
    clip: Clip
    thumbnail: str


def _embed(
    evaluation: Evaluation,
    clips: Sequence[tuple[Path, Path]],
    progress: Callable[[float], None] | None,
) -> list[EmbeddedClip]:
    """Every clip with the thumbnails of its worst frames, its share of bytes by its length."""
    frames = sum(clip.frames for clip in evaluation.clips)
    embedded = []
    for number, (clip, (footage, result)) in enumerate(
        zip(evaluation.clips, clips, strict=True), 1
    ):
        moments = {moment.frame - clip.first_frame for moment in evaluation.worst[:_MOST_WORST]}
        share = MOST_BYTES * clip.frames // frames
        embedded.append(embed_clip(footage, result, clip.rate, clip.frames, moments, share))
        if progress is not None:
            progress(number / len(clips))
    return embedded


def _moment(worst: WorstFrame, clips: Sequence[Clip], embedded: Sequence[EmbeddedClip]) -> Moment:
    number = max(k for k, clip in enumerate(clips) if clip.first_frame <= worst.frame)
    clip = clips[number]
    frame = worst.frame - clip.first_frame
    time = clock(frame / float(embedded[number].rate))
    return Moment(worst, time, clip, embedded[number].thumbnails[frame])


def clock(time_s: float) -> str:
    """Minutes, seconds, hundredths: 0:02.52."""
    hundredths = int(100 * time_s + 0.5)
    return f"{hundredths // 6000}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}"


def _with_times(summary: str, clips: Sequence[Clip]) -> Markup:
    """The summary as a sentence, in which times of a single clip lead to their frame."""
    summary = summary[:1].upper() + summary[1:]
    if len(clips) != 1:
        return escape(summary)
    clip = clips[0]
    parts, end = [], 0
    for match in _TIME.finditer(summary):
        frame = round((60 * int(match[1]) + float(match[2])) * clip.rate)
        parts.append(escape(summary[end : match.start()]))
        end = match.end()
        if frame < clip.frames:
            parts.append(_TIME_BUTTON.format(clip.first_frame + frame, match[0]))
        else:
            parts.append(escape(match[0]))
    return Markup("").join([*parts, escape(summary[end:])])


def _consent_lines(embedded: Sequence[EmbeddedClip]) -> list[str]:
    """Whose consent the clips say they rest on."""
    lines: dict[str, None] = {}
    for one in embedded:
        for key, person in ((CONSENT_FOOTAGE_KEY, "footage"), (CONSENT_FACE_KEY, "face")):
            if key in one.metadata:
                lines[f"{_PEOPLE[person].capitalize()}: {one.metadata[key]}"] = None
    return list(lines)


# -- look-alikes ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class LookAlike:
    """Somebody of the gallery, and whether the face's person is like them too."""

    likeness: Likeness
    thumbnail: str
    shared: bool


@dataclass(frozen=True)
class Person:
    """A person of the clips and whom they look like, most alike first."""

    title: str
    alike: tuple[LookAlike, ...]


def _look_alikes(likenesses: Sequence[Likeness], folder: Path) -> list[Person]:
    names = {of: {each.name for each in likenesses if each.of == of} for of in ("face", "result")}
    shared = names["face"] & names["result"]
    people = []
    for of, title in _PEOPLE.items():
        found = sorted((each for each in likenesses if each.of == of), key=lambda each: each.rank)
        alike = tuple(
            LookAlike(
                each,
                picture_uri(folder / each.thumbnail) if each.thumbnail else "",
                of != "footage" and each.name in shared,
            )
            for each in found
        )
        if alike:
            people.append(Person(title.capitalize(), alike))
    return people


def _agreement_words(evaluation: Evaluation) -> str:
    """How many look-alikes result and face share, of how many."""
    found = {of: [each.name for each in evaluation.likenesses if each.of == of]
             for of in ("face", "result")}  # fmt: skip
    if not found["face"] or not found["result"]:
        return ""
    shared = len(set(found["face"]) & set(found["result"]))
    return f"Result and face share {shared} of {len(found['face'])}."


def _who(evaluation: Evaluation) -> str:
    """Who A and B are: the names of what was given."""
    footage = evaluation.clips[0].footage
    if len(evaluation.clips) > 1:
        footage += f" and {len(evaluation.clips) - 1} more"
    face = evaluation.settings.get("face", "")
    return f"A is the person in the footage ({footage}), B the face put in" + (
        f" ({face})." if face else "."
    )


# -- the page -------------------------------------------------------------------------------------


def _script_data(
    clips: Sequence[Clip],
    embedded: Sequence[EmbeddedClip],
    curves: Sequence[CurveDrawing],
    evaluation: Evaluation,
) -> dict[str, Any]:
    """What the page's script needs: where clips begin, what curves say, which frames are worst."""
    return {
        "clips": [
            {
                "name": clip.name,
                "first": clip.first_frame,
                "frames": clip.frames,
                "rate": float(one.rate),
                "width": one.half_width_px,
                "height": one.half_height_px,
            }
            for clip, one in zip(clips, embedded, strict=True)
        ],
        "curves": [
            {
                "digits": drawing.digits,
                "values": _rounded(drawing.curve.values, drawing.digits),
                "footage": _rounded(drawing.curve.footage or (), drawing.digits),
            }
            for drawing in curves
        ],
        "worst": [
            {"frame": each.frame, "reason": each.reason} for each in evaluation.worst[:_MOST_WORST]
        ],
    }


def _rounded(values: Sequence[float | None], digits: int) -> list[float | None]:
    return [None if value is None else round(value, digits) for value in values]
