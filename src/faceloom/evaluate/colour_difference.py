"""How different two colours look: CIEDE2000.

Convention: colours are CIE L*a*b* (D65), L from 0 to 100, in the last axis.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_POW7 = 25.0**7


def lab_of(rgb: NDArray[np.floating]) -> Floats:
    """L*a*b* of coded sRGB colours (..., 3), 0 to 255."""
    flat = np.asarray(rgb, np.float32).reshape(-1, 1, 3) / np.float32(255)
    lab = cv2.cvtColor(np.clip(flat, 0, 1), cv2.COLOR_RGB2Lab)
    return np.asarray(lab, np.float64).reshape(rgb.shape)


def ciede2000(one: NDArray[np.floating], other: NDArray[np.floating]) -> Floats:
    """The difference of colours (..., 3): (...). About 1 is just visible.

    Source: Sharma, Wu & Dalal 2005, "The CIEDE2000 color-difference formula: implementation notes,
    supplementary test data, and mathematical observations"; their numbers for equations.
    """
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(np.asarray(x, np.float64), -1, 0)
                                  for x in (one, other))  # fmt: skip
    chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(chroma**7 / (chroma**7 + _POW7)))  # (4)
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = (np.rad2deg(np.arctan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    grey = c1 * c2 == 0
    turn = (h2 - h1 + 180) % 360 - 180  # (10): the short way round
    turn = np.where(grey, 0.0, turn)
    d_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.deg2rad(turn / 2))  # (11)
    hue = np.where(grey, h1 + h2, (h1 + turn / 2) % 360)  # (14)
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * _cos(hue - 30)
        + 0.24 * _cos(2 * hue)
        + 0.32 * _cos(3 * hue + 6)
        - 0.20 * _cos(4 * hue - 63)
    )  # (15)
    s_l = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    s_c, s_h = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    r_c = 2 * np.sqrt(chroma**7 / (chroma**7 + _POW7))
    r_t = -np.sin(np.deg2rad(60 * np.exp(-(((hue - 275) / 25) ** 2)))) * r_c  # (21)
    parts = (l2 - l1) / s_l, (c2 - c1) / s_c, d_hue / s_h
    square = parts[0] ** 2 + parts[1] ** 2 + parts[2] ** 2 + r_t * parts[1] * parts[2]  # (22)
    return np.sqrt(np.maximum(square, 0))


def _cos(angle_deg: Floats) -> Floats:
    return np.cos(np.deg2rad(angle_deg))
