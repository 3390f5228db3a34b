"""From linear light to bytes: motion blur, the lens, white balance, a film-like curve, noise."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from faceloom.image import RGB
from faceloom.synth.kernels.resolve import mean_moves
from faceloom.synth.scene import Floats, Floats32, Sensor

_BLUR_TAPS = 9
_CURVE_TO, _CURVE_STEPS = 4.0, 4097
"""The brightest linear value that the curve tells from white, and how many of its points are
kept."""


def pixel_motion(index_HW: NDArray[np.int32], moves_N2: Floats, supersampling: int) -> Floats32:
    """Mean movement (H, W, 2) of what each pixel shows; `moves_N2` is that of everything drawn,
    by index."""
    return mean_moves(index_HW, np.ascontiguousarray(moves_N2, np.float32), supersampling)


def blur_of_motion(image: Floats32, motion_HW2: Floats32, shutter: float) -> Floats32:
    """Average an image (H, W[, C]) along each pixel's movement while the shutter is open."""
    if float(np.abs(motion_HW2).max()) * shutter < 0.3:
        return image
    # What moves also smears over what stands beside it.
    smooth = cv2.GaussianBlur(motion_HW2, (0, 0), 1.0 + 0.5 * float(np.abs(motion_HW2).max()))
    motion = np.where(np.abs(motion_HW2).sum(-1, keepdims=True) > 1e-3, motion_HW2, smooth)
    height, width = image.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    total = np.zeros_like(image)
    for share in np.linspace(-0.5, 0.5, _BLUR_TAPS, dtype=np.float32) * np.float32(shutter):
        total += cv2.remap(
            image, x - share * motion[..., 0], y - share * motion[..., 1], cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
    return np.asarray(total / _BLUR_TAPS, np.float32)


def develop(linear_HWC: Floats32, sensor: Sensor, seed: int) -> RGB:
    """Linear RGB to a picture; the same seed gives the same noise."""
    linear = linear_HWC
    if sensor.softness_px > 0:
        linear = np.asarray(cv2.GaussianBlur(linear, (0, 0), sensor.softness_px), np.float32)
    noise = np.random.default_rng(seed).standard_normal(linear.shape, np.float32)
    return np.asarray(
        _coded(
            np.ascontiguousarray(linear), np.asarray(sensor.gains, np.float32), noise,
            np.float32(sensor.noise), _curve(),
        )
    )  # fmt: skip


@cache
def _curve() -> Floats32:
    """Coded values of evenly spread roots of linear ones: a soft shoulder (so that highlights do
    not clip), then the sRGB curve."""
    value = np.linspace(0, _CURVE_TO**0.5, _CURVE_STEPS) ** 2
    value = np.minimum(1.0, 1.12 * value * (1 + 0.12 * value) / (1 + 0.42 * value))
    coded = np.where(value < 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    return coded.astype(np.float32)


@njit(cache=True, parallel=True, nogil=True)
def _coded(linear, gains, noise, strength, curve):  # type: ignore[no-untyped-def]
    """Bytes (H, W, 3): white balance, curve, grain."""
    out = np.empty(linear.shape, np.uint8)
    last = curve.shape[0] - 1
    scale = np.float32(last / np.sqrt(_CURVE_TO))
    for y in prange(linear.shape[0]):
        for x in range(linear.shape[1]):
            for c in range(3):
                place = np.sqrt(max(linear[y, x, c] * gains[c], np.float32(0))) * scale
                low = min(int(place), last - 1)
                share = min(place - np.float32(low), np.float32(1))
                coded = curve[low] + (curve[low + 1] - curve[low]) * share
                # Grain shows most in the middle tones.
                grain = strength * (np.float32(0.6) + np.float32(1.6) * coded * (1 - coded))
                coded = min(max(coded + grain * noise[y, x, c], np.float32(0)), np.float32(1))
                out[y, x, c] = int(coded * np.float32(255) + np.float32(0.5))
    return out
