"""The command line: options in, progress and one line of result out. No work is done here.

Exit codes: 0 done, 2 something to mend (one line says what), 130 interrupted (run it again to go
on).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceloom import __version__
from faceloom.cli.bench import bench_app
from faceloom.cli.evaluate import compare, evaluate
from faceloom.cli.options import (
    AnyoneOption,
    CodecOption,
    CodecOptions,
    ColourOption,
    ConsentOption,
    CrfOption,
    DetailOption,
    DetectorOption,
    DevicesOption,
    FromOption,
    KindOption,
    LikeOption,
    MinutesOption,
    NodesOption,
    OutputOption,
    PrecisionOption,
    PresetOption,
    SetOption,
    SizeOption,
    StepsOption,
    TensorboardOption,
)
from faceloom.cli.progress import progress_lines
from faceloom.cli.synth import synth_app
from faceloom.errors import UserError

if TYPE_CHECKING:  # The stages load torch; `faceloom --help` need not wait for it.
    from faceloom.convert import ConvertOptions
    from faceloom.train.config import TrainConfig
    from faceloom.train.fit import TrainReport
    from faceloom.train.warm_start import WarmStart

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Weave one person's face into another's footage.",
)
app.add_typer(bench_app, name="bench")
app.add_typer(synth_app, name="synth")
app.command()(evaluate)
app.command()(compare)


@app.command()
def swap(
    into: Annotated[Path, typer.Option(help="Footage: a video, or a folder of images or clips.")],
    face: Annotated[Path, typer.Option(help="The face to put in: the same kinds of input.")],
    output: OutputOption,
    consent: ConsentOption = None,
    consent_face: Annotated[
        str | None, typer.Option(help="The face's own line, where it differs.")
    ] = None,
    minutes: MinutesOption = None,
    steps: StepsOption = None,
    preset: PresetOption = "fast",
    size_px: SizeOption = 96,
    start: FromOption = "auto",
    settings: SetOption = None,
    devices: DevicesOption = None,
    like: LikeOption = None,
    like_face: Annotated[Path | None, typer.Option(help="The same, for the face's input.")] = None,
    detector: DetectorOption = "full-range",
    colour: ColourOption = "tone",
    detail: DetailOption = 1.0,
    kind: KindOption = "result",
    codec: CodecOption = "h264",
    crf: CrfOption = 18,
    codec_option: CodecOptions = None,
    work: Annotated[Path | None, typer.Option(help="Folder for face sets and the run.")] = None,
) -> None:
    """Put the face seen in FACE into the footage INTO: extract, train, convert."""
    from faceloom.experiment import SwapOptions
    from faceloom.experiment import swap as run_swap
    from faceloom.extract import ExtractOptions

    line = _consent(consent)
    shared = [f"devices={devices}"] if devices is not None else []
    options = SwapOptions(
        train=_train_config(preset, size_px, minutes, steps, start, shared + (settings or [])),
        consent_footage=line,
        consent_face=_consent(consent_face) if consent_face else line,
        extract_footage=ExtractOptions(detector=detector, like=like),
        extract_face=ExtractOptions(detector=detector, like=like_face),
        convert=_convert_options(
            "b", colour, detail, kind, detector, codec, crf, codec_option, False
        ),
        work=work,
    )
    with progress_lines() as show:
        report = run_swap(into, face, output, options, show)
    if not report.train.writes:
        return
    run = report.train.run
    _say_start(report.train.start)
    _say("faces of the footage", report.faces_footage.path, f"{report.faces_footage.faces} faces")
    _say("faces of the face", report.faces_face.path, f"{report.faces_face.faces} faces")
    _say("run", run, _trained(report.train))
    _say("preview", report.train.preview, "")
    _say("page of the run", report.train.page, "")
    _say("result", report.output, "")


@app.command(name="extract")
def extract_command(
    source: Annotated[Path, typer.Argument(help="A video, or a folder of images or clips.")],
    output: OutputOption,
    consent: ConsentOption = None,
    like: LikeOption = None,
    everyone: Annotated[
        bool, typer.Option("--everyone", help="Keep all people: faces of many, in one set.")
    ] = False,
    people: Annotated[
        bool, typer.Option("--people", help="Only find out who is seen: writes people.png.")
    ] = False,
    detector: DetectorOption = "full-range",
    crop_px: Annotated[int, typer.Option(help="Side of the stored crops, px.")] = 256,
    max_frames: Annotated[int | None, typer.Option(help="Read at most this many a clip.")] = None,
) -> None:
    """Find, track, align and mask the faces of one person: a face set."""
    from faceloom.extract import ExtractOptions, extract

    if everyone and (like is not None or people):
        raise UserError("--everyone: keeps all people; leave out --like and --people")
    options = ExtractOptions(
        size_px=crop_px,
        detector=detector,
        like=like,
        everyone=everyone,
        list_people=people,
        max_frames=max_frames,
    )
    line = "" if people else _consent(consent)
    with progress_lines() as show:
        report = extract(source, output, options, line, lambda status: show("extract", status))
    dropped = ", ".join(f"{count} {reason}" for reason, count in report.dropped.items())
    _say("face set", report.path, f"{report.faces} faces of {report.frames} frames")
    if dropped:
        typer.echo(f"dropped: {dropped}")
    _say("contact sheet", report.contact_sheet, "")


@app.command()
def train(
    faces_a: Annotated[Path, typer.Argument(help="Face set of the person in the footage.")],
    faces_b: Annotated[Path, typer.Argument(help="Face set of the face to put in.")],
    output: OutputOption,
    minutes: MinutesOption = None,
    steps: StepsOption = None,
    preset: PresetOption = "fast",
    size_px: SizeOption = 96,
    start: FromOption = "auto",
    settings: SetOption = None,
    devices: DevicesOption = None,
    nodes: NodesOption = None,
    precision: PrecisionOption = None,
    tensorboard: TensorboardOption = False,
) -> None:
    """Train a pair model, or go on with the run that the folder holds."""
    from faceloom.train.fit import fit_pair

    options = {"devices": devices, "nodes": nodes, "precision": precision}
    settings = [
        *(f"{name}={value}" for name, value in options.items() if value is not None),
        *(["tensorboard=true"] if tensorboard else []),
        *(settings or []),
    ]
    config = _train_config(preset, size_px, minutes, steps, start, settings)
    with progress_lines() as show:
        report = fit_pair(faces_a, faces_b, output, config, lambda status: show("train", status))
    if report.writes:
        _say_start(report.start)
        _say("run", report.run, _trained(report))
        _say("preview", report.preview, "")
        _say("page of the run", report.page, "")


@app.command()
def convert(
    footage: Annotated[Path, typer.Argument(help="A video, or a folder of images or clips.")],
    run: Annotated[Path, typer.Option(help="The trained run.")],
    output: OutputOption,
    to: Annotated[str, typer.Option(help="Whose face is put in: b, or a.")] = "b",
    colour: ColourOption = "tone",
    detail: DetailOption = 1.0,
    kind: KindOption = "result",
    detector: DetectorOption = "full-range",
    codec: CodecOption = "h264",
    crf: CrfOption = 18,
    codec_option: CodecOptions = None,
    anyone: AnyoneOption = False,
    landmarks: Annotated[
        bool,
        typer.Option("--landmarks", help="Give a run of the preset landmarks the footage's mesh."),
    ] = False,
) -> None:
    """Swap the face in footage with a trained run."""
    from faceloom.experiment import convert_with_run

    options = _convert_options(to, colour, detail, kind, detector, codec, crf, codec_option, anyone)
    options = replace(options, landmarks=landmarks)
    with progress_lines() as show:
        report = convert_with_run(
            footage, run, output, options, lambda status: show("convert", status)
        )
    for clip in report.clips:
        if clip.skipped:
            _say("already converted", clip.output, "")
            continue
        damaged = f", {clip.damaged} damaged passed through" if clip.damaged else ""
        damaged += ", the footage breaks off early" if clip.broken_off else ""
        _say(
            "result",
            clip.output,
            f"{clip.faces} of {clip.frames} frames swapped, audio {clip.audio}{damaged}",
        )


@app.command()
def preview(run: Annotated[Path, typer.Argument(help="The run.")]) -> None:
    """Write the current grid of a run: source, reconstruction, swap, mask, blended."""
    from faceloom.train.fit import preview_run

    _say("preview", preview_run(run), "")


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for everything the demo makes.")
    ] = Path("demo"),
    minutes: Annotated[float, typer.Option(help="Train for this long.")] = 10.0,
    seconds: Annotated[float, typer.Option(help="Length of the footage that is rendered.")] = 11.0,
    open_page: Annotated[bool, typer.Option("--open", help="Show the page in a browser.")] = False,
) -> None:
    """Show the whole system on two people who do not exist: render, train, swap, score."""
    from faceloom.demo import DEMO_PAIR, run_demo

    if minutes <= 0:
        raise UserError(f"--minutes {minutes}: must be more than 0")
    if seconds <= 0:
        raise UserError(f"--seconds {seconds}: must be more than 0")
    with progress_lines() as show:
        report = run_demo(output, minutes, show, replace(DEMO_PAIR, seconds=seconds))
    scores = report.scores["result"]
    _say("result", report.result, f"gain {scores.gain:.2f} of 1, see the page")
    _say("page", report.page, "")
    if open_page:
        typer.launch(str(report.page.resolve()))


def _version(value: bool) -> None:
    if value:
        typer.echo(f"faceloom {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show and exit.")
    ] = False,
) -> None:
    """Weave one person's face into another's footage."""


def main() -> None:
    """Run the command line; errors that the user can mend are one line and exit code 2."""
    try:
        app()
    except UserError as error:
        typer.echo(f"faceloom: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("faceloom: interrupted; run the same command again to go on", err=True)
        sys.exit(130)


# -- helpers --------------------------------------------------------------------------------------


def _say(what: str, path: Path, detail: str) -> None:
    typer.echo(f"{what}: {path}" + (f" ({detail})" if detail else ""))


def _say_start(start: WarmStart | None) -> None:
    if start is not None:
        left = f"; drawn anew: {', '.join(start.left_out)}" if start.left_out else ""
        held = f", swaps held to it by {100 * start.trust:.0f}%" if start.trust else ""
        share = f"{100 * start.share:.0f}% of the weights"
        typer.echo(f"started from: {start.source} ({share}{left}){held}")


def _trained(report: TrainReport) -> str:
    return f"{report.step} steps, {report.elapsed_s / 60:.1f} min; {report.stopped}"


def _consent(given: str | None) -> str:
    from faceloom.provenance import check_consent

    if given is None and sys.stdin.isatty():
        given = typer.prompt(
            "Who agreed, to what, and when? (`synthetic` for nobody real)", err=True
        )
    return check_consent(given)


def _train_config(
    preset: str,
    size_px: int,
    minutes: float | None,
    steps: int | None,
    start: str,
    settings: list[str] | None,
) -> TrainConfig:
    from faceloom.train.config import Budget, preset_config, with_settings

    config = preset_config(preset, size_px)
    if start != "auto":
        config = replace(config, start=start)
    if minutes is not None or steps is not None:
        for name, value in (("--minutes", minutes), ("--steps", steps)):
            if value is not None and value <= 0:
                raise UserError(f"{name} {value}: must be more than 0")
        config = replace(config, budget=Budget(minutes, steps))
    return with_settings(config, settings or [])


def _convert_options(
    to: str,
    colour: str,
    detail: float,
    kind: str,
    detector: str,
    codec: str,
    crf: int,
    codec_option: list[str] | None,
    anyone: bool,
) -> ConvertOptions:
    from faceloom.colour import check_transfer
    from faceloom.convert import OUTPUT_KINDS, ConvertOptions

    if to not in ("a", "b"):
        raise UserError(f"--to {to}: is no side of a run; take a or b")
    if kind not in OUTPUT_KINDS:
        raise UserError(f"--kind {kind}: is not known; take one of {', '.join(OUTPUT_KINDS)}")
    if not 0 <= detail <= 1:
        raise UserError(f"--detail {detail:g}: must be from 0 to 1")
    pairs = [option.partition("=") for option in codec_option or []]
    if not all(separator for _, separator, _ in pairs):
        raise UserError("--codec-option: write it as key=value")
    return ConvertOptions(
        to="a" if to == "a" else "b",
        colour=check_transfer(colour),
        kind=kind,
        detector=detector,
        anyone=anyone,
        detail=detail,
        codec=codec,
        crf=crf,
        codec_options={key: value for key, _, value in pairs},
    )
