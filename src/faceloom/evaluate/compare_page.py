"""The page of a comparison: paired differences of methods, one file that opens offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from faceloom import __version__
from faceloom.evaluate.compare import Comparison, Difference
from faceloom.evaluate.report import GROUP_TITLES
from faceloom.files import write_bytes
from faceloom.page import render_page

COMPARISON_FILE = "compare.html"
_REACH = 100.0
"""Of an interval's drawing to either side of zero."""
_KINDS = {"better": "is-better", "worse": "is-worse", "cannot be told apart": "is-open",
          "as exact answers": "is-open"}  # fmt: skip
_BETTER = {"higher": "higher is better", "lower": "lower is better", "neither": ""}


@dataclass(frozen=True)
class DifferenceRow:
    """A difference as the page shows it; `low`, `middle` and `high` in units of the drawing."""

    title: str
    better: str
    reference: str
    value: str
    difference: str
    interval: str
    """Empty where there are too few samples."""
    samples: str
    low: float
    middle: float
    high: float
    verdict: str
    kind: str


@dataclass(frozen=True)
class DifferenceGroup:
    """The differences that answer one question."""

    title: str
    rows: tuple[DifferenceRow, ...]


@dataclass(frozen=True)
class ComparisonTable:
    """A method beside the reference."""

    reference: str
    method: str
    groups: tuple[DifferenceGroup, ...]


def write_comparison(comparisons: Sequence[Comparison], path: Path) -> Path:
    """Write the page of `compare`'s findings to `path`. Raises UserError if it cannot be."""
    page = render_page(
        "compare.html.j2",
        version=__version__,
        comparisons=comparisons,
        names=[comparisons[0].reference, *(each.method for each in comparisons)],
        pages=[_table(comparison) for comparison in comparisons],
        measures={
            each.measure.name: each.measure
            for comparison in comparisons
            for each in comparison.differences
        }.values(),
    )
    write_bytes(path, page.encode())
    return path


def _table(comparison: Comparison) -> ComparisonTable:
    groups = []
    for name, title in GROUP_TITLES.items():
        rows = tuple(_row(each) for each in comparison.differences if each.measure.group == name)
        if rows:
            groups.append(DifferenceGroup(title, rows))
    return ComparisonTable(comparison.reference, comparison.method, tuple(groups))


def _row(found: Difference) -> DifferenceRow:
    measure = found.measure
    interval, ends = "", (found.difference, found.difference)
    if found.low is not None and found.high is not None:
        ends = (found.low, found.high)
        interval = f"{signed(found, ends[0])} to {signed(found, ends[1])}"
    scale = _REACH / (max(abs(end) for end in (*ends, found.difference)) or 1.0)
    return DifferenceRow(
        title=measure.title,
        better=_BETTER[measure.better],
        reference=measure.text(found.reference),
        value=measure.text(found.value),
        difference=signed(found, found.difference),
        interval=interval,
        samples=f"{found.samples} {found.over}",
        low=ends[0] * scale,
        middle=found.difference * scale,
        high=ends[1] * scale,
        verdict=found.verdict,
        kind=_KINDS.get(found.verdict, ""),
    )


def signed(found: Difference, value: float) -> str:
    """A difference as text, with its sign."""
    text = found.measure.text(value)
    return f"+{text}" if value > 0 else text.replace("-", "\N{MINUS SIGN}", 1)
