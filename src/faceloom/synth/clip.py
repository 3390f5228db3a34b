"""A clip of a synthetic person, with everything known about its frames beside it.

    OUT.mp4                       h264
    OUT-truth/recipe.json         what the clip was made from
    OUT-truth/frames.jsonl        one line a frame: index, time_s, and `truth.FrameTruth`
    OUT-truth/mask/000000.png     the inner face, 8 bit coverage
    OUT-truth/labels/000000.png   a `scene.Label` a pixel

Frames are rendered into a hidden folder beside the output, so that an interrupted clip goes on
where it was; clip and folder get their names when they are whole. The same arguments give the same
pictures.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom import __version__
from faceloom.errors import UserError
from faceloom.files import read_json, write_bytes, write_json
from faceloom.image import RGB, encode_image, read_image
from faceloom.provenance import NOTICE
from faceloom.synth.motion import RATE
from faceloom.synth.occluders import make_occluder
from faceloom.synth.render import Renderer
from faceloom.synth.scene import FaceState, Person, Rendered, Shot
from faceloom.synth.settings import Setting
from faceloom.synth.truth import frame_truth
from faceloom.video import Frame, VideoInfo, VideoWriter
from faceloom.video.samples import Colours

SYNTH_VERSION = 5
"""Rises whenever the same seeds give other pictures."""
_CRF = 12
"""Hardly to be told from lossless: the material is meant to be measured."""
_NOISE_SEED_STEP = 1_000_003
_RECORD = "recipe.json"


@dataclass(frozen=True)
class SynthStatus:
    """Progress: the share done, 0 to 1, and a few words."""

    progress: float
    detail: str


Report = Callable[[SynthStatus], None]
Finish = Callable[[int, Rendered], RGB]
"""From a frame's index and rendering to the picture that is kept."""


@dataclass(frozen=True)
class ClipPaths:
    """What a clip left."""

    clip: Path
    truth: Path


def shots(
    setting: Setting,
    motion: Sequence[FaceState],
    seed: int,
    *,
    rate: Fraction = RATE,
    wearer: Person | None = None,
) -> Iterator[Shot]:
    """One shot for each state of a motion; an occluding hand is the wearer's."""
    occluder = None
    if setting.occluder is not None:
        seconds = len(motion) / float(rate)
        occluder = make_occluder(setting.occluder, seconds, seed, wearer)
    for index, state in enumerate(motion):
        following = motion[min(index + 1, len(motion) - 1)]
        yield Shot(
            state,
            setting.camera,
            setting.light,
            setting.background_HWC,
            setting.sensor,
            following,
            occluder(index / float(rate)) if occluder else (),
            occluder((index + 1) / float(rate)) if occluder else (),
            seed * _NOISE_SEED_STEP + index,
        )


def check_size(size_px: int) -> None:
    """Raises UserError for a side that encoders or renderer do not take."""
    if size_px % 2 or not 32 <= size_px <= 2048:
        raise UserError(f"size {size_px}: must be even and between 32 and 2048 px")


def write_clip(
    person: Person,
    motion: Sequence[FaceState],
    setting: Setting,
    output: Path,
    *,
    seed: int = 0,
    size_px: int = 256,
    rate: Fraction = RATE,
    keep_frames: Path | None = None,
    report: Report | None = None,
) -> ClipPaths:
    """Render a clip and its truth; left alone where it is there already with the same recipe.

    `keep_frames` names a new folder for the frames as they were before encoding, PNG, which goes
    with the clip: one that lacks it is made again. Raises UserError if the output cannot be
    written, has no suffix of a video, or its truth folder holds something else.
    """
    check_size(size_px)
    paths = ClipPaths(output, output.with_name(f"{output.stem}-truth"))
    if not output.suffix:
        raise UserError(f"{output}: names no video file; end it with .mp4, .mkv or .mov")
    recipe = clip_recipe(person, motion, setting, seed, size_px, rate)
    record = paths.truth / _RECORD
    if paths.truth.exists():
        if not record.is_file():
            raise UserError(f"{paths.truth}: holds something else; choose another output")
        kept = keep_frames is None or keep_frames.is_dir()
        if output.is_file() and kept and read_json(record) == recipe:
            return paths
    work = output.with_name(f".{output.stem}-rendering")
    taken = shots(setting, motion, seed, rate=rate, wearer=person)
    render_frames(person, taken, len(motion), work, recipe, size_px, rate, report)
    encode_frames(work / "frames", work / output.name, size_px, rate)
    # A clip without its truth is made again; one with another's would go unnoticed.
    output.unlink(missing_ok=True)
    shutil.rmtree(paths.truth, ignore_errors=True)
    if keep_frames is not None:
        shutil.rmtree(keep_frames, ignore_errors=True)
        (work / "frames").replace(keep_frames)
    (work / "truth").replace(paths.truth)
    (work / output.name).replace(output)
    shutil.rmtree(work)
    return paths


def render_frames(
    person: Person,
    taken: Iterator[Shot],
    count: int,
    folder: Path,
    recipe: dict[str, Any],
    size_px: int,
    rate: Fraction,
    report: Report | None = None,
    finish: Finish | None = None,
) -> None:
    """Render shots into `folder`: frames/, and truth/ as a clip's truth folder.

    `finish` makes the picture that is kept out of each that is rendered. Frames that an interrupted
    call with the same recipe left are kept; those of another are thrown away. Raises UserError if
    the folder cannot be written.
    """
    frames, truth = folder / "frames", folder / "truth"
    record = truth / _RECORD
    if folder.exists() and not (record.is_file() and read_json(record) == recipe):
        shutil.rmtree(folder)
    try:
        for part in (frames, truth / "mask", truth / "labels"):
            part.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror}); choose another output"
        ) from error
    write_json(record, recipe)
    lines = _whole_lines(truth / "frames.jsonl")
    renderer: Renderer | None = None
    with (truth / "frames.jsonl").open("a", encoding="utf-8") as file:
        for index, shot in enumerate(taken):
            if index < lines:
                continue
            renderer = renderer or Renderer(size_px)
            rendered = renderer.render(person, shot)
            picture = finish(index, rendered) if finish else rendered.rgb_HWC
            _write_pictures(picture, rendered, frames, truth, index)
            known = {"index": index, "time_s": float(index / rate)}
            known |= frame_truth(person, shot, rendered).to_json()
            # Last, so that a frame with a line has everything.
            file.write(json.dumps(known, allow_nan=False) + "\n")
            file.flush()
            if report is not None:
                report(SynthStatus((index + 1) / count, f"frame {index + 1} of {count}"))


def encode_frames(frames: Path, output: Path, size_px: int, rate: Fraction) -> None:
    """A folder of PNG frames as a clip."""
    told = {
        "comment": f"{NOTICE}: a person who does not exist, rendered by faceloom {__version__}",
        "description": NOTICE,
    }
    like = _described(output, size_px, rate)
    with VideoWriter(output, like, crf=_CRF, metadata=told) as writer:
        for index, file in enumerate(sorted(frames.glob("*.png"))):
            writer.write(Frame(index, index, 1 / rate, rgb=read_image(file)))


def clip_recipe(
    person: Person,
    motion: Sequence[FaceState],
    setting: Setting,
    seed: int,
    size_px: int,
    rate: Fraction,
) -> dict[str, Any]:
    """What decides a clip's pictures: equal recipes give equal clips."""
    told = {
        "person": [person.name, person.traits, _looks(person)],
        "motion": [dataclasses.asdict(state) for state in motion],
        "setting": {
            field.name: getattr(setting, field.name)
            for field in dataclasses.fields(setting)
            if field.name != "background_HWC"
        },
        "background": hashlib.sha256(setting.background_HWC.tobytes()).hexdigest(),
    }
    text = json.dumps(told, default=_plain, sort_keys=True)
    return {
        "person": person.name,
        "frames": len(motion),
        "size_px": size_px,
        "rate": [rate.numerator, rate.denominator],
        "seed": seed,
        "light": setting.light.name,
        "occluder": setting.occluder,
        "versions": {"faceloom": __version__, "synth": SYNTH_VERSION},
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def _looks(person: Person) -> str:
    """A mark of a person's shape, skin and hair, whatever they were drawn from."""
    mark = hashlib.sha256(person.vertices_V3.tobytes())
    mark.update(np.ascontiguousarray(person.albedo_HW4).data)
    if person.hair is not None:
        mark.update(np.ascontiguousarray(person.hair.points_NK3).data)
    return mark.hexdigest()


def _plain(value: Any) -> Any:
    """What JSON cannot say by itself."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return str(value)


def _described(output: Path, size_px: int, rate: Fraction) -> VideoInfo:
    """The clip to be, as the writer wants it told."""
    return VideoInfo(
        path=output,
        kind="video",
        width_px=size_px,
        height_px=size_px,
        rate=rate,
        time_base=1 / rate,
        frame_count=None,
        duration_s=None,
        rotation_deg=0,
        codec="h264",
        pixel_format="yuv420p",
        colours=Colours(),
        sample_aspect=Fraction(1),
        has_audio=False,
    )


def _write_pictures(
    picture: RGB, rendered: Rendered, frames: Path, truth: Path, index: int
) -> None:
    name = f"{index:06d}.png"
    mask = np.round(rendered.face_mask_HW * 255).astype(np.uint8)
    write_bytes(frames / name, encode_image(picture, ".png"))
    write_bytes(truth / "mask" / name, _grey_png(mask))
    write_bytes(truth / "labels" / name, _grey_png(rendered.labels_HW))


def _grey_png(image_HW: NDArray[np.uint8]) -> bytes:
    ok, data = cv2.imencode(".png", image_HW)
    assert ok
    return data.tobytes()


def _whole_lines(path: Path) -> int:
    """How many whole lines a file holds; what an interrupted write left behind them is cut."""
    if not path.exists():
        return 0
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        path.write_bytes(whole)
    return whole.count(b"\n")
