"""Results of known faults: the exact answer of a synthetic pair, changed by known amounts.

Convention: pictures are uint8 RGB (H, W, 3); strengths in px, levels of 255, frames, or shares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom.evaluate.baselines import warp_baseline
from faceloom.evaluate.keyed_pair import KeyedPair, read_mask
from faceloom.image import RGB, read_image
from faceloom.video import read_frames
from faceloom.video.info import image_files

Frames = Iterator[RGB]


@dataclass(frozen=True)
class Material:
    """The pictures of a pair, all frames of them."""

    pair: KeyedPair
    others: KeyedPair
    """A pair of other people: its face is the wrong one."""
    work: Path

    @cached_property
    def footage(self) -> list[RGB]:
        return [frame.rgb for frame in read_frames(self.pair.footage)]

    @cached_property
    def key(self) -> list[RGB]:
        return [read_image(file) for file in image_files(self.pair.key)]

    @cached_property
    def own_tone(self) -> list[RGB]:
        return [read_image(file) for file in image_files(self.pair.path / "key-own")]

    @cached_property
    def masks(self) -> list[NDArray[np.float32]]:
        """The key's inner face with a soft edge, (H, W, 1)."""
        files = image_files(self.pair.path / "key-truth" / "mask")
        soft = [cv2.GaussianBlur(read_mask(file), (0, 0), 3) for file in files]
        return [np.asarray(mask[..., None], np.float32) for mask in soft]

    @cached_property
    def warp(self) -> list[RGB]:
        return self._warped(self.pair.face, "warp")

    @cached_property
    def wrong(self) -> list[RGB]:
        """The warp with somebody else's face."""
        return self._warped(self.others.face, "wrong")

    def _warped(self, face: Path, name: str) -> list[RGB]:
        folder = self.work / f"{name}-frames"
        if not folder.is_dir() or len(image_files(folder)) != self.pair.frames:
            warp_baseline(self.pair.footage, face, folder)
        return [read_image(file) for file in image_files(folder)]


@dataclass(frozen=True)
class Result:
    """One result of a known kind; a higher strength is a worse one."""

    kind: str
    strength: float
    make: Callable[[Material], Frames]

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.strength:g}"


Change = Callable[[RGB, int], NDArray[Any]]


def on_face(change: Change) -> Callable[[Material], Frames]:
    """The key with its face changed; all else stays."""

    def make(material: Material) -> Frames:
        for k, (key, mask) in enumerate(zip(material.key, material.masks, strict=True)):
            yield _over(key, change(key, k), mask)

    return make


def _over(picture: RGB, other: NDArray[Any], mask_HW1: NDArray[np.float32]) -> RGB:
    mixed = picture + (np.asarray(other, np.float32) - picture) * mask_HW1
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def _moved(picture: RGB, x_px: float, y_px: float) -> RGB:
    matrix = np.array([[1, 0, x_px], [0, 1, y_px]], np.float32)
    size = picture.shape[1], picture.shape[0]
    return np.asarray(cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC,
                                     borderMode=cv2.BORDER_REFLECT), np.uint8)  # fmt: skip


def blurred(sigma_px: float) -> Change:
    return lambda key, _: cv2.GaussianBlur(key, (0, 0), sigma_px)


def shifted(px: float) -> Change:
    return lambda key, _: _moved(key, 0.8 * px, 0.6 * px)


def jittered(px: float) -> Change:
    steps = np.random.default_rng(1).normal(0, px, (1000, 2))
    return lambda key, k: _moved(key, *steps[k])


def recoloured(levels: float) -> Change:
    tint = levels * np.array([1.0, 0.1, -0.9])
    return lambda key, _: key + tint


def flickering(levels: float) -> Change:
    lift = np.random.default_rng(2).normal(0, levels, 1000)
    return lambda key, k: key + lift[k]


def checkered(levels: float) -> Change:
    y, x = np.mgrid[:1024, :1024]
    board = levels * np.where((x + y) % 2, 1.0, -1.0)[..., None]
    return lambda key, _: key + board[: key.shape[0], : key.shape[1]]


def edged(levels: float) -> Callable[[Material], Frames]:
    """The face brighter than its surroundings, with a hard edge."""

    def make(material: Material) -> Frames:
        for key, mask in zip(material.key, material.masks, strict=True):
            yield _over(key, key + levels, (mask > 0.5).astype(np.float32))

    return make


def delayed(frames: float) -> Callable[[Material], Frames]:
    """The face of some frames before, where the face is now."""

    def make(material: Material) -> Frames:
        for k, (key, mask) in enumerate(zip(material.key, material.masks, strict=True)):
            yield _over(key, material.key[max(0, k - int(frames))], mask)

    return make


def mixed(source: Callable[[Material], Sequence[RGB]], share: float) -> Callable[
    [Material], Frames
]:  # fmt: skip
    """The key and another result, `share` of the other."""

    def make(material: Material) -> Frames:
        for key, other in zip(material.key, source(material), strict=True):
            yield np.asarray(cv2.addWeighted(key, 1 - share, other, share, 0), np.uint8)

    return make


def together(*changes: Change) -> Change:
    def change(key: RGB, k: int) -> NDArray[Any]:
        picture: NDArray[Any] = key
        for one in changes:
            picture = one(np.clip(picture, 0, 255).astype(np.uint8), k)
        return picture

    return change


def _random_faults(count: int) -> list[Result]:
    """Several faults at once, as real results have them; drawn once and for all."""
    rng = np.random.default_rng(3)
    ranges: dict[Callable[[float], Change], tuple[float, float]] = {
        blurred: (0.6, 3.0), shifted: (0.5, 4.0), jittered: (0.3, 2.0), recoloured: (3.0, 20.0),
        flickering: (1.0, 8.0),
    }  # fmt: skip
    found = []
    for number in range(count):
        picked = rng.choice(len(ranges), size=rng.integers(2, 4), replace=False)
        faults = [list(ranges)[k] for k in picked]
        changes = [fault(float(rng.uniform(*ranges[fault]))) for fault in faults]
        found.append(Result("several", number, on_face(together(*changes))))
    return found


Maker = Callable[[float], Callable[[Material], Frames]]
_MAKERS: dict[str, Maker] = {
    "blur": lambda s: on_face(blurred(s)),
    "shift": lambda s: on_face(shifted(s)),
    "recolour": lambda s: on_face(recoloured(s)),
    "jitter": lambda s: on_face(jittered(s)),
    "delay": delayed,
    "footage": lambda s: mixed(lambda m: m.footage, s),
    "flicker": lambda s: on_face(flickering(s)),
    "checker": lambda s: on_face(checkered(s)),
    "edge": edged,
    "warp": lambda s: mixed(lambda m: m.warp, s),
    "wrong person": lambda s: mixed(lambda m: m.wrong, s),
}
SERIES: dict[str, tuple[float, ...]] = {
    "blur": (1.5, 0.7, 3.0), "shift": (2.0, 0.7, 5.0), "recolour": (12.0, 5.0, 30.0),
    "jitter": (1.0, 0.4, 2.5), "delay": (3, 1, 6), "footage": (0.5, 0.25, 0.75),
    "flicker": (4.0, 1.5, 10.0), "checker": (5.0, 15.0), "edge": (8.0, 20.0),
    "warp": (1.0, 0.5), "wrong person": (1.0, 0.4),
}  # fmt: skip
"""Strengths of each fault; the middle one first."""


def planted() -> list[Result]:
    """All planted results, so ordered that those made first spread over every kind."""
    found = [
        Result("key", 0, lambda m: iter(m.key)),
        Result("untouched", 1, lambda m: iter(m.footage)),
        Result("own tone", 1, lambda m: iter(m.own_tone)),
    ]
    random = _random_faults(6)
    for rank in range(3):
        for kind, strengths in SERIES.items():
            if rank < len(strengths):
                found.append(Result(kind, strengths[rank], _MAKERS[kind](strengths[rank])))
        found += random[2 * rank : 2 * rank + 2]
    return found
