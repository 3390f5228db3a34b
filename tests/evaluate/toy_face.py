"""A drawn face without features: the mean face's mesh in a picture, and skin around it."""

from __future__ import annotations

import numpy as np

from faceloom.evaluate.observe import SERIES, SINGLES, Observed, Pair, Vectors
from faceloom.faces.align import reference_points
from faceloom.faces.face import Mesh
from faceloom.faces.mask import draw_polygons, hull_polygon
from faceloom.image import RGB

SIDE_PX = 240
SKIN = (180, 140, 120)


def mesh_at(x_px: float = 0.0, y_px: float = 0.0, scale: float = 1.0) -> Mesh:
    """The mean face in the middle of the picture, moved and scaled."""
    points = reference_points(160) * scale + (SIDE_PX - 160 * scale) / 2 + [x_px, y_px]
    return np.pad(points, ((0, 0), (0, 1))).astype(np.float32)


def textured_skin(seed: int = 0, deviation: float = 4.0) -> RGB:
    """Skin all over, with fine noise."""
    noise = np.random.default_rng(seed).normal(0, deviation, (SIDE_PX, SIDE_PX, 1))
    return np.clip(np.array(SKIN) + noise, 0, 255).astype(np.uint8)


def inside(mesh: Mesh, growth: float = 1.0) -> np.ndarray:
    """The hull, grown: (H, W, 1), 0 to 1."""
    polygon = hull_polygon(mesh)
    centre = polygon.mean(axis=0)
    grown = (centre + (polygon - centre) * growth).astype(np.float32)
    return draw_polygons([grown], (SIDE_PX, SIDE_PX))[..., None]


def bump(shape_px: tuple[int, ...], at_px: np.ndarray, deviation_px: float) -> np.ndarray:
    """A Gaussian of height 1 at x, y: (H, W)."""
    down, across = (
        np.exp(-0.5 * ((np.arange(side) - at) / deviation_px) ** 2)
        for side, at in zip(shape_px[:2], at_px[::-1], strict=True)
    )
    return np.outer(down, across)


def painted(picture: RGB, change: np.ndarray, weight_HW1: np.ndarray) -> RGB:
    """A picture changed by so many levels where the weight is 1."""
    return np.clip(picture + change * weight_HW1 + 0.5, 0, 255).astype(np.uint8)


def calm(frames: int = 100, seed: int = 0) -> Observed:
    """What a perfect result of a talking person shows: result and footage are the same."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / 25
    both = {name: np.abs(rng.normal(1, 0.05, frames)).astype(np.float32) for name in SERIES}
    both["mouth"] = (0.15 + 0.12 * np.sin(2 * np.pi * 1.7 * t)
                     + 0.03 * np.sin(2 * np.pi * 3.1 * t)).astype(np.float32)  # fmt: skip
    both["eyes"] = np.where(np.arange(frames) % 40 < 4, 0.05, 0.3).astype(np.float32)
    both |= {name: np.zeros(frames, np.float32) for name in ("yaw", "pitch", "roll")}
    points = rng.normal(0, 0.01, (frames, 6, 2)).astype(np.float32)
    brightness = np.full((frames, 16), 120, np.float32)
    return Observed(
        frames=frames, extra_frames=0, rate=25.0, face_T=np.ones(frames, bool),
        missed_T=np.zeros(frames, bool), damaged_T=np.zeros(frames, bool), times_s=t,
        pairs={name: Pair(values, values) for name, values in both.items()},
        singles={name: np.zeros(frames, np.float32) for name in SINGLES},
        points_TP2=Pair(points, points), brightness_TB=Pair(brightness, brightness),
        identities={}, features=no_vectors(), spectra=no_vectors(),
    )  # fmt: skip


def no_vectors() -> Vectors:
    empty = np.zeros((0, 0), np.float32)
    return Vectors(np.zeros(0, np.int64), empty, empty)
