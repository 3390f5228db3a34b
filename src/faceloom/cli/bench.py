"""`faceloom bench`: the benchmark with an answer key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceloom.cli.progress import progress_lines
from faceloom.errors import UserError

if TYPE_CHECKING:  # Scoring loads torch and numba; `faceloom --help` need not wait for them.
    from faceloom.bench import Method, PairReport, Training

bench_app = typer.Typer(
    no_args_is_help=True,
    help="Score a face swap against the exact answer, on synthetic people.",
)
CacheOption = Annotated[
    Path | None,
    typer.Option("--cache", "-c", help="Where the pairs lie; the user's cache folder by default."),
]
PairOption = Annotated[
    list[str] | None,
    typer.Option(
        "--pair", help="A pair, or a set: plain, occlusion, profile, low-light. All if none."
    ),
]


@bench_app.command()
def pairs() -> None:
    """List the benchmark's fixed pairs."""
    from rich.console import Console
    from rich.table import Table

    from faceloom.bench import PAIRS, bench_cache

    cache = bench_cache()
    table = Table("pair", "set", "footage: person", "face: person", "seconds", "rendered")
    for spec in PAIRS:
        rendered = "yes" if (cache / spec.name / "pair.json").is_file() else "no"
        table.add_row(
            spec.name, spec.kind, str(spec.into), str(spec.face), f"{spec.seconds:g}", rendered
        )
    Console().print(table)


@bench_app.command()
def prepare(
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A pair or a set; all if none.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The cache folder to render into.")
    ] = None,
) -> None:
    """Render the pairs into the cache; those already there are left as they are."""
    from faceloom.bench import bench_cache, choose_pairs, prepare_pair

    cache = output or bench_cache()
    with progress_lines() as show:
        done = [prepare_pair(spec, cache, show) for spec in choose_pairs(only or [])]
    typer.echo(f"pairs: {cache} ({len(done)} ready)")


@bench_app.command()
def run(
    trained: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="A trained run; its pair with --pair.")
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="untouched, warp, or a preset, trained on each pair.")
    ] = None,
    frames: Annotated[
        Path | None,
        typer.Option(help="Another system's clip or folder of frames, or a folder of these."),
    ] = None,
    pair: PairOption = None,
    minutes: Annotated[float, typer.Option(help="Training of a preset, for each pair.")] = 10.0,
    size: Annotated[int, typer.Option(help="Side of a preset's crop, pixels.")] = 96,
    start: Annotated[
        str | None, typer.Option("--from", help="A preset starts from: none, trunk, or a run.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="path=value of a preset's configuration.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for scores.json, strips and frames.")
    ] = Path("bench-report"),
    cache: CacheOption = None,
) -> None:
    """Score a method on the pairs, with untouched footage, a landmark warp and the key beside."""
    from faceloom.bench import Training, bench_cache, choose_pairs, run_benchmark

    specs = choose_pairs(pair or [])
    training = Training(method or "fast", minutes, size, start, tuple(settings or ()))
    chosen, name = _method(trained, method, frames, len(specs) > 1, training)
    with progress_lines() as show:
        reports = run_benchmark(specs, chosen, name, output, cache or bench_cache(), show)
    _print_table(name, reports)
    typer.echo(f"scores: {output / 'scores.json'}")
    typer.echo(f"strips: {output / 'strips'} (worst and median frame of each pair)")


def _method(
    trained: Path | None,
    method: str | None,
    frames: Path | None,
    several: bool,
    training: Training,
) -> tuple[Method, str]:
    """The one method that was asked for. Raises UserError for none, several or an unknown one."""
    from faceloom import bench

    if sum(given is not None for given in (trained, method, frames)) != 1:
        raise UserError("bench run: give one of RUN, --method NAME or --frames DIR")
    if frames is not None:
        if not frames.exists():
            raise UserError(f"--frames {frames}: does not exist; check the path")
        return bench.frames_of(frames, several), "frames"
    if trained is not None:
        if several:
            raise UserError(
                f"{trained}: was trained on one pair; say which with --pair"
                " (`faceloom bench pairs` lists them)"
            )
        return bench.with_run(trained), "run"
    methods = {"untouched": bench.untouched, "warp": bench.warp}
    if method in methods:
        return methods[method], method
    if method is None or method not in bench.PRESET_METHODS:
        raise UserError(f"--method {method}: is not known; take one of {', '.join(bench.METHODS)}")
    if training.minutes <= 0:
        raise UserError(f"--minutes {training.minutes}: must be more than 0")
    return bench.trained(training), method


def _print_table(name: str, reports: list[PairReport]) -> None:
    """Means over the pairs, the method first, the references beside; the best of all but the key
    in bold."""
    from rich.console import Console
    from rich.table import Table

    from faceloom.bench import mean_columns
    from faceloom.evaluate.score_lines import SCORE_LINES, best_column

    columns = mean_columns(name, reports)
    table = Table("", *columns, "better", title=f"mean of {len(reports)} pair(s)")
    rivals = {column: scores for column, scores in columns.items() if column != "key"}
    for line in SCORE_LINES:
        best = best_column(line, rivals)
        cells = []
        for column, scores in columns.items():
            text = line.text(scores[line.name])
            cells.append(f"[bold]{text}[/]" if column == best else text)
        table.add_row(line.title, *cells, line.better)
    Console().print(table)
    tones = [report.scores.nearer_tone for report in reports]
    typer.echo(
        f"nearer to the key in the footage's skin tone on {tones.count('footage')} of"
        f" {len(tones)} pair(s); the gain is against that key"
    )
    if all(report.references["key"].identity_margin is None for report in reports):
        typer.echo(
            "identity: left out, its judge is not installed; pip install 'faceloom[judge]'",
        )
