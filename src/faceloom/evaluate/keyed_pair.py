"""A pair folder opened for scoring: footage, material of the face, and the exact answer.

    pair.json                who, how long, how large (see `synth.pair`)
    footage.mp4              the person whose face is replaced: given to a method
    face.mp4                 material of the face that is put in: given to a method
    footage-truth/mask/      inner face of each frame of the footage: hidden
    key/, key-own/           the exact answer, in the footage's skin tone and in the face's: hidden
    key-truth/mask/          inner face of each frame of the key: hidden

Convention: pictures are uint8 RGB (H, W, 3); masks float32 (H, W), 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from faceloom.errors import UserError
from faceloom.files import read_json
from faceloom.image import RGB, Mask, read_image
from faceloom.video import probe, read_frames
from faceloom.video.info import image_files

_PARTS = ("footage.mp4", "face.mp4", "key", "key-own", "footage-truth/mask", "key-truth/mask")


@dataclass(frozen=True)
class KeyedFrame:
    """One moment of a result, and all it is compared with."""

    index: int
    result: RGB
    footage: RGB
    """As decoded from the clip that methods are given."""
    key: RGB
    key_own: RGB
    mask: Mask
    """The key's inner face."""
    footage_mask: Mask


@dataclass(frozen=True)
class KeyedPair:
    """A complete pair folder."""

    path: Path
    frames: int
    size_px: int
    rate: float
    """Frames a second."""
    kind: str

    @classmethod
    def open(cls, path: Path) -> KeyedPair:
        """Raises UserError if the folder is no complete pair."""
        if not (path / "pair.json").is_file():
            raise UserError(
                f"{path}: is no pair folder (no pair.json); make one with `faceloom synth pair` or"
                " `faceloom bench prepare`"
            )
        record = read_json(path / "pair.json")
        try:
            rate = record["rate"][0] / record["rate"][1]
            pair = cls(path, int(record["frames"]), int(record["size_px"]), rate, record["kind"])
        except (KeyError, TypeError, IndexError, ZeroDivisionError) as error:
            raise UserError(
                f"{path}/pair.json: is not complete ({error}); make it again"
            ) from error
        missing = [name for name in _PARTS if not (path / name).exists()]
        if missing:
            raise UserError(f"{path}: lacks {', '.join(missing)}; make the pair again")
        return pair

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def footage(self) -> Path:
        return self.path / "footage.mp4"

    @property
    def face(self) -> Path:
        return self.path / "face.mp4"

    @property
    def key(self) -> Path:
        return self.path / "key"

    def check_result(self, result: Path) -> None:
        """Raises UserError, one line, if a result is not as long or as large as the footage."""
        if not result.exists():
            raise UserError(f"{result}: does not exist; check the path")
        info = probe(result)
        if (info.width_px, info.height_px) != (self.size_px, self.size_px):
            raise UserError(
                f"{result}: is {info.width_px}x{info.height_px} px, and {self.name} is"
                f" {self.size_px}x{self.size_px} px; give frames of the footage's own size"
            )
        # A container's own count may be a guess from its duration; decoding tells for sure.
        count = len(image_files(result)) if result.is_dir() else info.frame_count
        if count is not None and abs(count - self.frames) > (0 if result.is_dir() else 1):
            raise self.wrong_count(result, count)

    def wrong_count(self, result: Path, count: int) -> UserError:
        """What to say of a result that has more or fewer frames than the footage."""
        return UserError(
            f"{result}: has {count} frames, and {self.name} has {self.frames}; give one frame for"
            " each frame of the footage"
        )

    def keyed_frames(self, result: Path) -> Iterator[KeyedFrame]:
        """The frames of a result with what they are compared with, in order; in bounded memory.

        Raises UserError if the result is not as long or as large as the footage.
        """
        self.check_result(result)
        count = 0
        given = read_frames(result)
        for index, footage in enumerate(read_frames(self.footage)):
            shown = next(given, None)
            if shown is None:
                raise self.wrong_count(result, index)
            picture = shown.rgb
            if picture.shape != (self.size_px, self.size_px, 3):
                raise UserError(
                    f"{result}: frame {index} is {picture.shape[1]}x{picture.shape[0]} px; give"
                    f" all frames at {self.size_px}x{self.size_px} px"
                )
            count += 1
            yield KeyedFrame(
                index,
                picture,
                footage.rgb,
                read_image(self.key / f"{index:06d}.png"),
                read_image(self.path / "key-own" / f"{index:06d}.png"),
                read_mask(self.path / "key-truth" / "mask" / f"{index:06d}.png"),
                read_mask(self.path / "footage-truth" / "mask" / f"{index:06d}.png"),
            )
        extra = sum(1 for _ in given)
        if extra:
            raise self.wrong_count(result, count + extra)
        if count != self.frames:
            raise UserError(f"{self.footage}: has {count} frames, not {self.frames}; make it again")


def read_mask(path: Path) -> Mask:
    """A stored 8-bit mask as coverage, 0 to 1. Raises UserError if it cannot be read."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}); make the pair again"
        ) from error
    grey = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    if grey is None:
        raise UserError(f"{path}: is not a readable mask; make the pair again")
    return np.asarray(grey, np.float32) / np.float32(255)
