"""Curves of a run's log as an SVG element, in the colours of the page that shows it."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from markupsafe import Markup, escape

_TEXT_COLOUR, _LINE_COLOUR = "#010203", "#040506"
"""Stand-ins, replaced by the page's own colours, light or dark."""
_COLOURS = ("#2f7ed8", "#d9822b", "#2c9f6b", "#b0489b", "#8a6fd1", "#7d8790", "#c23b3b", "#9a8a1f")
_SIZE_IN = (3.6, 2.9)
"""Of a panel, inches at the text's size."""


@dataclass(frozen=True)
class Panel:
    """One pair of axes: lines by label, each over `x`; None where nothing is known."""

    title: str
    x: Sequence[float]
    lines: Mapping[str, Sequence[float | None]]


def draw_curves(panels: Sequence[Panel], x_label: str, words: str, columns: int = 2) -> Markup:
    """The panels in rows; `words` say what is to be seen, for those who cannot see it."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "faceloom",
        "text.color": _TEXT_COLOUR,
        "axes.labelcolor": _TEXT_COLOUR,
        "xtick.color": _TEXT_COLOUR,
        "ytick.color": _TEXT_COLOUR,
        "axes.edgecolor": _LINE_COLOUR,
        "legend.frameon": False,
        "font.size": 11,
        "font.family": "sans-serif",
    }
    rows = -(-len(panels) // columns)
    with mpl.rc_context(settings):
        size = (_SIZE_IN[0] * columns, _SIZE_IN[1] * rows)
        figure = Figure(figsize=size, layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for spare in axes[len(panels) :]:
            spare.set_axis_off()
        for axis, panel in zip(axes, panels, strict=False):
            for colour, (label, values) in zip(cycle(_COLOURS), panel.lines.items(), strict=False):
                known = [(x, y) for x, y in zip(panel.x, values, strict=True) if y is not None]
                mark = "o" if len(known) == 1 else None
                x, y = [x for x, _ in known], [y for _, y in known]
                axis.plot(x, y, color=colour, linewidth=1.8, marker=mark, label=label)
            axis.set(xlabel=x_label, title=panel.title)
            axis.patch.set_alpha(0)
            axis.spines[["top", "right"]].set_visible(False)
            if len(panel.lines) > 1:
                axis.legend(fontsize=9)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return Markup(_inline(drawn.getvalue(), words))  # noqa: S704 - drawn here.


def _inline(svg: str, words: str) -> str:
    """The element alone, without a size of its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for name in ("width", "height"):
        svg = re.sub(rf'(<svg[^>]*?) {name}="[^"]*"', r"\1", svg, count=1)
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{escape(words)}"', 1)
    return svg.replace(_TEXT_COLOUR, "currentColor").replace(_LINE_COLOUR, "currentColor")
