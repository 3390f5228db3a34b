"""Traits of faces that look straight ahead, but for what is said."""

from __future__ import annotations

import numpy as np

from faceloom.data.traits import FaceTraits

_PLAIN = {
    "yaw_deg": 0.0, "pitch_deg": 0.0, "mouth": 0.05, "eyes": 0.3, "brightness": 0.5,
    "light_across": 0.0, "light_down": 0.0, "warmth": 0.1,
}  # fmt: skip


def traits(count: int, **given: np.ndarray) -> FaceTraits:
    plain = {name: np.full(count, value) for name, value in _PLAIN.items()}
    return FaceTraits(**(plain | {name: np.asarray(v, float) for name, v in given.items()}))
