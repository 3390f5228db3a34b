"""What people wear: shirts and glasses. Colours are linear RGB."""

from __future__ import annotations

import numpy as np

from faceloom.synth.scene import Cloth, Glasses, Vector

_CLOTHS: tuple[Vector, ...] = (
    (0.020, 0.025, 0.050), (0.030, 0.030, 0.033), (0.012, 0.012, 0.013), (0.560, 0.550, 0.520),
    (0.300, 0.300, 0.300), (0.085, 0.095, 0.045), (0.150, 0.020, 0.025), (0.075, 0.125, 0.210),
    (0.420, 0.340, 0.240), (0.330, 0.190, 0.040), (0.020, 0.110, 0.105), (0.290, 0.105, 0.085),
    (0.220, 0.330, 0.450), (0.380, 0.230, 0.260), (0.110, 0.060, 0.035), (0.055, 0.140, 0.075),
)  # fmt: skip


def draw_cloth(rng: np.random.Generator) -> Cloth:
    """A shirt of one colour, or of two in stripes."""
    first, second = rng.choice(len(_CLOTHS), 2, replace=False)
    shade = float(np.exp(rng.normal(0, 0.12)))
    colour = _dyed(_CLOTHS[first], shade)
    if rng.random() < 0.68:
        return Cloth(colour, colour)
    wave_y, wave_x = ((18.0, 0.0), (40.0, 0.0), (0.0, 30.0))[int(rng.integers(3))]
    return Cloth(colour, _CLOTHS[second], wave_y, wave_x, float(rng.choice([0.3, 0.7])))


_FRAMES: tuple[Vector, ...] = (
    (0.010, 0.010, 0.011), (0.050, 0.022, 0.010), (0.120, 0.120, 0.125), (0.200, 0.130, 0.060),
    (0.020, 0.028, 0.060),
)  # fmt: skip


def draw_glasses(rng: np.random.Generator, old: float) -> Glasses | None:
    """Glasses, or none; `old` (0 to 1) makes them likelier."""
    if rng.random() > 0.13 + 0.18 * old:
        return None
    kind = str(rng.choice(["round", "square", "half-rim"]))
    return Glasses(kind, _FRAMES[int(rng.integers(len(_FRAMES)))], float(rng.uniform(0.1, 0.35)))


def _dyed(colour: Vector, shade: float) -> Vector:
    red, green, blue = (round(channel * shade, 5) for channel in colour)
    return red, green, blue
