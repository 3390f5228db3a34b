"""The benchmark: its fixed pairs, methods by name, reports, and how its command line refuses."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from faceloom import bench, cli
from faceloom.bench import PairSpec, choose_pairs, frames_of, run_benchmark
from faceloom.errors import UserError
from faceloom.evaluate import keyscores
from faceloom.evaluate.keyed_pair import KeyedPair
from faceloom.evaluate.score_lines import SCORE_LINES, best_column
from faceloom.models import CycleGanConfig
from faceloom.train.config import TrainConfig
from tests.toy_pair import make_toy_pair

TOY = PairSpec("toy-1a", 1, 2, 3)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache in which `toy-1a` is drawn, not rendered; the warp copies the footage."""

    def draw(spec: PairSpec, folder: Path, report: object = None) -> None:
        make_toy_pair(folder)

    monkeypatch.setattr(bench, "render_pair", draw)
    monkeypatch.setattr(bench, "warp", bench.untouched)
    monkeypatch.setattr(bench, "PAIRS", (TOY,))
    monkeypatch.setattr(keyscores, "load_judge", lambda: None)
    return tmp_path / "cache"


def test_the_fixed_pairs_are_what_the_protocol_says() -> None:
    names = [spec.name for spec in bench.PAIRS]
    assert len(names) == len(set(names))
    plain = choose_pairs(["plain"])
    assert len(plain) == 12
    for one, other in zip(plain[::2], plain[1::2], strict=True):
        assert (one.into, one.face) == (other.face, other.into)
    for kind in ("occlusion", "profile", "low-light"):
        assert len(choose_pairs([kind])) == 2
    assert [s.name for s in choose_pairs(["plain-2", "plain-2a"])] == ["plain-2a", "plain-2b"]
    assert len({spec.seed for spec in bench.PAIRS}) == len(names)
    with pytest.raises(UserError, match="plain-9"):
        choose_pairs(["plain-9"])


def test_a_run_of_the_benchmark_writes_scores_and_strips(toys: Path, tmp_path: Path) -> None:
    output = tmp_path / "report"
    key = toys / "toy-1a" / "key"
    (report,) = run_benchmark([TOY], frames_of(key, False), "frames", output, toys)
    assert report.scores.gain == 1
    assert report.references["untouched"].gain == pytest.approx(0)
    assert report.references["key"].gain == 1
    record = json.loads((output / "scores.json").read_text())
    assert record["mean"]["frames"]["gain"] == 1
    assert set(record["pairs"]["toy-1a"]) == {"frames", "untouched", "warp", "key"}
    assert record["judge"] is False
    assert (output / "strips" / "toy-1a.png").is_file()


def test_what_is_there_is_not_made_twice(
    toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, key = tmp_path / "report", toys / "toy-1a" / "key"
    first = run_benchmark([TOY], frames_of(key, False), "frames", output, toys)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("scored twice")

    monkeypatch.setattr(bench, "score_result", never)
    again = run_benchmark([TOY], frames_of(key, False), "frames", output, toys)
    assert again == first
    other = shutil.copytree(toys / "toy-1a" / "key-own", tmp_path / "other")
    with pytest.raises(AssertionError, match="scored twice"):
        run_benchmark([TOY], frames_of(other, False), "frames", output, toys)


def test_frames_of_several_pairs_lie_under_their_names(toys: Path, tmp_path: Path) -> None:
    pair = bench.prepare_pair(TOY, toys)
    given = tmp_path / "given"
    shutil.copytree(pair.key, given / "toy-1a")
    assert frames_of(given, True)(pair, tmp_path, None).frames == given / "toy-1a"
    shutil.rmtree(given / "toy-1a")
    shutil.copy(pair.footage, given / "toy-1a.mp4")
    assert frames_of(given, True)(pair, tmp_path, None).frames == given / "toy-1a.mp4"
    (given / "toy-1a.mp4").unlink()
    with pytest.raises(UserError, match="holds no toy-1a"):
        frames_of(given, True)(pair, tmp_path, None)


def test_frames_are_made_again_only_for_another_maker(toys: Path, tmp_path: Path) -> None:
    pair, made = bench.prepare_pair(TOY, toys), []

    def make(frames: Path) -> float:
        made.append(frames)
        return 0.25

    for maker in ("one", "one", "two"):
        result = bench._timed(pair, tmp_path / "work", maker, make)
        assert result.seconds_per_frame == 0.25
    assert len(made) == 2


def test_a_preset_is_trained_on_each_pair_with_its_own_settings(
    toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[Path, Path, TrainConfig]] = []
    monkeypatch.setattr(bench, "extract", lambda *_: None)
    monkeypatch.setattr(bench, "with_run", lambda _run: bench.untouched)
    monkeypatch.setattr(
        bench, "fit_pair", lambda a, b, run, config, _report: trained.append((a, b, config))
    )
    training = bench.Training("cycle_mask", 2.0, 64, "none", ("per_side=3",))
    (report,) = run_benchmark([TOY], bench.trained(training), "cycle_mask", tmp_path / "r", toys)
    assert report.scores.gain == pytest.approx(0)
    ((a, b, config),) = trained
    assert (a.name, b.name) == ("faces-footage", "faces-face")
    assert isinstance(config.model, CycleGanConfig)
    assert (config.model.shape.size_px, config.per_side, config.start) == (64, 3, "none")
    assert config.budget.minutes == 2.0
    assert "trunk" not in bench.PRESET_METHODS


def test_every_score_has_a_line_and_a_docstring() -> None:
    named = {line.name for line in SCORE_LINES}
    own = set(keyscores.KeyScores.__dataclass_fields__)
    assert own - named == {"frames", "nearer_tone"}
    assert named <= own


def test_the_best_column_goes_the_right_way() -> None:
    gain, time = SCORE_LINES[0], next(li for li in SCORE_LINES if li.name == "seconds_per_frame")
    columns = {
        "a": {"gain": 0.5, "seconds_per_frame": None},
        "b": {"gain": 0.7, "seconds_per_frame": 0.1},
    }
    assert best_column(gain, columns) == "b"
    assert best_column(time, columns) == "b"
    assert best_column(time, {"a": columns["a"]}) is None
    assert time.text(None) == "-"


def test_identity_is_best_near_the_keys() -> None:
    columns = {
        "overdone": {"identity_margin": 0.06, "identity_share": 1.3},
        "near": {"identity_margin": 0.04, "identity_share": 0.9},
        "unlike": {"identity_margin": -0.05, "identity_share": 0.0},
        "not judged": {"identity_margin": None, "identity_share": None},
    }
    for name in ("identity_margin", "identity_share"):
        line = next(line for line in SCORE_LINES if line.name == name)
        assert best_column(line, columns) == "near"
        assert best_column(line, {"one": columns["not judged"]}) is None


# -- the command line -----------------------------------------------------------------------------


def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["faceloom", "bench", *map(str, arguments)])
    code = 0
    try:
        cli.main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0
    return code, *capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "give one of"),
        (["run", "--method", "warp", "--frames", "x"], "give one of"),
        (["run", "--method", "magic"], "magic"),
        (["run", "--method", "trunk"], "trunk"),
        (["run", "--method", "fast", "--minutes", "0"], "more than 0"),
        (["run", "--method", "cycle", "--size", "100"], "size 100"),
        (["run", "--method", "fast", "--set", "model.no=1"], "model.no"),
        (["run", "some-run"], "say which with --pair"),
        (["run", "--frames", "nowhere", "--pair", "plain-1a"], "does not exist"),
        (["run", "--method", "warp", "--pair", "plain-99"], "plain-99"),
        (["prepare", "--only", "no-such-set"], "no-such-set"),
    ],
)
def test_the_command_line_refuses_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    code, _, err = call(monkeypatch, capsys, *arguments)
    lines = [line for line in err.splitlines() if line.startswith("faceloom:")]
    assert code == 2
    assert len(lines) == 1
    assert words in lines[0]


def test_pairs_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(monkeypatch, capsys, "pairs")
    assert code == 0
    for spec in bench.PAIRS:
        assert spec.name in out


def test_a_report_says_that_identity_is_left_out(
    toys: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = call(
        monkeypatch, capsys, "run", "--method", "untouched", "--cache", toys, "-o", tmp_path / "r"
    )
    assert code == 0, err
    assert "identity: left out" in out
    assert KeyedPair.open(toys / "toy-1a").frames == 5
