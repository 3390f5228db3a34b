"""`faceloom synth`: people who do not exist, clips of them, and pairs with the exact answer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceloom.cli.progress import progress_lines
from faceloom.errors import UserError

if TYPE_CHECKING:  # Rendering loads numba; `faceloom --help` need not wait for it.
    from fractions import Fraction

    from faceloom.synth.scene import FaceState

synth_app = typer.Typer(
    no_args_is_help=True, help="Render people who do not exist, with everything known about them."
)
SizeOption = Annotated[int, typer.Option("--size", help="Side of the square pictures, px.")]
SecondsOption = Annotated[float, typer.Option(help="Length.")]
SeedOption = Annotated[int, typer.Option(help="Of motion, light and background.")]
_MOST_PEOPLE = 1000


@synth_app.command()
def people(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the pictures.")],
    seeds: Annotated[str, typer.Option(help="People: 1..24, or 7,22,31.")] = "1..24",
    size_px: SizeOption = 256,
) -> None:
    """One picture of each person, and all of them on a contact sheet."""
    from faceloom.synth.portraits import write_portraits

    chosen = _seeds(seeds)
    with progress_lines() as show:
        sheet = write_portraits(
            chosen, output, size_px=size_px, report=lambda status: show("people", status)
        )
    typer.echo(f"contact sheet: {sheet} ({len(chosen)} people)")


@synth_app.command()
def clip(
    output: Annotated[Path, typer.Option("--output", "-o", help="The clip; .mp4, .mkv or .mov.")],
    person: Annotated[int, typer.Option(help="Seed of the person.")],
    motion: Annotated[
        str,
        typer.Option(
            help="talk, read, smile, look-around, extremes, profile, still, everyday or everything."
        ),
    ] = "talk",
    seconds: SecondsOption = 10.0,
    size_px: SizeOption = 256,
    seed: Annotated[int, typer.Option(help="Of the motion.")] = 0,
    setting_seed: Annotated[
        int | None, typer.Option(help="Of camera, light and background; the motion's if not given.")
    ] = None,
    light: Annotated[
        str | None,
        typer.Option(
            help="studio, window, noon, overcast, evening, office, rim, night, screen, low-light."
        ),
    ] = None,
    occluder: Annotated[str | None, typer.Option(help="hand or microphone.")] = None,
    like_clip: Annotated[
        Path | None,
        typer.Option(help="Do what is done in this clip of a real person, instead of --motion."),
    ] = None,
) -> None:
    """A clip of a person, and a folder of ground truth beside it."""
    from faceloom.synth.clip import write_clip
    from faceloom.synth.people import make_person
    from faceloom.synth.settings import make_setting

    _check_seeds(person, seed)
    chosen = seed if setting_seed is None else setting_seed
    setting = make_setting(chosen, light=light, occluder=occluder)
    with progress_lines() as show:
        states, rate = _motion(motion, seconds, seed, like_clip)
        paths = write_clip(
            make_person(person),
            states,
            setting,
            output,
            seed=seed,
            size_px=size_px,
            rate=rate,
            report=lambda status: show("render", status),
        )
    typer.echo(f"clip: {paths.clip} ({len(states)} frames)")
    typer.echo(f"truth: {paths.truth}")


@synth_app.command()
def crowd(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for one folder each.")],
    seeds: Annotated[str, typer.Option(help="People: 1000..1199, or 7,22,31.")] = "1000..1199",
    pictures: Annotated[int, typer.Option(help="Of each person.")] = 20,
    takes: Annotated[int, typer.Option(help="In how many places each is seen.")] = 2,
    size_px: SizeOption = 256,
    answers: Annotated[
        Path | None, typer.Option(help="Folder for the same moments with the next one's face.")
    ] = None,
    faces_each: Annotated[
        int, typer.Option(help="Of so many next in line, who take turns in the answers.")
    ] = 1,
) -> None:
    """Pictures of many people in many places, to learn from what faces have in common."""
    from faceloom.synth.crowd import write_crowd

    chosen = _seeds(seeds)
    with progress_lines() as show:
        count = write_crowd(
            chosen,
            output,
            pictures=pictures,
            takes=takes,
            size_px=size_px,
            answers=answers,
            faces_each=faces_each,
            report=lambda status: show("crowd", status),
        )
    typer.echo(f"crowd: {output} ({count} pictures of {len(chosen)} people)")


@synth_app.command()
def pair(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the pair.")],
    into: Annotated[int, typer.Option(help="Seed of the person in the footage.")],
    face: Annotated[int, typer.Option(help="Seed of the person whose face is put in.")],
    seconds: SecondsOption = 6.0,
    size_px: SizeOption = 256,
    kind: Annotated[str, typer.Option(help="plain, occlusion, profile or low-light.")] = "plain",
    seed: SeedOption = 0,
) -> None:
    """Footage, material of another face, and the exact answer of the swap."""
    from faceloom.synth.pair import write_pair

    with progress_lines() as show:
        write_pair(
            into,
            face,
            output,
            seconds=seconds,
            size_px=size_px,
            seed=seed,
            kind=kind,
            report=lambda status: show("render", status),
        )
    typer.echo(f"pair: {output}")


def _motion(
    name: str, seconds: float, seed: int, like_clip: Path | None
) -> tuple[list[FaceState], Fraction]:
    from faceloom.synth.motion import RATE, make_motion
    from faceloom.synth.retarget import read_motion

    if like_clip is None:
        return make_motion(name, seconds, seed), RATE
    if not like_clip.exists():
        raise UserError(f"--like-clip {like_clip}: does not exist; check the path")
    return read_motion(like_clip, RATE), RATE


def _seeds(text: str) -> list[int]:
    """`1..24`, `7,22` or a mix. Raises UserError for anything else."""
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\.\.(\d+))?\s*", part)
        if match is None:
            raise UserError(f"--seeds {text}: write it as 1..24 or 7,22,31")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last - first >= _MOST_PEOPLE:
            raise UserError(f"--seeds {text}: must rise, by less than {_MOST_PEOPLE}")
        found += range(first, last + 1)
    return found


def _check_seeds(*seeds: int) -> None:
    if min(seeds) < 0:
        raise UserError("a negative seed: is not allowed; give 0 or more")
