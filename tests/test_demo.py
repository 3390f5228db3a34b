"""The demo's page: whole in itself, readable without scripts, and true to the scores."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from faceloom import bench, demo
from faceloom.bench import Made, PairSpec
from faceloom.evaluate import keyscores
from faceloom.evaluate.keyed_pair import KeyedPair
from faceloom.image import encode_image
from faceloom.video import probe
from tests.toy_pair import FRAMES, drawn_frame, make_toy_pair

TOY = PairSpec("pair", 1, 2, 3)
LOG = [
    {"step": 10 * i, "elapsed_s": 6.0 * i, "identity": None if i < 3 else 0.1 * i,
     "losses": {"l1": 1 / i}}
    for i in range(1, 9)
]  # fmt: skip


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, list[str]]:
    """The page of a demo in which drawing and copying stand for rendering and training."""
    trained: list[str] = []

    def copied(pair: KeyedPair, work: Path, report: object = None) -> Made:
        run = work / "run"
        run.mkdir(parents=True, exist_ok=True)
        (run / "log.jsonl").write_text("\n".join(map(json.dumps, LOG)) + '\n{"step": 9')
        (run / "preview.png").write_bytes(encode_image(drawn_frame(0, (9, 9, 9), 1), ".png"))
        trained.append(pair.name)
        return Made(pair.path / "key-own", 0.01)

    monkeypatch.setattr(bench, "render_pair", lambda spec, folder, report: make_toy_pair(folder))
    monkeypatch.setattr(bench, "trained", lambda training: copied)
    monkeypatch.setattr(bench, "warp", bench.untouched)
    monkeypatch.setattr(keyscores, "load_judge", lambda: None)
    report = demo.run_demo(tmp_path, 1.0, spec=TOY)
    assert report.page == tmp_path / "index.html"
    return report.page, trained


def test_the_page_asks_the_network_for_nothing(page: tuple[Path, list[str]]) -> None:
    text = page[0].read_text()
    for place in re.findall(r'(?:src|href)="([^"]*)"', text):
        assert place.startswith(("data:", "#")), place[:60]
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert "fetch(" not in text


def test_every_picture_is_described(page: tuple[Path, list[str]]) -> None:
    text = page[0].read_text()
    for tag in re.findall(r"<img[^>]*>", text, re.DOTALL):
        assert re.search(r'alt="[^"]{20,}"', tag, re.DOTALL)
    assert len(re.findall(r"<video[^>]*aria-label=", text, re.DOTALL)) == 4
    assert 'role="img" aria-label="Two curves' in text


def test_the_page_says_what_was_scored(page: tuple[Path, list[str]]) -> None:
    text = page[0].read_text()
    scores = json.loads((page[0].parent / "scores.json").read_text())
    assert f"{scores['result']['gain']:.3f}" in text
    assert "the face&#39;s own skin tone" in text or "the face's own skin tone" in text
    assert "Identity is left out" in text
    assert "Nobody is shown here" in text
    assert "prefers-color-scheme: dark" in text


def test_the_clips_play_in_browsers(page: tuple[Path, list[str]]) -> None:
    for name in ("result", "key", "untouched", "warp"):
        info = probe(page[0].parent / "clips" / f"{name}.mp4")
        assert info.pixel_format == "yuv420p"
        assert info.frame_count == FRAMES


def test_clips_are_not_made_twice(page: tuple[Path, list[str]]) -> None:
    folder = page[0].parent
    clip = folder / "clips" / "key.mp4"
    before = clip.stat().st_mtime_ns
    pair = KeyedPair.open(folder / "pair")
    demo.web_clip(pair, pair.key, clip)
    assert clip.stat().st_mtime_ns == before
