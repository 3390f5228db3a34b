"""Which faces are kept from training, to score the model on what it has not seen.

Neighbouring frames are all but the same picture, so a stretch is held out, not random frames: whole
clips where a face set has several, else the middle of its one clip. (The ends are where people are
still.)
"""

from __future__ import annotations

from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from faceloom.data.faceset import FaceSet

LEAST_FACES = 8
"""Fewer say nothing; then none are held out."""
_FEW_SOURCES = 3
"""With fewer clips than this, a whole one would be too much to do without."""
Rows = NDArray[np.int64]


def held_out(faces: FaceSet, share: float) -> tuple[Rows, Rows]:
    """The rows to train on and those held out, both ascending; about `share` of the set is held
    out, or nothing if that were too few."""
    rows = np.arange(len(faces), dtype=np.int64)
    wanted = round(share * len(rows))
    if wanted < LEAST_FACES:
        return rows, rows[:0]
    clips = [
        np.array([row for row, _ in group], np.int64)
        for _, group in groupby(
            enumerate(record.source for record in faces.records), key=lambda each: each[1]
        )
    ]
    held = _whole_clips(clips, wanted) if len(clips) >= _FEW_SOURCES else _middle(rows, wanted)
    return np.setdiff1d(rows, held), held


def _whole_clips(clips: list[Rows], wanted: int) -> Rows:
    """Clips spread evenly over the set until they hold enough; a clip that is too long for that
    gives its middle alone."""
    count = len(clips)
    held: list[Rows] = []
    left = wanted
    for index in _spread(count):
        if left <= 0:
            break
        clip = clips[index]
        held.append(_middle(clip, left) if len(clip) > 2 * left else clip)
        left -= len(held[-1])
    return np.sort(np.concatenate(held))


def _middle(rows: Rows, wanted: int) -> Rows:
    first = (len(rows) - wanted) // 2
    return rows[first : first + wanted]


def _spread(count: int) -> list[int]:
    """All indices below `count`, each next one far from those before (golden section)."""
    order = np.argsort(np.modf((np.arange(count) + 1) * 0.6180339887)[0], kind="stable")
    # The inverse of a low-discrepancy order visits the range evenly.
    return [int(i) for i in np.argsort(order, kind="stable")]
