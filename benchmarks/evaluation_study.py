"""Which scores that need no key to believe: `python -m benchmarks.evaluation_study CACHE`.

Renders two short pairs of synthetic people with an exact answer, makes results of every quality for
them (the answer with planted faults of known strengths, mixtures, the warp baseline, another
person, models at several training times), evaluates each as if there were no key, scores each with
the key, and gives rank correlations (Spearman) with 95% intervals.

Everything made lies in CACHE and is not made twice; an interrupted study goes on. `--run RUN` adds
a run trained on the first pair's people (`make demo` leaves one), `--answer-of PAIR` only scores
the exact answer of a pair, of the benchmark or a folder; `--only-table` makes nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.planted_faults import SERIES, Frames, Material, Result, planted
from faceloom.bench import PairSpec, choose_pairs, prepare_pair
from faceloom.convert import ConvertOptions
from faceloom.evaluate.evaluate import other_figures
from faceloom.evaluate.identity_readers import load_readers
from faceloom.evaluate.keyed_pair import KeyedPair
from faceloom.evaluate.keyscores import score_result
from faceloom.evaluate.material import FaceFinder, FaceMaterial, read_material
from faceloom.evaluate.measures import MEASURES
from faceloom.evaluate.observe import observe
from faceloom.evaluate.paired_frames import ClipPair
from faceloom.evaluate.resemblance import Resemblance
from faceloom.evaluate.score_lines import SCORE_LINES
from faceloom.evaluate.third_opinion import third_opinion
from faceloom.experiment import convert_with_run
from faceloom.extract import ExtractOptions, extract
from faceloom.files import read_json, write_bytes, write_json
from faceloom.image import encode_image, read_image
from faceloom.provenance import SYNTHETIC
from faceloom.train.config import Budget, preset_config
from faceloom.train.fit import fit_pair
from faceloom.video import read_frames
from faceloom.video.info import image_files

Floats = NDArray[np.float64]

PAIRS = (
    PairSpec("study-1", into=35, face=64, seed=1, seconds=3.0),
    PairSpec("study-2", into=17, face=92, seed=110, seconds=3.0),
)
"""Two young men, of brown and dark skin; a man of fair skin in footage of a woman of dark skin
(`plain-5b` of the benchmark, shortened)."""
TRAINED_STEPS = (20, 80, 160, 480)
JUDGED, FACE_PICTURES = 8, 12
RESAMPLES = 1000
STUDY_VERSION = 3
ANSWER = "key-0"
LIKENESS = "likeness"
"""To the exact answer's face; see `likeness_to_key`."""


# -- making and scoring ---------------------------------------------------------------------------


def trained_frames(pair: KeyedPair, work: Path, steps: int) -> Path:
    """What preset fast makes of the pair after so many steps; one run, trained on and on."""
    frames = work / f"trained-{steps}-frames"
    if frames.is_dir() and len(image_files(frames)) == pair.frames:
        return frames
    faces = []
    for name, clip in {"footage": pair.footage, "face": pair.face}.items():
        faces.append(extract(clip, work / f"faces-{name}", ExtractOptions(), SYNTHETIC).path)
    config = replace(preset_config("fast"), budget=Budget(None, steps), start="trunk")
    fit_pair(faces[0], faces[1], work / "run", config)
    convert_with_run(pair.footage, work / "run", frames, ConvertOptions(anyone=True))
    return frames


def measure(
    pair: KeyedPair, material: FaceMaterial, result: Path
) -> dict[str, dict[str, float | None]]:
    """The scores of one result, with the key and without: what `evaluate_clips` finds, but the
    face's pictures are read once for all results and nothing is drawn."""
    clip = ClipPair(result.name, pair.footage, result)
    seen = [observe(clip, load_readers(), pair.frames, JUDGED, lambda _: None)]
    figures, _ = Resemblance(seen, material, "judge", None, None).figures()
    figures |= other_figures([clip], seen, material)
    with_key = dataclasses.asdict(score_result(pair, result, None).scores)
    return {
        "without": {name: figure.value for name, figure in figures.items()},
        "with": {line.name: with_key[line.name] for line in SCORE_LINES}
        | {LIKENESS: likeness_to_key(pair, result)},
    }


def likeness_to_key(pair: KeyedPair, result: Path) -> float | None:
    """Mean cosine of the result's face and of the key's in the same frame, by the third network:
    another one than the judge, whose figures it is to check."""
    finder, cosines = FaceFinder(), []
    wanted = set(np.linspace(0, pair.frames - 1, JUDGED).astype(int).tolist())
    for index, frame in enumerate(read_frames(result)):
        if index in wanted:
            pictures = frame.rgb, read_image(pair.key / f"{index:06d}.png")
            meshes = [finder(picture) for picture in pictures]
            if meshes[0] is not None and meshes[1] is not None:
                ones, others = (third_opinion(picture, mesh)
                                for picture, mesh in zip(pictures, meshes, strict=True)
                                if mesh is not None)  # fmt: skip
                cosines.append(float(ones @ others))
    return float(np.mean(cosines)) if cosines else None


@cache
def face_material(face: Path) -> FaceMaterial:
    return read_material(face, load_readers(), None, FACE_PICTURES)


def score_once(pair: KeyedPair, name: str, frames: Callable[[], Path], folder: Path) -> None:
    """Measure a result and keep what was found; nothing if that is there already."""
    kept = folder / "scores" / pair.name / f"{name}.json"
    if kept.is_file() and read_json(kept)["version"] == STUDY_VERSION:
        return
    print(f"{pair.name}: {name}", flush=True)
    found = measure(pair, face_material(pair.face), frames())
    write_json(kept, {"version": STUDY_VERSION, "pair": pair.name, "result": name} | found)


def write_frames(made: Frames, folder: Path) -> Path:
    for k, picture in enumerate(made):
        write_bytes(folder / f"{k:06d}.png", encode_image(picture, ".png"))
    return folder


def make_all(folder: Path, only: str | None, runs: Sequence[Path]) -> None:
    pairs = [prepare_pair(spec, folder / "pairs") for spec in PAIRS]
    for place, pair in enumerate(pairs):
        if only not in (None, pair.name):
            continue
        work = folder / "work" / pair.name
        material = Material(pair, pairs[1 - place], work)
        for result in planted():
            score_once(pair, result.name, partial(_planted_frames, result, material), folder)
        for steps in TRAINED_STEPS:
            name = f"trained-{steps}"
            score_once(pair, name, partial(trained_frames, pair, work, steps), folder)
    for run in runs:
        frames = folder / "work" / pairs[0].name / f"run-{run.name}"
        made = partial(_converted_frames, pairs[0], run, frames)
        score_once(pairs[0], f"run-{run.name}", made, folder)


def score_answers(folder: Path, names: Sequence[str]) -> None:
    """Score the exact answers of more pairs, of the benchmark or in folders: what the best of them
    is read as is `Measure.exact`."""
    for name in names:
        if (Path(name) / "pair.json").is_file():
            pairs = [KeyedPair.open(Path(name))]
        else:
            pairs = [prepare_pair(spec, folder / "pairs") for spec in choose_pairs([name])]
        for pair in pairs:
            score_once(pair, ANSWER, partial(_answer_frames, pair), folder)


def _answer_frames(pair: KeyedPair) -> Path:
    return pair.key


def _planted_frames(result: Result, material: Material) -> Path:
    return write_frames(result.make(material), material.work / result.name)


def _converted_frames(pair: KeyedPair, run: Path, frames: Path) -> Path:
    convert_with_run(pair.footage, run, frames, ConvertOptions(anyone=True))
    return frames


# -- what they say --------------------------------------------------------------------------------

COUNTERPARTS = {
    "identity_gain": LIKENESS, "identity_gain_training": LIKENESS,
    "identity_gain_third": LIKENESS, "identity_face": LIKENESS,
    "identity_footage": LIKENESS, "mouth_correlation": "mouth_error",
    "mouth_range": "mouth_error", "lip_lag_s": "mouth_error", "eye_correlation": "eye_error",
    "eye_range": "eye_error", "expression_error": "expression_error",
    "pose_error_deg": "pose_error_deg", "pose_offset_deg": "pose_error_deg",
    "gaze_error_deg": "gaze_error_deg",
    "sharpness_ratio": "ssim", "colour_difference": "psnr_db", "colour_excess": "psnr_db",
    "seam_energy": "psnr_db", "checkerboard_db": "ssim", "frechet_distance": "ssim",
    "kernel_distance": "ssim", "kernel_distance_face": "ssim",
    "warp_error_ratio": "temporal_error", "flicker_levels": "temporal_error",
    "jitter_ratio": "temporal_error", "identity_spread_ratio": "temporal_error",
    "identity_disagreement": LIKENESS, "outside_error": "leakage",
}  # fmt: skip
"""For each score without a key, the one with a key that asks the same."""


def goodness(name: str, value: float) -> float:
    """A score as a number that is higher for better results."""
    measure = MEASURES[name]
    if measure.better == "higher":
        return value
    if measure.better == "lower":
        return -value
    # As it should be: the footage's own (a ratio of 1), or no delay and no disagreement.
    return -abs(math.log(max(value, 1e-3))) if name.endswith(("ratio", "range")) else -abs(value)


def read_scores(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "scores").glob("*/*.json"))
    found = [read_json(file) for file in files]
    return [one for one in found if one["version"] == STUDY_VERSION]


@dataclass(frozen=True)
class Agreement:
    """A rank correlation: the mean over the pairs of people, with its interval over results."""

    rho: float
    low: float
    high: float
    results: int

    @property
    def text(self) -> str:
        return f"{self.rho:.2f} ({self.low:.2f} to {self.high:.2f})"


def agreement(rows: Sequence[dict[str, Any]], name: str, truth: str) -> Agreement | None:
    """Spearman's correlation within each pair, averaged by the number of results; results are
    drawn again within each pair for the interval. None where fewer than 10 have both scores.

    The untouched footage counts for identity only: it is perfect in all that compares with itself.
    """
    better = {line.name: line.better for line in SCORE_LINES}.get(truth, "higher")
    groups: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if MEASURES[name].group != "identity" and row["result"].startswith("untouched"):
            continue
        one, other = row["without"].get(name), row["with"].get(truth)
        if one is not None and other is not None:
            value = goodness(name, one), other if better == "higher" else -other
            groups.setdefault(row["pair"], []).append(value)
    tables = [np.array(group) for group in groups.values() if len(group) >= 5]
    count = sum(len(table) for table in tables)
    if count < 10 or all(np.ptp(table[:, 0]) == 0 for table in tables):
        return None

    def mean_rho(parts: Sequence[Floats]) -> float:
        return sum(len(part) * _spearman(part) for part in parts) / count

    rng = np.random.default_rng(0)
    drawn = [
        mean_rho([table[rng.integers(0, len(table), len(table))] for table in tables])
        for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Agreement(mean_rho(tables), float(low), float(high), count)


def _spearman(values_N2: Floats) -> float:
    """Spearman's rank correlation of the two columns; 0 where one of them does not vary."""
    if min(np.ptp(values_N2, axis=0)) == 0:
        return 0.0
    ranks_N2 = stats.rankdata(values_N2, axis=0)
    return float(np.asarray(np.corrcoef(ranks_N2, rowvar=False))[0, 1])


def table_of(rows: Sequence[dict[str, Any]]) -> str:
    """Each score beside the one with a key that asks the same, in each pair; in Markdown, the best
    believed first."""
    names = [spec.name for spec in PAIRS]
    lines = ["| score | asks the same with a key | " + " | ".join(names) + " | holds in |",
             "|---" * (len(names) + 3) + "|"]  # fmt: skip
    titles = {line.name: line.title for line in SCORE_LINES} | {LIKENESS: "likeness to the answer"}
    found = []
    for name, truth in COUNTERPARTS.items():
        each = [agreement(_of_pair(rows, pair), name, truth) for pair in names]
        known = [one for one in each if one is not None]
        if known:
            cells = [
                MEASURES[name].title,
                titles[truth],
                *(one.text if one else "-" for one in each),
            ]
            cells.append(_holds_in([one is not None and one.low > 0 for one in each]))
            rank = min(one.rho for one in known)
            found.append((rank, f"| {' | '.join(cells)} |"))
    return "\n".join(lines + [line for _, line in sorted(found, key=lambda pair: -pair[0])])


def overall_table(rows: Sequence[dict[str, Any]]) -> str:
    """Each score beside the benchmark's two main ones, the mean over the pairs; in Markdown."""
    lines = ["| score | with the gain | with SSIM |", "|---|---|---|"]
    found = []
    for name in COUNTERPARTS:
        gain, ssim = (agreement(rows, name, kind) for kind in ("gain", "ssim"))
        if gain and ssim:
            found.append((gain.rho, f"| {MEASURES[name].title} | {gain.text} | {ssim.text} |"))
    return "\n".join(lines + [line for _, line in sorted(found, key=lambda pair: -pair[0])])


def _of_pair(rows: Sequence[dict[str, Any]], pair: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["pair"] == pair]


def _holds_in(holds: Sequence[bool]) -> str:
    """In which pairs something holds, in a word."""
    if all(holds):
        return "both"
    return " and ".join(spec.name for spec, one in zip(PAIRS, holds, strict=True) if one)


WATCHED = (
    "identity_gain", "identity_gain_third", "mouth_correlation", "eye_correlation",
    "expression_error", "pose_error_deg", "gaze_error_deg", "lip_lag_s", "sharpness_ratio",
    "colour_excess", "seam_energy", "checkerboard_db", "kernel_distance", "warp_error_ratio",
    "flicker_levels", "jitter_ratio",
)  # fmt: skip


def faults_table(rows: Sequence[dict[str, Any]]) -> str:
    """For every planted fault: in which pairs a score worsens with each step of its strength, from
    the key on; in Markdown."""
    titles = [MEASURES[name].title for name in WATCHED]
    lines = ["| fault | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    for kind, strengths in SERIES.items():
        names = [ANSWER, *(f"{kind}-{strength:g}" for strength in sorted(strengths))]
        if len(names) < 3:
            continue
        cells = []
        for score in WATCHED:
            worsens = []
            for spec in PAIRS:
                by_name = {row["result"]: row["without"] for row in _of_pair(rows, spec.name)}
                values = [by_name.get(name, {}).get(score) for name in names]
                worsens.append(_worsens(values, score))
            cells.append(_holds_in(worsens))
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


ANSWERS = (ANSWER, "untouched-1", "blur-1.5", "jitter-1", "recolour-12")
SHOWN = (
    "identity_gain", "identity_gain_third", "mouth_correlation", "expression_error",
    "pose_error_deg", "pose_offset_deg", "sharpness_ratio", "colour_excess", "seam_energy",
    "checkerboard_db", "warp_error_ratio", "flicker_levels", "jitter_ratio",
)  # fmt: skip


def answers_table(rows: Sequence[dict[str, Any]]) -> str:
    """What the exact answer scores without a key, and with one fault; both pairs; in Markdown."""
    lines = ["| figure | " + " | ".join(ANSWERS) + " |", "|---" * (len(ANSWERS) + 1) + "|"]
    for score in SHOWN:
        cells = []
        for name in ANSWERS:
            found = [row["without"].get(score) for spec in PAIRS
                     for row in _of_pair(rows, spec.name) if row["result"] == name]  # fmt: skip
            texts = [MEASURES[score].text(one) if one is not None else "-" for one in found]
            cells.append(", ".join(texts))
        lines.append(f"| {MEASURES[score].title} | {' | '.join(cells)} |")
    return "\n".join(lines)


EXACT = (
    "mouth_correlation", "eye_correlation", "expression_error", "pose_error_deg",
    "pose_offset_deg", "gaze_error_deg", "mouth_range", "eye_range", "jitter_ratio",
)  # fmt: skip


def exact_table(rows: Sequence[dict[str, Any]]) -> str:
    """What the exact answers of all pairs are read as where no key is used; in Markdown."""
    answers = [row for row in rows if row["result"] == ANSWER]
    lines = ["| figure | " + " | ".join(row["pair"] for row in answers) + " |",
             "|---" * (len(answers) + 1) + "|"]  # fmt: skip
    for name in EXACT:
        found = [row["without"].get(name) for row in answers]
        texts = ["-" if one is None else MEASURES[name].text(one) for one in found]
        lines.append(f"| {MEASURES[name].title} | {' | '.join(texts)} |")
    return "\n".join(lines)


def _worsens(values: Sequence[float | None], score: str) -> bool:
    known = [goodness(score, value) for value in values if value is not None]
    return len(known) == len(values) and bool((np.diff(known) < 0).all())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cache", type=Path, help="the folder for all that is made")
    parser.add_argument("--run", type=Path, action="append", default=[])
    parser.add_argument("--pair", choices=[spec.name for spec in PAIRS])
    parser.add_argument("--answer-of", metavar="PAIR", action="append", default=[])
    parser.add_argument("--only-table", action="store_true")
    arguments = parser.parse_args()
    score_answers(arguments.cache, arguments.answer_of)
    if not (arguments.only_table or arguments.answer_of):
        make_all(arguments.cache, arguments.pair, arguments.run)
    rows = read_scores(arguments.cache)
    counts = {pair: sum(row["pair"] == pair for row in rows) for pair in {r["pair"] for r in rows}}
    print(f"{len(rows)} results: {counts}")
    for table in (table_of, overall_table, faults_table, answers_table, exact_table):
        print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
