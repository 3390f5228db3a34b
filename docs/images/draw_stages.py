"""Draw `stages.png`, the README's picture: the stages as shapes and masks, no real face in it.

python docs/images/draw_stages.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom.faces.align import crop_transform, reference_points, transform_mesh
from faceloom.faces.face import Mesh
from faceloom.faces.mask import LEFT_EYE, LIPS, PARTS, RIGHT_EYE, feather, hull_polygon, mesh_mask
from faceloom.geometry import Similarity
from faceloom.image import encode_image

SIDE = 260
INK, PAPER, SKIN_A, SKIN_B = (40, 44, 52), (250, 250, 247), (226, 178, 144), (150, 190, 205)
TITLES = ("find and track", "align", "mask", "train: one encoder,", "blend")
UNDER = ("468-point mesh", "standard crop", "hull, eyes, mouth", "two decoders", "only the face")


def head(turn_deg: float, scale: float) -> Mesh:
    """The mean face, placed in a frame."""
    points = reference_points(SIDE)
    centre = points.mean(axis=0)
    turn = Similarity.from_parts(scale, turn_deg)
    middle = turn.apply(centre[None])[0]
    placed = Similarity(turn.a, turn.b, *(np.array([SIDE / 2, SIDE / 2 + 8]) - middle).tolist())
    return np.pad(placed.apply(points), ((0, 0), (0, 1))).astype(np.float32)


def panel() -> NDArray[np.uint8]:
    return np.full((SIDE, SIDE, 3), PAPER, np.uint8)


def fill(image: NDArray[np.uint8], mesh: Mesh, colour: tuple[int, int, int]) -> None:
    cv2.fillPoly(image, [np.round(hull_polygon(mesh)).astype(np.int32)], colour, cv2.LINE_AA)
    for part in (RIGHT_EYE, LEFT_EYE, LIPS):
        outline = np.round(mesh[list(part), :2]).astype(np.int32)
        cv2.fillPoly(image, [outline], PAPER if part is not LIPS else (196, 92, 92), cv2.LINE_AA)
        cv2.polylines(image, [outline], True, INK, 1, cv2.LINE_AA)


def dots(image: NDArray[np.uint8], mesh: Mesh) -> None:
    for x, y in mesh[:, :2]:
        cv2.circle(image, (round(float(x)), round(float(y))), 1, INK, -1, cv2.LINE_AA)


def stages() -> list[NDArray[np.uint8]]:
    frame = head(-14, 0.72)
    found = panel()
    fill(found, frame, SKIN_A)
    dots(found, frame)
    low, high = frame[:, :2].min(axis=0) - 6, frame[:, :2].max(axis=0) + 6
    cv2.rectangle(found, low.astype(int).tolist(), high.astype(int).tolist(), (200, 90, 40), 2)
    aligned_mesh = transform_mesh(frame, crop_transform(frame, SIDE))
    aligned = panel()
    fill(aligned, aligned_mesh, SKIN_A)
    masks = panel()
    colours = ((205, 205, 215), (90, 140, 200), (200, 110, 110), (120, 40, 50))
    for part, colour in zip(PARTS, colours, strict=True):
        share = mesh_mask(aligned_mesh, part, (SIDE, SIDE))[..., None]
        masks = np.round(share * np.array(colour) + (1 - share) * masks).astype(np.uint8)
    code = panel()
    for x, colour in ((70, SKIN_A), (190, SKIN_B)):
        small = transform_mesh(aligned_mesh, Similarity(0.36, 0, x - 47, 150))
        fill(code, small, colour)
        cv2.line(code, (130, 92), (x, 158), INK, 2, cv2.LINE_AA)
    cv2.rectangle(code, (100, 40), (160, 92), (225, 200, 120), -1)
    cv2.rectangle(code, (100, 40), (160, 92), INK, 2)
    blended, painted = found.copy(), panel()
    blended[:] = PAPER
    fill(blended, frame, SKIN_A)
    fill(painted, frame, SKIN_B)
    soft = feather(mesh_mask(frame, "hull", (SIDE, SIDE)), 10)[..., None]
    result = np.round(soft * painted + (1 - soft) * blended).astype(np.uint8)
    return [found, aligned, masks, code, result]


def main() -> None:
    strip = []
    for image, title, under in zip(stages(), TITLES, UNDER, strict=True):
        foot = np.full((64, SIDE, 3), PAPER, np.uint8)
        for y, text in ((24, title), (50, under)):
            cv2.putText(foot, text, (12, y), cv2.FONT_HERSHEY_SIMPLEX, 0.62, INK, 1, cv2.LINE_AA)
        strip.append(np.concatenate([image, foot]))
    path = Path(__file__).with_name("stages.png")
    path.write_bytes(encode_image(np.concatenate(strip, axis=1), ".png"))


if __name__ == "__main__":
    main()
