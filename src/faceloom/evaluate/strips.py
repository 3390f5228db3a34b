"""A strip to look at: footage, result, key and their difference, for the worst and median frame."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from faceloom.convert.face import heat
from faceloom.evaluate.keyed_pair import KeyedFrame, KeyedPair
from faceloom.evaluate.keyscores import FrameGains
from faceloom.files import write_bytes
from faceloom.image import RGB, Mask, draw_grid, encode_image

COLUMNS = ("footage", "result", "key", "difference")
_FULL_DIFFERENCE = 64
"""Mean difference of the channels, levels of 255, that glows brightest."""
_CAPTION_PX = 20


def write_strip(pair: KeyedPair, result: Path, gains: FrameGains, output: Path) -> Path:
    """Write the PNG; rows are the worst and the median frame by gain."""
    wanted = {gains.worst: "worst", gains.median: "median"}
    shown = {now.index: now for now in pair.keyed_frames(result) if now.index in wanted}
    rows = []
    for index, word in wanted.items():
        cells = strip_cells(shown[index])
        caption = f"footage {index} ({word}, gain {gains.gain_T[index]:.2f})"
        words = [caption, *COLUMNS[1:]]
        rows.append([captioned(cell, text) for cell, text in zip(cells, words, strict=True)])
    write_bytes(output, encode_image(draw_grid(rows), ".png"))
    return output


def strip_cells(now: KeyedFrame) -> list[RGB]:
    """The pictures of one row, in the order of `COLUMNS`."""
    return [now.footage, now.result, now.key, difference(now.result, now.key, now.mask)]


def difference(one_HWC: RGB, other_HWC: RGB, mask_HW: Mask) -> RGB:
    """The absolute difference inside the mask as warm colours over the darkened key."""
    apart = np.abs(one_HWC.astype(np.int16) - other_HWC).mean(axis=2) / _FULL_DIFFERENCE
    return heat((np.clip(apart, 0, 1) * mask_HW).astype(np.float32), other_HWC)


def captioned(picture_HWC: RGB, text: str) -> RGB:
    """The picture with a line of text above it."""
    bar = np.full((_CAPTION_PX, picture_HWC.shape[1], 3), 255, np.uint8)
    cv2.putText(bar, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (40, 40, 40), 1, cv2.LINE_AA)
    return np.concatenate([bar, picture_HWC])
