"""The page of a comparison: what it says, and that it is whole in itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from faceloom.evaluate.compare import Comparison, Difference, Verdict
from faceloom.evaluate.compare_page import write_comparison
from faceloom.evaluate.measures import MEASURES


def difference(name: str, change: float, half_width: float | None, verdict: Verdict) -> Difference:
    low, high = (None, None) if half_width is None else (change - half_width, change + half_width)
    return Difference(
        MEASURES[name], 0.5, 0.5 + change, change, low, high, 9 if half_width else 2, "clips",
        verdict,
    )  # fmt: skip


@pytest.fixture
def page(tmp_path: Path) -> Path:
    comparison = Comparison(
        "old <b>way</b>", "new & bold", 9,
        (
            difference("identity_gain", 0.2, 0.1, "better"),
            difference("mouth_correlation", -0.3, 0.1, "worse"),
            difference("warp_error_ratio", 0.1, 0.4, "cannot be told apart"),
            difference("outside_error", 0.0, None, "cannot be told apart"),
            difference("expression_error", 0.2, 0.1, "as exact answers"),
        ),
    )  # fmt: skip
    return write_comparison([comparison], tmp_path / "compare.html")


def test_it_gives_differences_intervals_and_verdicts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "old &lt;b&gt;way&lt;/b&gt;" in text
    assert "<b>way" not in text
    rows = re.findall(r'<tr class="([a-z-]*)">(.*?)</tr>', text, re.DOTALL)
    assert [kind for kind, _ in rows] == [
        "is-better", "is-worse", "is-open", "is-open", "is-open",
    ]  # fmt: skip
    assert "+0.20" in rows[0][1]
    assert "+0.10 to +0.30" in rows[0][1]
    assert "\N{MINUS SIGN}0.30" in rows[1][1]
    assert "too few samples (2 clips)" in rows[4][1]
    assert "as exact answers" in rows[2][1]
    assert "The best exact answer: 0.40%." in text
    assert MEASURES["identity_gain"].definition in text.replace("&#39;", "'")
    assert not re.search(r'(?:src|href)="(?!data:|#)', text)


def test_an_interval_is_drawn_beside_zero_where_it_leaves_it_out(page: Path) -> None:
    drawn = re.findall(r'class="reach" d="M(-?[\d.]+) 0H(-?[\d.]+)"', page.read_text())
    ends = [(float(low), float(high)) for low, high in drawn]
    assert ends[0] == pytest.approx((100 / 3, 100), abs=0.1)
    assert ends[1] == pytest.approx((-100, -50), abs=0.1)
    assert ends[3][0] < 0 < ends[3][1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_quietly_and_bars_nobody(page: Path, browser: Browser, scheme: str) -> None:
    heard: list[str] = []
    context = browser.new_context(color_scheme=scheme, viewport={"width": 390, "height": 844})  # type: ignore[arg-type]
    shown = context.new_page()
    shown.on("console", lambda message: heard.append(message.text))
    shown.on("request", lambda request: heard.append(request.url))
    shown.goto(page.as_uri())
    found = Axe().run(shown)
    assert found.violations_count == 0, found.generate_report()
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390
    assert [each for each in heard if not each.startswith("data:")] == [page.as_uri()]
    context.close()
