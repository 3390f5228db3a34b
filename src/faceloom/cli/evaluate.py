"""`faceloom evaluate` and `faceloom compare`: how good a swap is, and which one is better."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from faceloom.cli.progress import progress_lines
from faceloom.errors import UserError

if TYPE_CHECKING:  # Scoring loads torch; `faceloom --help` need not wait for it.
    from faceloom.convert import ConvertStatus
    from faceloom.evaluate.compare import Comparison
    from faceloom.evaluate.evaluate import EvaluateOptions
    from faceloom.evaluate.evaluation import Evaluation
    from faceloom.evaluate.keyed_pair import KeyedPair
    from faceloom.evaluate.paired_frames import ClipPair

_HEADLINES = (
    "identity_gain", "identity_gain_training", "mouth_correlation", "expression_error",
    "sharpness_ratio", "colour_excess", "seam_energy", "warp_error_ratio", "flicker_levels",
    "frames_missed", "outside_error", "key_gain",
)  # fmt: skip
_RESULT = "result"


def evaluate(
    result: Annotated[
        Path | None,
        typer.Argument(metavar="[OUT]", help="The swapped clip, or a folder of clips or frames."),
    ] = None,
    footage: Annotated[
        Path | None, typer.Option(help="The footage that OUT was made from: the same kinds.")
    ] = None,
    face: Annotated[
        Path | None,
        typer.Option(help="Real pictures of the face put in: clips or photos, two or more."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(help="A pair folder with the exact answer; gives --footage and --face, too."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="A trained run instead of OUT: swaps its own footage.")
    ] = None,
    gallery: Annotated[
        Path | None,
        typer.Option(help="A folder of other people, one photo or folder each, for retrieval."),
    ] = None,
    vggface2: Annotated[
        Path | None,
        typer.Option(help="Inception-ResNet weights of VGGFace2, safetensors (8631 identities)."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for report.html and scores.json.")
    ] = Path("report"),
) -> None:
    """Score a swapped clip, whoever made it, and write a report."""
    from faceloom.evaluate.evaluate import EvaluateOptions
    from faceloom.evaluate.keyed_pair import KeyedPair
    from faceloom.evaluate.paired_frames import pair_clips

    _check_writable(output)
    pair = KeyedPair.open(key) if key is not None else None
    with progress_lines() as show:
        labels: dict[str, str] = {}
        if run is not None:
            if result is not None:
                raise UserError("evaluate: give OUT or --run, not both")
            footage, face = _inputs_of(run, footage, face)
            result = _converted(run, footage, output, lambda status: show("convert", status))
            labels["run"] = run.name
        result, footage, face = _inputs(result, footage, face, pair)
        pairs = pair_clips(footage, result)
        _check_key(pair, pairs)
        options = EvaluateOptions(gallery=gallery, vggface2=vggface2, key=pair, labels=labels)
        evaluation, report = _evaluated(pairs, face, options, output, show)
    _print_headlines(evaluation)
    typer.echo(evaluation.summary)
    typer.echo(f"report: {report}")


def compare(
    reports: Annotated[
        list[Path],
        typer.Argument(help="Reports, or folders of reports: the first is what others are held"
                       " against."),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write a page, compare.html.")
    ] = None,
) -> None:  # fmt: skip
    """Say which method is better, by results of the same footage."""
    from faceloom.evaluate.compare import compare as compare_methods
    from faceloom.evaluate.compare import load_method
    from faceloom.evaluate.compare_page import write_comparison

    if output is not None and output.is_dir():
        raise UserError(f"{output}: is a folder; give the page a name, such as compare.html")
    comparisons = compare_methods([load_method(path) for path in reports])
    for comparison in comparisons:
        _print_comparison(comparison)
        typer.echo(comparison.summary)
    if output is not None:
        typer.echo(f"page: {write_comparison(comparisons, output)}")


def _evaluated(
    pairs: Sequence[ClipPair],
    face: Path,
    options: EvaluateOptions,
    output: Path,
    show: Callable[[str, Any], None],
) -> tuple[Evaluation, Path]:
    """The evaluation, written into a folder, and its page."""
    from faceloom.evaluate.evaluate import EvaluateStatus, evaluate_clips
    from faceloom.evaluate.report import write_report

    evaluation = evaluate_clips(
        pairs, face, options, output, lambda status: show("evaluate", status)
    )
    evaluation.save(output)
    page = write_report(
        evaluation,
        output,
        [(one.footage, one.result) for one in pairs],
        lambda share: show("page", EvaluateStatus(share, f"{len(pairs)} clips")),
    )
    return evaluation, page


def _inputs(
    result: Path | None, footage: Path | None, face: Path | None, pair: KeyedPair | None
) -> tuple[Path, Path, Path]:
    if result is None:
        raise UserError("evaluate: needs OUT, the swapped clip (or --run RUN)")
    footage = footage or (pair.footage if pair else None)
    face = face or (pair.face if pair else None)
    if footage is None:
        raise UserError("evaluate: needs --footage, the clip that OUT was made from")
    if face is None:
        raise UserError("evaluate: needs --face, real pictures of the face that was put in")
    for path in (result, footage, face):
        if not path.exists():
            raise UserError(f"{path}: does not exist; check the path")
    return result, footage, face


def _inputs_of(run: Path, footage: Path | None, face: Path | None) -> tuple[Path, Path]:
    """Footage and face of a run: what its face sets were extracted from."""
    from faceloom.data.faceset import FaceSet
    from faceloom.train.run import Run

    _, sides = Run(run).read()
    found = []
    for given, side, option in ((footage, "a", "--footage"), (face, "b", "--face")):
        source = given or Path(FaceSet.open(Path(sides[side].path)).info.input)  # type: ignore[index]
        if not source.exists():
            raise UserError(f"{source}: does not exist any more; say where it is with {option}")
        found.append(source)
    return found[0], found[1]


def _converted(
    run: Path, footage: Path, output: Path, tell: Callable[[ConvertStatus], None]
) -> Path:
    """The run's own swap of its footage, in the report's folder."""
    from faceloom.convert import ConvertOptions
    from faceloom.experiment import convert_with_run
    from faceloom.video import find_clips

    clips = find_clips(footage)
    single = len(clips) == 1 and clips[0].is_file()
    target = output / (f"{_RESULT}.mp4" if single else _RESULT)
    convert_with_run(footage, run, target, ConvertOptions(), tell)
    return target


def _check_key(pair: KeyedPair | None, pairs: Sequence[ClipPair]) -> None:
    if pair is None:
        return
    if len(pairs) != 1:
        raise UserError(f"{pair.path}: is the answer to one clip; give one clip as OUT")
    pair.check_result(pairs[0].result)


def _check_writable(folder: Path) -> None:
    """Raises UserError before hours of work, not after them."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; choose a folder with --output")
    there = next(place for place in (folder.absolute(), *folder.absolute().parents)
                 if place.exists())  # fmt: skip
    try:
        with tempfile.TemporaryDirectory(prefix=".faceloom-", dir=there):
            pass
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder with --output"
        ) from error


def _print_headlines(evaluation: Evaluation) -> None:
    from rich.console import Console
    from rich.table import Table

    from faceloom.evaluate.measures import MEASURES

    table = Table("", "value", "95% interval", "good")
    for name in _HEADLINES:
        figure = evaluation.figures.get(name)
        if figure is None or figure.value is None:
            continue
        measure = MEASURES[name]
        interval = ""
        if figure.low is not None and figure.high is not None:
            interval = f"{measure.text(figure.low)} to {measure.text(figure.high)}"
        table.add_row(measure.title, measure.text(figure.value), interval, measure.good)
    Console().print(table)


def _print_comparison(comparison: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", comparison.reference, comparison.method, "difference, 95%", "verdict")
    for one in comparison.differences:
        text = one.measure.text
        interval = text(one.difference)
        if one.low is not None and one.high is not None:
            interval += f" ({text(one.low)} to {text(one.high)}, {one.samples} {one.over})"
        table.add_row(one.measure.title, text(one.reference), text(one.value), interval,
                      one.verdict)  # fmt: skip
    Console().print(table)
