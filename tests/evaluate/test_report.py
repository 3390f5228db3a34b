"""The page of an evaluation as text: whole in itself, escaped, every figure with its definition."""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from tests.evaluate.sample_evaluation import (
    NASTY,
    RATE,
    WIDTH_PX,
    Sample,
    make_clip,
    make_sample,
    read_number,
    write_numbered_clip,
)

from faceloom.errors import UserError
from faceloom.evaluate import report, report_charts, report_media
from faceloom.evaluate.evaluation import Curve, HeatMap, Point, Spectrum
from faceloom.evaluate.measures import MEASURES
from faceloom.evaluate.report_media import embed_clip
from faceloom.provenance import CONSENT_FACE_KEY, CONSENT_FOOTAGE_KEY
from faceloom.video import Frame, VideoWriter, probe, read_frames, read_metadata

VOID = {"meta", "link", "img", "input", "br", "path", "circle", "rect"}


class Reader(HTMLParser):
    """Collects tags with their attributes, and the text that a person sees."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif not self.open or self.open[-1] != "style":
            self.text += data

    def of(self, name: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def html(sample: Sample) -> str:
    path = report.write_report(sample.evaluation, sample.folder, sample.clips)
    assert path == sample.folder / "report.html"
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


def test_no_address_leads_out_of_the_page(page: Reader, html: str) -> None:
    named = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    for tag, attributes in page.tags:
        for name in ("src", "href", "poster", "srcset", "action", "data"):
            place = attributes.get(name, "data:")
            assert place.startswith(("data:", "#")), (tag, place[:60])
            if place.startswith("#"):
                assert place[1:] in named
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket", html)
    policy = next(a["content"] for a in page.of("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_ids_are_unique_and_labels_lead_somewhere(page: Reader) -> None:
    ids = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
    assert max(ids.values()) == 1
    for _, attributes in page.tags:
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert attributes.get(name, "data") in ids


def test_headings_descend_one_by_one(page: Reader) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_text_from_outside_stays_text(page: Reader, html: str, sample: Sample) -> None:
    assert "<b>Bo" not in html
    assert len(page.of("script")) == 2
    assert page.text.count(NASTY) > 15
    data = next(part for part in page.scripts if part.startswith("{"))
    assert json.loads(data)["clips"][0]["name"] == sample.evaluation.clips[0].name
    assert "<" not in data


def test_every_figure_has_value_interval_and_definition(page: Reader, sample: Sample) -> None:
    details = {attributes["id"] for attributes in page.of("details")}
    assert details == {f"figure-{name}" for name in sample.evaluation.figures}
    for name, figure in sample.evaluation.figures.items():
        measure = MEASURES[name]
        assert measure.definition in page.text
        assert measure.good in page.text
        if figure.value is not None:
            assert measure.text(figure.value) in page.text
    assert "not measured" in page.text
    assert "no sound in the clips" in page.text


def test_pictures_and_drawings_say_what_they_show(page: Reader) -> None:
    for image in page.of("img"):
        assert image["alt"].strip()
    for drawing in page.of("svg"):
        assert drawing["role"] == "img"
        assert len(drawing["aria-label"]) > 20
    for video in page.of("video"):
        assert "the footage on the left, the result on the right" in video["aria-label"]


def test_light_dark_and_paper_are_provided_for(html: str) -> None:
    assert "@media screen and (prefers-color-scheme: dark)" in html
    assert "@media print" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "width=device-width" in html


def test_a_page_of_figures_alone(sample: Sample) -> None:
    bare = replace(
        sample.evaluation, curves=(), worst=(), heat_maps=(), map=(), likenesses=(), warnings=(),
        settings={},
    )  # fmt: skip
    path = report.write_report(bare, sample.folder / "bare", sample.clips)
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert reader.open == []
    assert not reader.of("svg")
    assert len(reader.of("video")) == 2


def test_figures_come_by_group_in_the_registrys_order(sample: Sample) -> None:
    groups = report.figure_groups(sample.evaluation)
    shown = [row.measure.name for group in groups for row in group.rows]
    order = {group: k for k, group in enumerate(report.GROUP_TITLES)}
    assert shown == sorted(MEASURES, key=lambda name: order[MEASURES[name].group])
    assert all(group.headline is not None for group in groups[:2])


def test_times_in_the_summary_lead_to_their_frames(tmp_path: Path) -> None:
    single = make_sample(tmp_path, (20,))
    path = report.write_report(single.evaluation, single.folder, single.clips)
    html = path.read_text(encoding="utf-8")
    assert 'class="time" data-frame="15">0:01.5</button>' in html
    assert 'class="time" data-frame="20"' not in html  # Beyond the last frame.


@pytest.mark.parametrize(
    ("time_s", "words"),
    [(0, "0:00.00"), (2.52, "0:02.52"), (59.999, "1:00.00"), (754.3, "12:34.30")],
)
def test_clock(time_s: float, words: str) -> None:
    assert report.clock(time_s) == words


def test_missing_picture_is_one_clear_line(sample: Sample, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"alike\.png: cannot be read"):
        report.write_report(sample.evaluation, tmp_path, sample.clips)
    assert not list(tmp_path.iterdir())


# -- embedded clips -------------------------------------------------------------------------------


def embedded_file(data: str, path: Path) -> Path:
    path.write_bytes(base64.b64decode(data.partition(",")[2]))
    return path


def test_frame_k_of_the_embedded_clip_shows_frame_k_of_both(sample: Sample, tmp_path: Path) -> None:
    footage, result = sample.clips[1]
    times = [frame.time_s for frame in read_frames(result)]
    assert len({after - before for before, after in itertools.pairwise(times)}) > 1
    made = embed_clip(footage, result, RATE, 20, {3, 19}, 10**6)
    clip = embedded_file(made.data, tmp_path / "clip.mp4")
    for k, frame in enumerate(read_frames(clip)):
        assert frame.time_s * int(RATE) == k
        for half in np.split(frame.rgb, 2, axis=1):
            assert read_number(half) == 30 + k  # Numbers run through both clips.
    assert k + 1 == 20
    assert set(made.thumbnails) == {3, 19}
    thumbnail = embedded_file(made.thumbnails[3], tmp_path / "3.jpg")
    assert probe(thumbnail).width_px == report_media.THUMBNAIL_WIDTH_PX
    assert made.scale == 1


def test_the_longer_the_clip_the_smaller_its_pictures(tmp_path: Path) -> None:
    noise = np.random.default_rng(1)
    clip = write_numbered_clip(tmp_path / "clip.mp4", 0, 12, (50, 90, 130))
    with VideoWriter(tmp_path / "noise.mp4", probe(clip), crf=4) as writer:
        for frame in read_frames(clip):
            picture = noise.integers(0, 255, frame.rgb.shape, np.uint8)
            writer.write(Frame.from_rgb(picture, frame))
    sizes = []
    for most_bytes in (400_000, 20_000):
        made = embed_clip(writer.path, writer.path, RATE, 12, (), most_bytes)
        file = embedded_file(made.data, tmp_path / "embedded.mp4")
        sizes.append(file.stat().st_size)
        # A clip this short has little room to even out what its first picture takes.
        assert sizes[-1] < 1.5 * most_bytes
    assert sizes[1] < sizes[0] / 3
    long = embed_clip(clip, clip, RATE, 12, (), 200)
    assert long.scale < 0.5
    assert long.half_width_px < WIDTH_PX / 2
    assert long.half_width_px % 2 == long.half_height_px % 2 == 0


def test_consent_goes_with_the_pictures(tmp_path: Path) -> None:
    plain = make_sample(tmp_path, (4,))
    footage, result = plain.clips[0]
    said = tmp_path / "said.mp4"
    words = {CONSENT_FOOTAGE_KEY: "Ann, 2026", CONSENT_FACE_KEY: "Bo & Co"}
    with VideoWriter(said, probe(result), metadata=words) as writer:
        for frame in read_frames(result):
            writer.write(frame)
    made = embed_clip(footage, said, RATE, 4, (), 10**6)
    kept = read_metadata(embedded_file(made.data, tmp_path / "embedded.mp4"))
    assert kept[CONSENT_FACE_KEY] == "Bo & Co"
    html = report.write_report(plain.evaluation, plain.folder, [(footage, said)]).read_text()
    assert "A, the person in the footage: Ann, 2026" in html
    assert "B, the person whose face it is: Bo &amp; Co" in html


def test_a_last_frame_that_one_lacks_is_left_out(sample: Sample, tmp_path: Path) -> None:
    (longer, _), (_, shorter) = sample.clips
    made = embed_clip(longer, shorter, RATE, 20, (), 10**6)
    assert len(list(read_frames(embedded_file(made.data, tmp_path / "clip.mp4")))) == 20


def test_clips_shorter_than_evaluated_are_refused(sample: Sample) -> None:
    (longer, _), (_, shorter) = sample.clips
    with pytest.raises(UserError, match=r"has 20 frames in common with .*, its evaluation 30"):
        embed_clip(longer, shorter, RATE, 30, (), 10**6)


# -- drawings -------------------------------------------------------------------------------------


def curve_of(values: list[float | None]) -> report_charts.CurveDrawing:
    return report_charts.draw_curve(Curve("c", "height", "px", "lower", tuple(values)))


def path_points(path: str) -> np.ndarray:
    return np.array(re.findall(r"[ML]([\d.]+) (-?[\d.]+)", path), float)


def test_a_curve_breaks_where_there_is_no_value() -> None:
    drawing = curve_of([0, 1, None, 3, None, 2, 2])
    assert drawing.line.count("M") == 3
    points = path_points(drawing.line)
    np.testing.assert_allclose(points[:, 0] / 1000 * 7 - 0.5, [0, 1, 3, 5, 6], atol=0.01)
    assert points[:, 1].argmin() == 2  # The highest value is nearest to the top.
    assert "mean 1.60 px; lowest 0.00 at frame 0, highest 3.00 at frame 3" in drawing.words
    places = {float(tick.text): tick.place for tick in drawing.ticks}
    assert places[0.0] == pytest.approx(points[0, 1] / 100, abs=1e-3)


def test_a_long_curve_loses_no_peak() -> None:
    values: list[float | None] = [0.0] * 100_000
    values[54_321] = 5.0
    points = path_points(curve_of(values).line)
    assert len(points) < 3000
    peak = points[points[:, 1].argmin()]
    assert peak[0] == pytest.approx(543.2, abs=0.1)


def test_a_curve_without_values_says_so() -> None:
    drawing = curve_of([None, None])
    assert drawing.line == ""
    assert drawing.words == "height: no frame has a value."


def test_a_flat_curve_is_drawn_in_the_middle() -> None:
    points = path_points(curve_of([2.0, 2.0, 2.0]).line)
    np.testing.assert_allclose(points[:, 1], 50)


def test_heat_maps_share_their_colours() -> None:
    low = HeatMap("low", ("a",), ("x", "y"), ((0.0, 0.5),))
    high = HeatMap("high", ("a",), ("x", "y"), ((0.5, 1.0),))
    (first, second), scale = report_charts.draw_heat_maps([low, high])
    assert (scale.low, scale.high) == ("0.00", "1.00")
    assert first.rows[0][1][1].colour == second.rows[0][1][0].colour
    assert first.rows[0][1][0].colour == scale.colours[0]
    assert second.rows[0][1][1].colour == scale.colours[-1]
    assert "1 by 2 cosines, mean 0.25, from 0.00 to 0.50" in first.words


def test_a_large_heat_map_is_a_picture(tmp_path: Path) -> None:
    side = 30
    heat = HeatMap(
        "large", ("r",) * side, ("c",) * side,
        tuple(tuple(float(i == j) for j in range(side)) for i in range(side)),
    )  # fmt: skip
    (drawing,), _ = report_charts.draw_heat_maps([heat])
    picture = next(read_frames(embedded_file(drawing.picture, tmp_path / "heat.png"))).rgb
    cell = picture.shape[0] // side
    centres = picture[cell // 2 :: cell, cell // 2 :: cell].astype(int)
    bright = centres.sum(axis=2) > 300
    np.testing.assert_array_equal(bright, np.eye(side, dtype=bool))
    assert drawing.rows == ()


def test_the_map_keeps_proportions() -> None:
    points = [
        Point(0, 0, "footage", "a"), Point(10, 0, "face", "b"),
        Point(8, 1, "result", "c"), Point(1, 2, "result", "d"),
    ]  # fmt: skip
    placed = report_charts.place_points(points)
    assert all(4 <= point.x <= 96 and 4 <= point.y <= 96 for point in placed)
    across = placed[1].x - placed[0].x
    assert (placed[0].y - placed[3].y) / across == pytest.approx(0.2, abs=1e-3)


def test_a_spectrum_says_where_it_flickers() -> None:
    hz = tuple(k * 0.5 for k in range(26))
    footage = tuple(0.2 for _ in hz)
    result = tuple(1.5 if value == 6 else 0.2 for value in hz)
    drawing = report_charts.draw_spectrum(Spectrum(hz, result, footage))
    assert drawing is not None
    assert "at 6.0 Hz: 1.50 levels, the footage's 0.20" in drawing.words
    x, y = (float(part) for part in drawing.line[1:].split("L")[10].split())
    assert x == pytest.approx((6 - 1) / (12.5 - 1) * report_charts.BOX_WIDTH, abs=0.1)
    assert y < 10
    assert drawing.hz_ticks[0].text == "2 Hz"
    same = report_charts.draw_spectrum(Spectrum(hz, footage, footage))
    assert same is not None
    assert "At no rate" in same.words
    assert report_charts.draw_spectrum(Spectrum((0.0, 0.5), (1.0, 1.0), (1.0, 1.0))) is None


def test_ticks_of_time() -> None:
    clip = make_clip(frames=75, rate=25)
    ticks = report_charts.time_ticks([clip])
    assert [tick.text for tick in ticks][:3] == ["0 s", "0.5 s", "1 s"]
    assert ticks[2].place == pytest.approx(1 / 3)
    assert ticks[-1].place == pytest.approx(1)
    clips = [clip, make_clip(frames=25, first_frame=75)]
    assert [tick.place for tick in report_charts.time_ticks(clips)] == [0.375, 0.875]
