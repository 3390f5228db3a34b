"""A pair of people as a face swap meets them, with the exact answer.

    PAIR/pair.json          who, kind, frames, size_px, rate [num, den], seed, versions, hashes
    PAIR/footage.mp4        person `into`, and footage-truth/
    PAIR/face.mp4           person `face` in another place doing other things, and face-truth/
    PAIR/key/000000.png     the footage with the other's inner face, in the footage's skin tone
    PAIR/key-own/           the same in the face's own skin tone
    PAIR/key-truth/         of both keys; truth folders as in `clip`

Another chin casts another shadow on the neck. What no swap of the inner face could know is left
out of the keys: further than 1/32 of the side from both inner faces they are the footage's own
rendering, to the bit, and blend into it within that distance.

Rendered beside the final name and renamed when whole; an interrupted pair goes on where it was.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom import __version__
from faceloom.errors import UserError
from faceloom.files import read_json, write_json
from faceloom.image import RGB, read_image
from faceloom.synth.clip import (
    SYNTH_VERSION,
    Report,
    SynthStatus,
    check_size,
    clip_recipe,
    render_frames,
    shots,
    write_clip,
)
from faceloom.synth.motion import RATE, make_motion
from faceloom.synth.occluders import OCCLUDERS
from faceloom.synth.people import make_person
from faceloom.synth.scene import FaceState, Person, Rendered
from faceloom.synth.settings import Setting, make_setting
from faceloom.synth.swapped import swapped_person
from faceloom.synth.tracks import smoothstep

KINDS = ("plain", "occlusion", "profile", "low-light")
MATERIAL_RATIO = 1.5
"""Length of the face's material over that of the footage."""
_REACH = 1 / 32
"""Over the picture's side: beyond this distance from the faces, keys are the footage."""
_FOOTAGE_FRAMES = "footage-frames"


@dataclass(frozen=True)
class _Take:
    """A person doing something somewhere."""

    person: Person
    motion: list[FaceState]
    setting: Setting
    seed: int


def write_pair(
    into_seed: int,
    face_seed: int,
    folder: Path,
    *,
    seconds: float,
    size_px: int = 256,
    seed: int = 0,
    kind: str = "plain",
    report: Report | None = None,
) -> None:
    """Render a pair folder; one that is there already, made from the same, is left alone.

    Raises UserError for an unknown kind, equal people, a bad length, size or seed, or a folder
    that holds something else.
    """
    _check(into_seed, face_seed, seed, kind)
    check_size(size_px)
    told: dict[str, Any] = {
        "into": into_seed,
        "face": face_seed,
        "kind": kind,
        "frames": max(1, round(Fraction(seconds) * RATE)),
        "size_px": size_px,
        "rate": [RATE.numerator, RATE.denominator],
        "seed": seed,
        "versions": {"faceloom": __version__, "synth": SYNTH_VERSION},
    }
    if _is_whole(folder, told):
        return
    work = folder.with_name(f".{folder.name}-rendering")
    progress = _Progress(report, told["frames"])
    progress.say("making two people")
    into, face = make_person(into_seed), make_person(face_seed)
    footage = _footage(into, seconds, seed, kind)
    _write_clips(footage, _material(face, seconds, seed), work, size_px, progress)
    tones: tuple[tuple[str, Literal["footage", "own"]], ...] = (
        ("key", "footage"),
        ("key-own", "own"),
    )
    for name, tone in tones:
        key = swapped_person(face, into, tone)
        _write_key(key, footage, work, name, size_px, progress.stage(name, 1.0))
    shutil.rmtree(work / "key-own-truth")  # The key's own: only the skin tone differs.
    shutil.rmtree(work / _FOOTAGE_FRAMES)
    hashes = {name: _sha256(work / f"{name}.mp4") for name in ("footage", "face")}
    write_json(work / "pair.json", told | {"sha256": hashes})
    if folder.exists():
        folder.rmdir()
    work.replace(folder)


def _material(face: Person, seconds: float, seed: int) -> _Take:
    """The other person, elsewhere and in another light, for longer."""
    motion = make_motion("everything", MATERIAL_RATIO * seconds, _other(seed))
    return _Take(face, motion, make_setting(_other(seed)), _other(seed))


def _write_clips(
    footage: _Take, material: _Take, work: Path, size_px: int, progress: _Progress
) -> None:
    """Both people's clips; the footage's frames as they are, too."""
    for name, take, share in (
        ("footage", footage, 1.0),
        ("face", material, MATERIAL_RATIO),
    ):
        write_clip(
            take.person,
            take.motion,
            take.setting,
            work / f"{name}.mp4",
            seed=take.seed,
            size_px=size_px,
            keep_frames=work / _FOOTAGE_FRAMES if take is footage else None,
            report=progress.stage(name, share),
        )


def _check(into_seed: int, face_seed: int, seed: int, kind: str) -> None:
    if kind not in KINDS:
        raise UserError(f"kind {kind!r}: is not known; take one of {', '.join(KINDS)}")
    if into_seed == face_seed:
        raise UserError(f"person {into_seed}: is on both sides; give two people")
    if min(into_seed, face_seed, seed) < 0:
        raise UserError("a negative seed: is not allowed; give 0 or more")


def _is_whole(folder: Path, told: dict[str, Any]) -> bool:
    """Whether the folder is this pair. Raises UserError if it holds anything else."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    record = folder / "pair.json"
    there = read_json(record) if record.is_file() else {}
    if any(there.get(name) != value for name, value in told.items()):
        raise UserError(f"{folder}: holds something else already; choose a new folder")
    return True


def _other(seed: int) -> int:
    """The seed of the material, which no footage of a small seed has."""
    return seed + 500_000


def _footage(person: Person, seconds: float, seed: int, kind: str) -> _Take:
    motion = make_motion("profile" if kind == "profile" else "everyday", seconds, seed)
    light = "low-light" if kind == "low-light" else None
    occluder = OCCLUDERS[seed % len(OCCLUDERS)] if kind == "occlusion" else None
    return _Take(person, motion, make_setting(seed, light=light, occluder=occluder), seed)


def _write_key(
    person: Person, footage: _Take, work: Path, name: str, size_px: int, report: Report
) -> None:
    """NAME/ and NAME-truth/: the swapped person in the footage's own shots."""
    truth = work / f"{name}-truth"
    recipe = clip_recipe(person, footage.motion, footage.setting, footage.seed, size_px, RATE)
    if (work / name).is_dir() and truth.is_dir() and read_json(truth / "recipe.json") == recipe:
        return
    rendering = work / f"{name}-rendering"
    taken = shots(footage.setting, footage.motion, footage.seed, wearer=footage.person)

    def finish(index: int, rendered: Rendered) -> RGB:
        frame = f"{index:06d}.png"
        before = read_image(work / _FOOTAGE_FRAMES / frame)
        mask = read_image(work / "footage-truth/mask" / frame)[..., 0]
        return only_near(rendered.rgb_HWC, before, (rendered.face_mask_HW > 0) | (mask > 0))

    count = len(footage.motion)
    render_frames(person, taken, count, rendering, recipe, size_px, RATE, report, finish)
    shutil.rmtree(work / name, ignore_errors=True)
    shutil.rmtree(truth, ignore_errors=True)
    (rendering / "frames").replace(work / name)
    (rendering / "truth").replace(truth)
    rendering.rmdir()


def only_near(key: RGB, footage: RGB, faces_HW: NDArray[np.bool_]) -> RGB:
    """The key where the faces are, the footage far from them, and in between a soft seam."""
    away = cv2.distanceTransform((~faces_HW).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    reach = _REACH * key.shape[0]
    share = smoothstep(1 - away / max(1.0, reach - 1))[..., None]
    return np.round(share * key + (1 - share) * footage).astype(np.uint8)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class _Progress:
    """One progress over all clips of a pair; shares are in lengths of the footage."""

    def __init__(self, report: Report | None, frames: int) -> None:
        self._report = report
        self._frames = frames
        self._done = 0.0
        self._total = 3.0 + MATERIAL_RATIO

    def say(self, detail: str) -> None:
        if self._report is not None:
            self._report(SynthStatus(self._done / self._total, detail))

    def stage(self, name: str, share: float) -> Callable[[SynthStatus], None]:
        """The callback of the next clip."""
        before = self._done
        self._done += share

        def show(status: SynthStatus) -> None:
            if self._report is not None:
                whole = (before + share * status.progress) / self._total
                self._report(SynthStatus(whole, f"{name}: {status.detail}"))

        return show
