"""What a page draws: curves over the frames, tables of cosines, the map of identities.

Convention: a curve lies in a box of `BOX_WIDTH` x `BOX_HEIGHT` units, y down, that the page
stretches; frame k of n is at (k + 0.5) / n of its width. Places along an edge are shares, 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom.evaluate.evaluation import Clip, Curve, HeatMap, Point, Spectrum
from faceloom.evaluate.report_media import data_uri
from faceloom.evaluate.steadiness import FLICKER_HZ
from faceloom.image import encode_image

BOX_WIDTH, BOX_HEIGHT = 1000.0, 100.0
_COLUMNS = 1200
"""A curve of more values is drawn by the least and the greatest of each column."""
_MARGIN = 0.06
_MOST_CELLS = 12
"""A heat map with more rows or columns is a picture, not a table of numbers."""
_PICTURE_PX = 480
_COLOURS = "cividis"
"""Reads the same for eyes that tell red from green and those that do not."""
_LEAST_EXCESS = 0.1
"""Levels; less flicker in a band is not worth a word."""
_SLOWEST_HZ = 1.0
_LEAST_BANDS = 4
_MAP_SIDE = 100.0
_MAP_MARGIN = 4.0

Values = Sequence[float | None]


@dataclass(frozen=True)
class Tick:
    """A labelled place along an edge."""

    place: float
    text: str


@dataclass(frozen=True)
class CurveDrawing:
    """A curve, ready for the page."""

    curve: Curve
    line: str
    """SVG path of the result's values."""
    footage_line: str
    """SVG path of the footage's; empty where there is none."""
    ticks: tuple[Tick, ...]
    """Along the left edge; places from the top."""
    digits: int
    """Decimals that tell its values apart."""
    words: str
    """What it shows, for those who do not see it."""


def draw_curve(curve: Curve) -> CurveDrawing:
    """The curve and the footage's beside it, on one scale."""
    values, footage = _array(curve.values), _array(curve.footage or ())
    known = np.concatenate([values, footage])
    known = known[np.isfinite(known)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = (0.0, 1.0) if low == 0 else (low - 0.5, high + 0.5)
    pad = _MARGIN * (high - low)
    digits = max(0, min(6, 2 - math.floor(math.log10(high - low))))
    return CurveDrawing(
        curve=curve,
        line=_path(values, low - pad, high + pad),
        footage_line=_path(footage, low - pad, high + pad),
        ticks=tuple(_ticks(low - pad, high + pad)),
        digits=digits,
        words=_curve_words(curve, values, footage, digits),
    )


@dataclass(frozen=True)
class SpectrumDrawing:
    """A spectrum, ready for the page; places as those of curves."""

    line: str
    footage_line: str
    ticks: tuple[Tick, ...]
    hz_ticks: tuple[Tick, ...]
    words: str


def draw_spectrum(spectrum: Spectrum) -> SpectrumDrawing | None:
    """From 1 Hz on, below which light and posture change; None where nothing is left."""
    hz = np.array(spectrum.hz)
    fast = hz >= _SLOWEST_HZ
    if fast.sum() < _LEAST_BANDS:
        return None
    hz, sides = hz[fast], [np.array(side)[fast] for side in (spectrum.result, spectrum.footage)]
    high = max(float(np.max(sides)), 1e-6) * (1 + _MARGIN)
    places = (hz - hz[0]) / (hz[-1] - hz[0])
    lines = [
        "M" + "L".join(f"{x:.1f} {y:.2f}" for x, y in
                       zip(places * BOX_WIDTH, (1 - side / high) * BOX_HEIGHT, strict=True))
        for side in sides
    ]  # fmt: skip
    hz_ticks = tuple(
        Tick((value - hz[0]) / (hz[-1] - hz[0]), f"{value:g} Hz")
        for value in _round_numbers(float(hz[0]), float(hz[-1]), 6) if hz[0] <= value <= hz[-1]
    )  # fmt: skip
    excess = np.where(hz >= FLICKER_HZ, sides[0] ** 2 - sides[1] ** 2, 0.0)
    top = int(np.argmax(excess))
    words = (
        f"Above {FLICKER_HZ:g} Hz the face's brightness changes most beyond the footage's at"
        f" {hz[top]:.1f} Hz: {sides[0][top]:.2f} levels, the footage's {sides[1][top]:.2f}."
        if excess[top] > _LEAST_EXCESS**2
        else f"At no rate above {FLICKER_HZ:g} Hz does the face's brightness change noticeably"
        " more than the footage's."
    )
    return SpectrumDrawing(lines[0], lines[1], tuple(_ticks(0.0, high)), hz_ticks, words)


def time_ticks(clips: Sequence[Clip]) -> list[Tick]:
    """Along the frames: seconds of a single clip, or the number of each of several."""
    frames = sum(clip.frames for clip in clips)
    if len(clips) == 1:
        clip = clips[0]
        times = (time for time in _round_numbers(0, clip.frames / clip.rate, 6) if time >= 0)
        shares = [(time * clip.rate / frames, f"{time:g} s") for time in times]
        return [Tick(share, text) for share, text in shares if share <= 1]
    return [
        Tick((clip.first_frame + clip.frames / 2) / frames, str(number))
        for number, clip in enumerate(clips, 1)
    ]


@dataclass(frozen=True)
class Cell:
    """One number of a heat map on its colour."""

    text: str
    colour: str
    ink: str


@dataclass(frozen=True)
class HeatDrawing:
    """A heat map: a table where numbers fit, a picture where they do not."""

    heat: HeatMap
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    """Each row's label and cells; empty for a picture."""
    picture: str
    """Data URI; empty for a table."""
    words: str


@dataclass(frozen=True)
class HeatScale:
    """The cosines at the ends of the colours, and the colours in between."""

    low: str
    high: str
    colours: tuple[str, ...]


def draw_heat_maps(heat_maps: Sequence[HeatMap]) -> tuple[list[HeatDrawing], HeatScale]:
    """All on one scale of colours, so that they compare."""
    tables = [np.array(heat.values, float) for heat in heat_maps]
    every = np.concatenate([table.ravel() for table in tables]) if tables else np.zeros(1)
    low, high = float(every.min()), float(every.max())
    span = max(high - low, 1e-9)
    ramp = tuple(_hex(colour) for colour in _colours(np.linspace(0, 1, 9)))
    drawings = []
    for heat, table in zip(heat_maps, tables, strict=True):
        colours = _colours((table - low) / span)
        small = max(table.shape) <= _MOST_CELLS
        words = (
            f"{table.shape[0]} by {table.shape[1]} cosines, mean {table.mean():.2f},"
            f" from {table.min():.2f} to {table.max():.2f}"
        )
        drawings.append(
            HeatDrawing(
                heat=heat,
                rows=tuple(_cells(heat, colours)) if small else (),
                picture="" if small else _heat_picture(colours),
                words=words,
            )
        )
    return drawings, HeatScale(f"{low:.2f}", f"{high:.2f}", ramp)


@dataclass(frozen=True)
class PlacedPoint:
    """A picture's place in a square of 100 units, y down."""

    x: float
    y: float
    group: str
    label: str


def place_points(points: Sequence[Point]) -> list[PlacedPoint]:
    """The map of identities in a square; both axes have the same scale."""
    places = np.array([(point.x, point.y) for point in points], float)
    low, high = places.min(axis=0), places.max(axis=0)
    side = max(float((high - low).max()), 1e-9)
    scale = (_MAP_SIDE - 2 * _MAP_MARGIN) / side
    placed = _MAP_SIDE / 2 + (places - (low + high) / 2) * scale * np.array([1, -1])
    return [
        PlacedPoint(round(float(x), 2), round(float(y), 2), point.group, point.label)
        for (x, y), point in zip(placed, points, strict=True)
    ]


def _array(values: Values) -> NDArray[np.float64]:
    """None becomes NaN."""
    return np.array([math.nan if value is None else value for value in values], np.float64)


def _path(values: NDArray[np.float64], low: float, high: float) -> str:
    """Lines through the known values, broken where there are none; a lone value is a dot."""
    frames = len(values)
    places = (np.arange(frames) + 0.5) / max(1, frames) * BOX_WIDTH
    if frames > _COLUMNS:
        places, values = _extremes(places, values)
    heights = (high - values) / (high - low) * BOX_HEIGHT
    parts, drawing = [], False
    for x, y in zip(places, heights, strict=True):
        if not math.isfinite(y):
            drawing = False
            continue
        # "h0" makes a dot of a value that stands alone.
        parts.append(f"L{x:.1f} {y:.2f}" if drawing else f"M{x:.1f} {y:.2f}h0")
        drawing = True
    return "".join(parts)


def _extremes(
    places: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and the greatest value of each column, so that no peak is lost."""
    kept = []
    for part in np.array_split(np.arange(len(values)), _COLUMNS):
        known = part[np.isfinite(values[part])]
        ends = (
            {int(known[np.argmin(values[known])]), int(known[np.argmax(values[known])])}
            if len(known)
            else {int(part[0])}
        )
        kept += sorted(ends)
    return places[kept], values[kept]


def _round_numbers(low: float, high: float, about: int) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    locator = MaxNLocator(nbins=about, steps=[1, 2, 5, 10])
    return [float(value) for value in locator.tick_values(low, high)]


def _ticks(low: float, high: float) -> Iterator[Tick]:
    for value in _round_numbers(low, high, 3):
        if low <= value <= high:
            yield Tick((high - value) / (high - low), f"{round(value, 9):g}")


def _curve_words(
    curve: Curve, values: NDArray[np.float64], footage: NDArray[np.float64], digits: int
) -> str:
    unit = f" {curve.unit}" if curve.unit else ""
    if not np.isfinite(values).any():
        return f"{curve.title}: no frame has a value."
    lowest, highest = int(np.nanargmin(values)), int(np.nanargmax(values))
    words = (
        f"{curve.title}: mean {np.nanmean(values):.{digits}f}{unit}; lowest"
        f" {values[lowest]:.{digits}f} at frame {lowest}, highest {values[highest]:.{digits}f} at"
        f" frame {highest}."
    )
    if np.isfinite(footage).any():
        words += f" The footage's mean is {np.nanmean(footage):.{digits}f}{unit}."
    return words


def _colours(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Shares (...,) as RGB (..., 3)."""
    from matplotlib import colormaps

    return (255 * np.asarray(colormaps[_COLOURS](shares))[..., :3]).round().astype(np.uint8)


def _hex(colour: NDArray[np.uint8]) -> str:
    return "#" + bytes(colour).hex()


def _cells(heat: HeatMap, colours: NDArray[np.uint8]) -> Iterator[tuple[str, tuple[Cell, ...]]]:
    luma = colours @ np.array([0.2126, 0.7152, 0.0722])
    for row, label in enumerate(heat.rows):
        yield (
            label,
            tuple(
                Cell(
                    f"{value:.2f}",
                    _hex(colours[row, column]),
                    "#000000" if luma[row, column] > 118 else "#ffffff",
                )
                for column, value in enumerate(heat.values[row])
            ),
        )


def _heat_picture(colours: NDArray[np.uint8]) -> str:
    """Each cell as a square of whole pixels."""
    cell_px = max(1, round(_PICTURE_PX / max(colours.shape[:2])))
    size_px = (colours.shape[1] * cell_px, colours.shape[0] * cell_px)
    picture = cv2.resize(colours, size_px, interpolation=cv2.INTER_NEAREST)
    return data_uri(encode_image(np.asarray(picture, np.uint8), ".png"), "image/png")
