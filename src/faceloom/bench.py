"""The benchmark with an answer key: its fixed pairs, the methods by name, and their reports.

Everything lies in a cache folder, is made once, and is whole or not there:

    CACHE/PAIR/                    a pair folder (see `evaluate.keyed_pair`)
    CACHE/results/METHOD/PAIR/     what a method made of it: frames/, time.json, scores.json

Convention: a pair's name is SET-NUMBER and a letter for the direction, `plain-2b`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from faceloom.convert import ConvertOptions
from faceloom.errors import UserError
from faceloom.evaluate import keyscores
from faceloom.evaluate.baselines import WARP_VERSION, warp_baseline
from faceloom.evaluate.keyed_pair import KeyedPair
from faceloom.evaluate.keyscores import KeyScores, score_result
from faceloom.evaluate.strips import write_strip
from faceloom.experiment import convert_with_run
from faceloom.extract import ExtractOptions, extract
from faceloom.files import read_json, write_json
from faceloom.provenance import SYNTHETIC
from faceloom.train.config import PRESETS, Budget, TrainConfig, preset_config, with_settings
from faceloom.train.fit import fit_pair
from faceloom.train.run import load_swapper
from faceloom.weights import home

Report = Callable[[str, Any], None]
"""Progress: the stage's name and its status."""
PRESET_METHODS = tuple(name for name in PRESETS if name != "trunk")  # A trunk swaps nobody.
METHODS = ("untouched", "warp", *PRESET_METHODS)
REFERENCES = ("untouched", "warp", "key")
"""Shown beside every method: doing nothing, no learning, and the exact answer itself."""
BENCH_VERSION = 5
"""Rises whenever pairs or renderer change: figures of different versions do not compare."""
SIZE_PX = 256


@dataclass(frozen=True)
class PairSpec:
    """One pair of the benchmark, fixed by its seeds."""

    name: str
    into: int
    """Seed of the person in the footage."""
    face: int
    """Seed of the person whose face is put in."""
    seed: int
    """Of motion, light and background."""
    kind: str = "plain"
    seconds: float = 6.0


def _both_ways(name: str, one: int, other: int, seed: int, kind: str = "plain") -> list[PairSpec]:
    return [
        PairSpec(f"{name}a", one, other, seed, kind),
        PairSpec(f"{name}b", other, one, seed + 1, kind),
    ]


PAIRS: tuple[PairSpec, ...] = (
    *_both_ways("plain-1", 7, 35, 101),
    *_both_ways("plain-2", 31, 64, 103),
    *_both_ways("plain-3", 58, 63, 105),
    *_both_ways("plain-4", 70, 84, 107),
    *_both_ways("plain-5", 92, 17, 109),
    *_both_ways("plain-6", 11, 39, 111),
    *_both_ways("occlusion-1", 12, 34, 201, "occlusion"),
    *_both_ways("profile-1", 26, 51, 301, "profile"),
    *_both_ways("low-light-1", 43, 66, 401, "low-light"),
)


def bench_cache() -> Path:
    """Where pairs and results of this version lie by default."""
    return home() / "bench" / f"v{BENCH_VERSION}"


def choose_pairs(names: Sequence[str]) -> list[PairSpec]:
    """The pairs of these names, sets (`occlusion`) or beginnings (`plain-2`); all for none.

    Raises UserError for a name that fits nothing.
    """
    if not names:
        return list(PAIRS)
    chosen = []
    for name in names:
        fitting = [spec for spec in PAIRS if spec.name == name or spec.kind == name]
        fitting = fitting or [spec for spec in PAIRS if spec.name[:-1] == name]
        if not fitting:
            raise UserError(f"pair {name!r}: is not known; `faceloom bench pairs` lists them all")
        chosen += [spec for spec in fitting if spec not in chosen]
    return chosen


def prepare_pair(spec: PairSpec, cache: Path, report: Report | None = None) -> KeyedPair:
    """Render a pair into the cache, or open it where it is there already."""
    folder = cache / spec.name
    if not (folder / "pair.json").is_file():
        render_pair(spec, folder, report)
    return KeyedPair.open(folder)


def render_pair(spec: PairSpec, folder: Path, report: Report | None = None) -> None:
    """Render a pair folder."""
    from faceloom.synth.pair import write_pair

    write_pair(
        spec.into,
        spec.face,
        folder,
        seconds=spec.seconds,
        size_px=SIZE_PX,
        seed=spec.seed,
        kind=spec.kind,
        report=teller(report, f"render {spec.name}"),
    )


def teller(report: Report | None, stage: str) -> Callable[[Any], None]:
    """A stage's own callback."""
    return lambda status: report(stage, status) if report is not None else None


# -- methods --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """What a method made of a pair."""

    frames: Path
    """A clip, or a folder of frames."""
    seconds_per_frame: float | None = None


Method = Callable[[KeyedPair, Path, "Report | None"], Made]
"""Makes a result for a pair in a working folder of its own."""


def untouched(pair: KeyedPair, _work: Path, _report: Report | None = None) -> Made:
    """The footage as it is."""
    return Made(pair.footage, 0.0)


def answer(pair: KeyedPair, _work: Path, _report: Report | None = None) -> Made:
    """The exact answer: what no method can better."""
    return Made(pair.key)


def warp(pair: KeyedPair, work: Path, report: Report | None = None) -> Made:
    """The landmark warp (see `evaluate.baselines`)."""

    def make(frames: Path) -> float:
        return warp_baseline(pair.footage, pair.face, frames, teller(report, f"warp {pair.name}"))

    return _timed(pair, work, f"warp {WARP_VERSION}", make)


def with_run(run: Path) -> Method:
    """Conversion with a trained run, into PNG files so that no encoder adds its error."""

    def method(pair: KeyedPair, work: Path, report: Report | None = None) -> Made:
        def make(frames: Path) -> float:
            started = time.monotonic()
            convert_with_run(
                pair.footage, run, frames, ConvertOptions(anyone=True),
                teller(report, f"convert {pair.name}"),
            )  # fmt: skip
            return (time.monotonic() - started) / pair.frames

        return _timed(pair, work, load_swapper(run).sha256, make)

    return method


@dataclass(frozen=True)
class Training:
    """How a preset is trained on each pair."""

    preset: str = "fast"
    minutes: float = 10.0
    size_px: int = 96
    start: str | None = None
    """`none`, `trunk` or a run's folder; None as the preset has it."""
    settings: tuple[str, ...] = ()
    """`path=value` overrides."""

    def config(self) -> TrainConfig:
        """Raises UserError for what is not known."""
        config = replace(preset_config(self.preset, self.size_px), budget=Budget(self.minutes))
        if self.start is not None:
            config = replace(config, start=self.start)
        return with_settings(config, list(self.settings))


def trained(training: Training) -> Method:
    """A preset, trained on what the pair gives."""
    config = training.config()

    def method(pair: KeyedPair, work: Path, report: Report | None = None) -> Made:
        train_pair(pair, work, config, report)
        return with_run(work / "run")(pair, work, report)

    return method


def train_pair(
    pair: KeyedPair, work: Path, config: TrainConfig, report: Report | None = None
) -> None:
    """Extract both sides of a pair and train on them; goes on where it stopped."""
    sides = {"footage": pair.footage, "face": pair.face}
    for name, clip in sides.items():
        extract(clip, work / f"faces-{name}", ExtractOptions(), SYNTHETIC, teller(report, name))
    faces = [work / f"faces-{name}" for name in sides]
    fit_pair(faces[0], faces[1], work / "run", config, teller(report, f"train {pair.name}"))


def frames_of(given: Path, several: bool) -> Method:
    """Another system's frames: a clip or a folder of frames, or of several pairs a folder that
    holds one of either for each, named as the pair."""

    def method(pair: KeyedPair, _work: Path, _report: Report | None = None) -> Made:
        if not given.exists():
            raise UserError(f"{given}: does not exist; check the path")
        places = [given / pair.name, *given.glob(f"{pair.name}.*")] if given.is_dir() else []
        found = next((place for place in places if place.exists()), None)
        if found is None and several:
            raise UserError(
                f"{given}: holds no {pair.name}; name each clip or folder as its pair, or give"
                " --pair"
            )
        return Made(found or given)

    return method


def _timed(pair: KeyedPair, work: Path, maker: str, make: Callable[[Path], float]) -> Made:
    """Frames made once from a pair by a maker of this mark; how long it took is kept beside."""
    frames, record = work / "frames", work / "time.json"
    mark = {"pair": _pair_hash(pair), "maker": maker}
    kept = read_json(record) if record.is_file() else {}
    if kept.get("mark") != mark:
        shutil.rmtree(frames, ignore_errors=True)
        kept = {"mark": mark, "seconds_per_frame": make(frames)}
        write_json(record, kept)
    return Made(frames, kept["seconds_per_frame"])


def _pair_hash(pair: KeyedPair) -> str:
    return hashlib.sha256((pair.path / "pair.json").read_bytes()).hexdigest()


# -- reports --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PairReport:
    """One method on one pair, and what stands beside it."""

    pair: str
    scores: KeyScores
    references: dict[str, KeyScores]
    strip: Path | None


def score_pair(
    pair: KeyedPair,
    made: Made,
    method_name: str,
    results: Path,
    report: Report | None = None,
    strip: Path | None = None,
) -> KeyScores:
    """Score what a method made of a pair; scores already there are read.

    `results` is where they are kept, `strip` the PNG file to draw, if one is wanted.
    """
    record = results / method_name / pair.name / "scores.json"
    stamp = _stamp(pair, made)
    kept = _kept_scores(record, stamp)
    if kept is not None and (strip is None or strip.is_file()):
        return kept
    scored = score_result(
        pair,
        made.frames,
        keyscores.load_judge(),
        seconds_per_frame=made.seconds_per_frame,
        report=teller(report, f"score {method_name} {pair.name}"),
    )
    if strip is not None:
        write_strip(pair, made.frames, scored.per_frame, strip)
    values = keyscores.to_dict(scored.scores)
    write_json(record, {"stamp": stamp, "scores": values})
    return KeyScores(**values)  # Rounded, as it will be read again.


def run_benchmark(
    specs: Sequence[PairSpec],
    method: Method,
    method_name: str,
    output: Path,
    cache: Path,
    report: Report | None = None,
) -> list[PairReport]:
    """Score a method on pairs with the references beside; writes `scores.json` and strips.

    What a method makes is kept under `output`, what the references make in the cache, so that an
    interrupted benchmark goes on where it was.
    """
    references: dict[str, Method] = {"untouched": untouched, "warp": warp, "key": answer}
    results = cache / "results" if method_name in references else output
    reports = []
    for spec in specs:
        pair = prepare_pair(spec, cache, report)
        beside = {}
        for name, reference in references.items():
            made = reference(pair, cache / "results" / name / pair.name, report)
            beside[name] = score_pair(pair, made, name, cache / "results", report)
        strip = output / "strips" / f"{spec.name}.png"
        made = method(pair, results / method_name / pair.name, report)
        scores = score_pair(pair, made, method_name, results, report, strip)
        reports.append(PairReport(spec.name, scores, beside, strip))
        _write_report(output / "scores.json", method_name, reports)
    return reports


def mean_scores(scores: Sequence[KeyScores]) -> dict[str, float | None]:
    """The mean of every figure over pairs; None where no pair has it."""
    means: dict[str, float | None] = {}
    for one in dataclasses.fields(KeyScores):
        values = [getattr(score, one.name) for score in scores]
        known = [float(v) for v in values if isinstance(v, int | float)]
        if not any(isinstance(v, str) for v in values):
            means[one.name] = sum(known) / len(known) if known else None
    return means


def mean_columns(
    method_name: str, reports: Sequence[PairReport]
) -> dict[str, dict[str, float | None]]:
    """Mean scores over pairs: of the method, then of the references that are not it."""
    columns = {method_name: [report.scores for report in reports]}
    for name in REFERENCES:
        columns.setdefault(name, [report.references[name] for report in reports])
    return {name: mean_scores(scores) for name, scores in columns.items()}


def _write_report(path: Path, method_name: str, reports: Sequence[PairReport]) -> None:
    write_json(
        path,
        {
            "benchmark": BENCH_VERSION,
            "scores": keyscores.SCORES_VERSION,
            "method": method_name,
            "judge": reports[0].references["key"].identity_margin is not None,
            "mean": mean_columns(method_name, reports),
            "pairs": {
                report.pair: {
                    name: keyscores.to_dict(scores)
                    for name, scores in (report.references | {method_name: report.scores}).items()
                }
                for report in reports
            },
        },
    )


def _stamp(pair: KeyedPair, made: Made) -> dict[str, Any]:
    """What a score depends on: the pair, the result, the definitions and whether there is a judge.

    A result is told by the sizes and times of its files.
    """
    files = sorted(made.frames.glob("*")) if made.frames.is_dir() else [made.frames]
    if not made.frames.exists():
        raise UserError(f"{made.frames}: does not exist; check the path")
    listing = "".join(f"{f.name}{f.stat().st_size}{f.stat().st_mtime_ns}" for f in files)
    return {
        "scores": keyscores.SCORES_VERSION,
        "judge": keyscores.load_judge() is not None,
        "pair": _pair_hash(pair),
        "result": hashlib.sha256(listing.encode()).hexdigest(),
    }


def _kept_scores(record: Path, stamp: dict[str, Any]) -> KeyScores | None:
    if not record.is_file():
        return None
    kept = read_json(record)
    try:
        return KeyScores(**kept["scores"]) if kept["stamp"] == stamp else None
    except (KeyError, TypeError):
        return None
