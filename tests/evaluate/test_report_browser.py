"""The page of an evaluation in headless Chromium: what a person, or a screen reader, meets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from playwright.sync_api import Browser, Locator, Page
from tests.evaluate.sample_evaluation import RATE, Sample, make_sample, read_number

from faceloom.evaluate import report
from faceloom.image import RGB

FRAMES = (30, 20)
LAST = sum(FRAMES) - 1
WAIT_MS = 10_000
_PIXEL_ROW = """(element, share) => {
  const canvas = document.createElement("canvas");
  canvas.width = element.videoWidth || element.width;
  canvas.height = element.videoHeight || element.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(element, 0, 0);
  return [...context.getImageData(0, Math.floor(share * canvas.height), canvas.width, 1).data];
}"""
_AT_REST = """() => [...document.querySelectorAll("video")].every(
  (video) => !video.seeking && video.readyState >= 2)"""

Opener = Callable[..., Page]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    made = make_sample(tmp_path_factory.mktemp("page"), FRAMES)
    report.write_report(made.evaluation, made.folder, made.clips)
    return made


@pytest.fixture
def open_page(browser: Browser, sample: Sample) -> Iterator[Opener]:
    """Opens the page; at the end, nothing was said on the console and nothing asked for."""
    heard: list[str] = []
    asked: list[str] = []
    contexts = []
    address = (sample.folder / report.REPORT_FILE).as_uri()

    def opened(width: int = 1280, height: int = 900, **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("dialog", lambda dialog: heard.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.wait_for_function(_AT_REST)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert heard == []
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {address}


def pixel_row(element: Locator, share: float) -> RGB:
    """(1, W, 3): a row, at a share of the height, of what a video or a canvas shows."""
    return np.array(element.evaluate(_PIXEL_ROW, share), np.uint8).reshape(1, -1, 4)[..., :3]


def shown(page: Page) -> int:
    """The frame that the page says it is at; both halves of the picture must be of it."""
    page.wait_for_function(_AT_REST)
    said = int(page.locator("#player").get_attribute("data-frame") or -1)
    halves = np.split(pixel_row(page.locator(".clip:not([hidden]) video"), 0.25), 2, axis=1)
    assert [read_number(half) for half in halves] == [said, said]
    return said


def test_it_plays_and_pauses_on_the_frame_it_says(open_page: Opener) -> None:
    page = open_page()
    assert shown(page) == 0
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("() => document.getElementById('player').dataset.frame >= 4")
    assert page.locator("#now").get_attribute("aria-live") == "off"
    page.get_by_role("button", name="Pause").click()
    assert shown(page) >= 4
    assert page.locator("#now").get_attribute("aria-live") == "polite"


def test_it_plays_on_into_the_next_clip_to_the_end(open_page: Opener) -> None:
    page = open_page()
    page.get_by_label("Frame", exact=True).fill(str(FRAMES[0] - 4))
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function(
        f"() => document.getElementById('player').dataset.frame == {LAST}",
        timeout=1000 * FRAMES[1] / RATE + WAIT_MS,
    )
    page.get_by_role("button", name="Play", exact=True).wait_for()
    assert shown(page) == LAST


def test_buttons_and_keys_step_single_frames(open_page: Opener) -> None:
    page = open_page()
    for expected in (1, 2, 3):
        page.get_by_role("button", name="One frame on").click()
        assert shown(page) == expected
    page.get_by_role("button", name="One frame back").click()
    assert shown(page) == 2
    page.locator("#player").focus()
    for key, expected in (
        ("ArrowRight", 3), ("ArrowLeft", 2), ("ArrowLeft", 1), ("Shift+ArrowRight", 11),
        ("Shift+ArrowRight", 21), ("End", LAST), ("ArrowRight", LAST), ("Home", 0),
        ("ArrowLeft", 0), ("w", LAST - 2), ("w", 7),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert shown(page) == expected
    assert "it flickers" in page.locator("#now").inner_text()


def test_steps_lead_across_clips(open_page: Opener) -> None:
    page = open_page()
    page.get_by_label("Frame", exact=True).fill(str(FRAMES[0] - 1))
    assert shown(page) == FRAMES[0] - 1
    page.get_by_role("button", name="One frame on").click()
    assert shown(page) == FRAMES[0]
    assert "talk 1" in page.locator("#now").inner_text()
    page.get_by_role("button", name="One frame back").click()
    assert shown(page) == FRAMES[0] - 1


def test_hurried_steps_end_where_they_should(open_page: Opener) -> None:
    page = open_page()
    page.locator("#player").focus()
    for _ in range(17):
        page.keyboard.press("ArrowRight")
    assert shown(page) == 17


def test_a_click_on_a_curve_seeks(open_page: Opener) -> None:
    page = open_page()
    for number, wanted in ((0, 12), (1, 44)):
        area = page.locator(".area").nth(number)
        area.scroll_into_view_if_needed()
        box = area.bounding_box()
        assert box is not None
        page.mouse.click(
            box["x"] + (wanted + 0.5) / (LAST + 1) * box["width"], box["y"] + box["height"] / 2
        )
        assert shown(page) == wanted
        cursor = page.locator(".cursor").nth(1 - number).bounding_box()
        assert cursor is not None
        middle = cursor["x"] + cursor["width"] / 2 - box["x"]
        assert middle == pytest.approx((wanted + 0.5) / (LAST + 1) * box["width"], abs=1.5)
    page.keyboard.press("ArrowRight")  # The player has the focus now.
    assert shown(page) == 45


def test_readings_follow_the_frame(open_page: Opener, sample: Sample) -> None:
    page = open_page()
    page.get_by_label("Frame", exact=True).fill("5")
    curve = sample.evaluation.curves[0]
    reading = page.locator(".reading").nth(0).inner_text()
    assert float(reading) == pytest.approx(curve.values[5], abs=0.01)
    assert page.locator(".reading").nth(1).inner_text() == "none (footage 10.00)"


def test_a_click_on_a_thumbnail_seeks(open_page: Opener, sample: Sample) -> None:
    page = open_page()
    worst = page.locator(".moment")
    assert worst.count() == 2
    for number, moment in enumerate(sample.evaluation.worst):
        worst.nth(number).click()
        assert shown(page) == moment.frame
        assert worst.nth(number).get_attribute("aria-current") == "true"
        assert moment.reason in page.locator("#now").inner_text()
        assert page.locator("#player").bounding_box()["y"] >= 0  # type: ignore[index]


def test_a_finger_on_a_phone(open_page: Opener) -> None:
    page = open_page(390, 844, is_mobile=True, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    area = page.locator(".area").nth(0)
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + 0.51 * box["width"], box["y"] + 10)
    assert shown(page) == 25


def edge_colours(page: Page) -> NDArray[np.uint8]:
    """RGB near the left and the right edge of what the canvas shows, below the blocks."""
    page.wait_for_function(_AT_REST)
    return pixel_row(page.locator("canvas"), 0.9)[0, [4, -4]]


def test_views_show_the_half_they_name(open_page: Opener) -> None:
    footage, result = np.array((60, 90, 140)), np.array((170, 110, 60))
    page = open_page()
    view = page.locator("#view")
    for name, left, right in (
        ("split", footage, result), ("result only", result, result),
        ("footage only", footage, footage),
    ):  # fmt: skip
        view.select_option(label=name)
        page.get_by_role("button", name="One frame on").click()
        np.testing.assert_allclose(edge_colours(page), [left, right], atol=14)
    view.select_option(label="split")
    page.get_by_label("Share of the picture that shows the footage").fill("100")
    np.testing.assert_allclose(edge_colours(page), [footage, footage], atol=14)
    page.locator("#player").focus()
    page.keyboard.press("v")
    assert view.input_value() == "result"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_nothing_bars_a_screen_reader(open_page: Opener, scheme: str, width: int) -> None:
    page = open_page(width, color_scheme=scheme, reduced_motion="reduce")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    page.locator(".moment").nth(0).click()
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]})
    assert found.violations_count == 0, found.generate_report()
    brightness = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    )
    assert (brightness < 64) == (scheme == "dark")


def test_the_focus_goes_from_top_to_bottom(open_page: Opener) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert reached == ["player", "seek", "play", "back", "on", "next-worst", "speed", "view"]


def test_paper_shows_every_definition_on_white(open_page: Opener, tmp_path: Path) -> None:
    page = open_page(color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(29, 33, 38)"
    assert not page.locator(".controls").is_visible()
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    page.emulate_media(media="screen")
    assert page.locator("details[open]").count() == 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0


def test_without_scripts_every_clip_has_its_own_controls(browser: Browser, sample: Sample) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((sample.folder / report.REPORT_FILE).as_uri())
    assert page.locator("video[controls]").count() == len(FRAMES)
    assert not page.locator(".controls").is_visible()
    context.close()
