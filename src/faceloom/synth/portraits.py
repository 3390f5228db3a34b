"""Still pictures of people: one each, and a contact sheet of all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2

from faceloom.errors import UserError
from faceloom.files import write_bytes
from faceloom.image import RGB, draw_grid, encode_image
from faceloom.synth.clip import Report, SynthStatus, check_size
from faceloom.synth.people import make_person
from faceloom.synth.render import Renderer
from faceloom.synth.scene import FaceState, HeadPose, Shot
from faceloom.synth.settings import make_setting

CONTACT_SHEET = "people.png"
_COLUMNS = 6
_LIGHT = "studio"
_POSES_DEG = (-14.0, 0.0, 9.0, -6.0, 16.0, 4.0)
_FACE = {"mouthSmileLeft": 0.24, "mouthSmileRight": 0.24}


def write_portraits(
    seeds: Sequence[int], folder: Path, *, size_px: int = 256, report: Report | None = None
) -> Path:
    """Write FOLDER/person-0007.png for each seed and the contact sheet; gives the sheet's path.

    Raises UserError if there is nobody or the folder cannot be written.
    """
    if not seeds:
        raise UserError("no people: give at least one seed")
    check_size(size_px)
    renderer = Renderer(size_px)
    pictures = []
    for number, seed in enumerate(seeds):
        picture = portrait(renderer, seed)
        write_bytes(folder / f"person-{seed:04d}.png", encode_image(picture, ".png"))
        pictures.append(picture)
        if report is not None:
            report(SynthStatus((number + 1) / len(seeds), f"person {seed}"))
    cells = [_named(one, seed) for one, seed in zip(pictures, seeds, strict=True)]
    rows = [cells[first : first + _COLUMNS] for first in range(0, len(cells), _COLUMNS)]
    write_bytes(folder / CONTACT_SHEET, encode_image(draw_grid(rows, gap_px=4), ".png"))
    return folder / CONTACT_SHEET


def portrait(renderer: Renderer, seed: int) -> RGB:
    """A person in the studio, with a trace of a smile."""
    setting = make_setting(seed, light=_LIGHT)
    pose = HeadPose(yaw_deg=_POSES_DEG[seed % len(_POSES_DEG)])
    state = FaceState(_FACE, pose, (-pose.yaw_deg, 0.0))
    shot = Shot(
        state, setting.camera, setting.light, setting.background_HWC, setting.sensor, seed=seed
    )
    return renderer.render(make_person(seed), shot).rgb_HWC


def _named(picture: RGB, seed: int) -> RGB:
    """With the seed in a corner."""
    out = picture.copy()
    scale = picture.shape[0] / 512
    place = (round(12 * scale), picture.shape[0] - round(14 * scale))
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(
            out, str(seed), place, cv2.FONT_HERSHEY_SIMPLEX, max(0.35, scale), colour, thickness,
            cv2.LINE_AA,
        )  # fmt: skip
    return out
