"""A crowd: pictures of many people, a few of each, to train what all faces have in common.

    FOLDER/person-1000/000.jpg ...   one folder a person: takes in different light, turn and mood
    FOLDER/crowd.json                how it was drawn
    ANSWERS/person-1000/000.jpg ...  the same moments with the inner faces of those next in line
                                     (`swapped`)

Each person's folder is whole or not there, so an interrupted crowd goes on where it was. The same
seeds give the same pictures.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from faceloom.errors import UserError
from faceloom.files import read_json, write_bytes, write_json
from faceloom.image import encode_image
from faceloom.synth.clip import SYNTH_VERSION, Report, SynthStatus, check_size, shots
from faceloom.synth.motion import make_motion
from faceloom.synth.occluders import OCCLUDERS
from faceloom.synth.people import BuiltPerson, make_person_from
from faceloom.synth.render import Renderer
from faceloom.synth.scene import Person, Shot
from faceloom.synth.settings import LIGHTS, make_setting
from faceloom.synth.swapped import swapped_person
from faceloom.synth.traits import draw_traits

_MOTIONS = ("everything", "extremes", "everything", "talk", "everything", "smile", "look-around")
"""Drawn from with repetition: the medley of all is the common case."""
_SECONDS = 18.0
_COVERED = 0.2
"""Share of takes in which something passes in front of the face."""
_JPEG_QUALITY = 95
_RECORD = "crowd.json"
_STREAM = 7_919
"""Sets these draws apart from those of the same seed elsewhere."""


def write_crowd(
    seeds: Sequence[int],
    folder: Path,
    *,
    pictures: int = 20,
    takes: int = 2,
    size_px: int = 256,
    answers: Path | None = None,
    faces_each: int = 1,
    report: Report | None = None,
) -> int:
    """Render `pictures` of each person, evenly over `takes`; gives how many there are in all.

    With a folder for `answers`, each picture is rendered again with another's face on it: those of
    the `faces_each` people next in line take turns, and the first follows the last.
    Raises UserError for nobody, a bad size or number, or a folder that holds something else.
    """
    check_size(size_px)
    if not seeds or min(seeds) < 0:
        raise UserError("no people: give seeds of 0 or more")
    if not 1 <= takes <= pictures:
        raise UserError(f"{pictures} pictures in {takes} takes: give at least one a take")
    if answers is not None and not 1 <= faces_each < len(seeds):
        raise UserError(
            f"answers with {faces_each} faces on each of {len(seeds)} people: "
            "need one face at least, and more people than that"
        )
    told = {
        "seeds": list(seeds),
        "pictures": pictures,
        "takes": takes,
        "size_px": size_px,
        "synth": SYNTH_VERSION,
    }
    _begin(folder, told)
    if answers is not None:
        _begin(answers, told | {"answers_to": folder.name, "faces_each": faces_each})
    renderer, people = Renderer(size_px), _People(faces_each + 1)
    for number, seed in enumerate(seeds):
        taken = _Takes(folder / _name(seed), seed, pictures, takes)
        if not taken.folder.is_dir():
            _write_takes(renderer, taken, people(seed), [people(seed)])
        if answers is not None and not (answers / taken.folder.name).is_dir():
            wearer = people(seed)
            lent = map(people, _next(seeds, number, min(faces_each, pictures)))
            answer = replace(taken, folder=answers / taken.folder.name)
            _write_takes(renderer, answer, wearer, [swapped_person(face, wearer) for face in lent])
        if report is not None:
            report(SynthStatus((number + 1) / len(seeds), f"person {seed}"))
    return len(seeds) * pictures


def lenders(seeds: Sequence[int], faces_each: int = 1) -> dict[str, list[str]]:
    """Whose faces each one wears in the answers, picture by picture in turn, by folders' names."""
    return {
        _name(seed): [_name(lender) for lender in _next(seeds, number, faces_each)]
        for number, seed in enumerate(seeds)
    }


def _name(seed: int) -> str:
    return f"person-{seed:04d}"


def _next(seeds: Sequence[int], number: int, count: int) -> list[int]:
    return [seeds[(number + ahead) % len(seeds)] for ahead in range(1, count + 1)]


def _begin(folder: Path, told: dict[str, Any]) -> None:
    record = folder / _RECORD
    if record.is_file() and read_json(record) != told:
        raise UserError(f"{folder}: holds another crowd; choose a new folder")
    write_json(record, told)


class _People:
    """Makes people; the last few are kept, as each is wanted again with neighbours. `make_person`
    would keep others beside them, at 160 MB each."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept: dict[int, BuiltPerson] = {}

    def __call__(self, seed: int) -> BuiltPerson:
        made = self._kept.pop(seed, None) or make_person_from(draw_traits(seed))
        self._kept = dict([*self._kept.items(), (seed, made)][-self._count :])
        return made


@dataclass(frozen=True)
class _Takes:
    """The pictures of one person."""

    folder: Path
    seed: int
    pictures: int
    takes: int


def _write_takes(renderer: Renderer, of: _Takes, wearer: Person, shown: Sequence[Person]) -> None:
    """Render those `shown`, in turn, in all moments of `wearer`."""
    work = of.folder.with_name(f".{of.folder.name}")
    shutil.rmtree(work, ignore_errors=True)
    taken = 0
    for take in range(of.takes):
        count = (of.pictures * (take + 1)) // of.takes - taken
        for shot in _moments(wearer, of.seed * of.takes + take, count):
            picture = renderer.render(shown[taken % len(shown)], shot).rgb_HWC
            write_bytes(work / f"{taken:03d}.jpg", encode_image(picture, ".jpg", _JPEG_QUALITY))
            taken += 1
    work.replace(of.folder)


def _moments(person: Person, seed: int, count: int) -> Iterator[Shot]:
    """Random moments of a take, in order."""
    random = np.random.default_rng([seed, _STREAM])
    motion = make_motion(str(random.choice(_MOTIONS)), _SECONDS, seed)
    light = str(random.choice(LIGHTS))
    covered = random.random() < _COVERED
    occluder = str(random.choice(OCCLUDERS)) if covered else None
    setting = make_setting(seed, light=light, occluder=occluder)
    chosen = set(random.choice(len(motion), count, replace=False).tolist())
    for index, shot in enumerate(shots(setting, motion, seed, wearer=person)):
        if index in chosen:
            yield shot
