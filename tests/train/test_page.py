"""The page of a run: whole in itself, true to the log, and a player of its grids."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from tests.train.toy import StubScorer, toy_config, toy_trainer

from faceloom.image import encode_image
from faceloom.train.page import MOST_GRIDS, PAGE_FILE, write_page
from faceloom.train.run import Run

GRIDS = 4
AT_REST = "() => document.getElementById('play').textContent === 'Play'"


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a short toy run with a notice and drawn grids."""
    folder = tmp_path_factory.mktemp("run")
    trainer = toy_trainer(folder, toy_config(300), scorer=StubScorer([0.2, 0.45, 0.41]))
    trainer.fit()
    trainer.teller.notice("something <happened>", trainer.place, 1.0)
    (folder / "previews").mkdir()
    for index in range(GRIDS):
        picture = np.full((40, 60, 3), 60 * index, np.uint8)
        (folder / "previews" / f"{index * 100:08d}.png").write_bytes(encode_image(picture, ".png"))
    return write_page(Run(folder))


def test_the_page_says_what_the_log_says(page_path: Path) -> None:
    text = page_path.read_text()
    assert page_path.name == PAGE_FILE
    assert "300 steps" in text
    assert "<b>0.410</b>" in text
    assert re.search(r"best 0\.450, at step\s+200", text)
    assert "<code>best.safetensors</code>" in text, "clearly better than the last"
    assert "something &lt;happened&gt;" in text
    assert text.count('class="grid-at"') == GRIDS
    assert 'role="img" aria-label="Curves over' in text
    assert "score on held-out faces from 0.20 to 0.41" in text


def test_a_run_without_scores_or_grids_has_a_page(tmp_path: Path) -> None:
    toy_trainer(tmp_path, toy_config(2)).fit()
    text = write_page(Run(tmp_path)).read_text()
    assert "Nothing was scored yet" in text
    assert "grid-at" not in text.split("</style>")[1].split("<script>")[0]


def test_a_fresh_run_has_a_page(tmp_path: Path) -> None:
    toy_trainer(tmp_path, toy_config(2))
    assert "0 steps" in write_page(Run(tmp_path)).read_text()


def test_many_grids_are_thinned_and_the_last_one_stays(tmp_path: Path) -> None:
    toy_trainer(tmp_path, toy_config(2)).fit()
    (tmp_path / "previews").mkdir()
    data = encode_image(np.zeros((4, 4, 3), np.uint8), ".png")
    for step in range(100):
        (tmp_path / "previews" / f"{step:08d}.png").write_bytes(data)
    text = write_page(Run(tmp_path)).read_text()
    steps = [int(step) for step in re.findall(r'data-step="(\d+)"', text)]
    assert len(steps) == MOST_GRIDS
    assert (steps[0], steps[-1]) == (0, 99)


def test_a_log_of_thousands_of_lines_keeps_its_scores(tmp_path: Path) -> None:
    toy_trainer(tmp_path, toy_config(2)).fit()
    lines = []
    for step in range(1, 5001):
        entry = {"step": step, "progress": step / 5000, "elapsed_s": 1.0 * step, "identity": None,
                 "losses": {"l1": 1 / step}}  # fmt: skip
        if step % 1237 == 0:
            entry["score"] = {"step": step, **StubScorer([0.3])().as_dict()}
        lines.append(json.dumps(entry))
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    text = write_page(Run(tmp_path)).read_text()
    assert len(text) < 400_000
    assert "score on held-out faces from 0.30 to 0.30" in text


# -- in a browser ---------------------------------------------------------------------------------


@pytest.fixture
def page(browser: Browser, page_path: Path) -> Iterator[Page]:
    """The page opened; at the end nothing was said on the console and nothing asked for."""
    heard: list[str] = []
    asked: list[str] = []
    opened = browser.new_page()
    opened.on("console", lambda message: heard.append(message.text))
    opened.on("pageerror", lambda error: heard.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(page_path.as_uri())
    yield opened
    opened.close()
    assert heard == []
    assert {url for url in asked if not url.startswith("data:")} == {page_path.as_uri()}


def shown(page: Page) -> list[str]:
    return [
        str(figure.get_attribute("data-step"))
        for figure in page.locator(".grid-at").all()
        if figure.is_visible()
    ]


def test_the_slider_and_the_player_show_the_training_in_time(page: Page) -> None:
    assert shown(page) == ["300"]
    page.locator("#seek").focus()
    page.keyboard.press("Home")
    assert shown(page) == ["0"]
    page.keyboard.press("ArrowRight")
    assert shown(page) == ["100"]
    assert page.locator("#seek").get_attribute("aria-valuetext") == "step 100"
    page.locator("#play").click()
    assert page.locator("#play").inner_text() == "Pause"
    page.wait_for_function(AT_REST)
    assert shown(page) == ["300"], "it ends where training is"
    page.locator("#play").click()
    page.wait_for_function(AT_REST)
    assert shown(page) == ["300"], "and begins again"


def test_nothing_keeps_anyone_out(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
