"""A crowd: pictures of many people, a few of each, to train what all faces have in common.

    FOLDER/person-1000/000.jpg ...   one folder a person: takes in different light, turn and mood
    FOLDER/crowd.json                how it was drawn

Each person's folder is whole or not there, so an interrupted crowd goes on where it was. The same
seeds give the same pictures.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from faceloom.errors import UserError
from faceloom.files import read_json, write_bytes, write_json
from faceloom.image import encode_image
from faceloom.synth.clip import SYNTH_VERSION, Report, SynthStatus, check_size, shots
from faceloom.synth.motion import make_motion
from faceloom.synth.occluders import OCCLUDERS
from faceloom.synth.people import make_person
from faceloom.synth.render import Renderer
from faceloom.synth.scene import Person, Shot
from faceloom.synth.settings import LIGHTS, make_setting

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
    report: Report | None = None,
) -> int:
    """Render `pictures` of each person, evenly over `takes`; gives how many there are in all.

    Raises UserError for nobody, a bad size or number, or a folder that holds something else.
    """
    check_size(size_px)
    if not seeds or min(seeds) < 0:
        raise UserError("no people: give seeds of 0 or more")
    if not 1 <= takes <= pictures:
        raise UserError(f"{pictures} pictures in {takes} takes: give at least one a take")
    told = {
        "seeds": list(seeds),
        "pictures": pictures,
        "takes": takes,
        "size_px": size_px,
        "synth": SYNTH_VERSION,
    }
    record = folder / _RECORD
    if record.is_file() and read_json(record) != told:
        raise UserError(f"{folder}: holds another crowd; choose a new folder")
    write_json(record, told)
    renderer = Renderer(size_px)
    for number, seed in enumerate(seeds):
        own = folder / f"person-{seed:04d}"
        if not own.is_dir():
            _write_person(renderer, seed, own, pictures, takes)
        if report is not None:
            report(SynthStatus((number + 1) / len(seeds), f"person {seed}"))
    return len(seeds) * pictures


def _write_person(renderer: Renderer, seed: int, folder: Path, pictures: int, takes: int) -> None:
    work = folder.with_name(f".{folder.name}")
    shutil.rmtree(work, ignore_errors=True)
    person = make_person(seed)
    taken = 0
    for take in range(takes):
        count = (pictures * (take + 1)) // takes - taken
        for shot in _moments(person, seed * takes + take, count):
            picture = renderer.render(person, shot).rgb_HWC
            write_bytes(work / f"{taken:03d}.jpg", encode_image(picture, ".jpg", _JPEG_QUALITY))
            taken += 1
    work.replace(folder)


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
