"""A tiny pair folder of drawn pictures, for what needs no face to be found."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np

from faceloom.files import write_json
from faceloom.image import RGB, encode_image
from faceloom.video import Frame, VideoWriter, probe, read_frames

SIZE_PX, FRAMES = 64, 5


def drawn_frame(index: int, face: tuple[int, int, int], stripes: float) -> RGB:
    """A striped oval that wanders over a smooth background."""
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX].astype(np.float32)
    picture = np.stack([60 + x, 80 + y, 120 + 0.4 * (x + y)], axis=-1)
    inside = oval(index)[..., None] / 255
    pattern = np.array(face) * (1 + 0.2 * np.sin(stripes * (x - index)))[..., None]
    return np.clip(picture * (1 - inside) + pattern * inside, 0, 255).astype(np.uint8)


def oval(index: int) -> np.ndarray:
    """The inner face's mask, 0 to 255."""
    mask = np.zeros((SIZE_PX, SIZE_PX), np.uint8)
    cv2.ellipse(mask, (30 + index, 32), (14, 18), 0, 0, 360, (255,), -1, cv2.LINE_AA)
    return mask


def write_pictures(folder: Path, pictures: list[np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    for index, picture in enumerate(pictures):
        rgb = picture if picture.ndim == 3 else cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
        (folder / f"{index:06d}.png").write_bytes(encode_image(np.asarray(rgb, np.uint8), ".png"))
    return folder


def write_clip(path: Path, pictures: Path) -> Path:
    like = dataclasses.replace(probe(pictures), pixel_format="yuv420p")
    with VideoWriter(path, like, crf=10) as writer:
        for frame in read_frames(pictures):
            writer.write(Frame.from_rgb(frame.rgb, frame))
    return path


def make_toy_pair(folder: Path) -> Path:
    """Write a complete pair folder."""
    looks = {
        "footage": ((190, 140, 110), 0.9),
        "face": ((120, 90, 80), 0.5),
        "key": ((185, 145, 120), 0.5),
        "key-own": ((125, 95, 85), 0.5),
    }
    for name, (colour, stripes) in looks.items():
        pictures = [drawn_frame(i, colour, stripes) for i in range(FRAMES)]
        write_pictures(folder / name, pictures)
    for name in ("footage", "face"):
        write_clip(folder / f"{name}.mp4", folder / name)
    masks = [oval(i) for i in range(FRAMES)]
    for name in ("footage-truth", "key-truth"):
        write_pictures(folder / name / "mask", masks)
    record = {"into": 1, "face": 2, "kind": "plain", "frames": FRAMES, "size_px": SIZE_PX,
              "rate": [25, 1], "seed": 3}  # fmt: skip
    write_json(folder / "pair.json", record)
    return folder
