"""Colour transfer: giving a painted face the skin colours of the face it replaces.

Convention: images are float32 RGB (H, W, 3) in [0, 255]; weights (H, W) say which pixels count.

- `tone`: mean of each RGB channel, scaled (von Kries), where both faces show bare skin, and half of
  the way to the deviation of all together: some of a face's contrast is its own beard and shape,
  and not the light on it
- `adain`: mean of each RGB channel and the deviation of all together (after Huang & Belongie 2017,
  arXiv:1703.06868; see `_map_moments`)
- `adain_xyz`: the same in linear CIE XYZ, as the origin does
- `lab`: mean and deviation of each channel in CIE L*a*b* (Reinhard et al. 2001)
- `histogram`: each RGB channel's cumulative distribution (Gonzalez & Woods)
- `none`
"""

from __future__ import annotations

from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom.errors import UserError

Transfer = Literal["none", "tone", "adain", "adain_xyz", "lab", "histogram"]
TRANSFERS: tuple[Transfer, ...] = get_args(Transfer)
Image = NDArray[np.float32]

_GAIN_LIMITS = (0.6, 1.6)
"""No match stretches contrast by more: a face half in shadow must not be torn apart."""
_STRETCH_LIMITS = (0.75, 1.3)
"""Nor does that of linked channels: more makes flicker of what the painting leaves soft."""
_TONE_STRETCH = 0.5
"""On the benchmark's 12 plain directions, where the answer is known, this gives its deviation."""
_LEAST_BARE = 16.0
"""Pixels of bare skin that tell its colour."""
_RATIO_LIMITS = (0.6, 1.6)
"""Nor scales a channel's mean by more against the others."""
_LEVELS = np.linspace(0, 255, 256, dtype=np.float32)


def check_transfer(name: str) -> Transfer:
    """The transfer of this name. Raises UserError for another name."""
    for transfer in TRANSFERS:
        if name == transfer:
            return transfer
    raise UserError(f"colour transfer {name!r}: is not known; take one of {', '.join(TRANSFERS)}")


def skin_weight(reference_HWC: Image, weight_HW: NDArray[np.float32]) -> NDArray[np.float32]:
    """The weight without pixels far from the middle brightness: brows, beard, glasses, glare."""
    grey = cv2.transform(reference_HWC, np.full((1, 3), 1 / 3))
    inside = weight_HW > 0.5
    if not inside.any():
        return weight_HW
    middle = float(np.median(grey[inside]))
    spread = 1.4826 * float(np.median(np.abs(grey[inside] - middle))) + 4.0
    return weight_HW * (np.abs(grey - middle) < 2.5 * spread)


class ColourMatcher:
    """Matches one face's painted frames, its statistics smoothed over time so that nothing
    flickers. `smoothing` is the share of the old value that stays, 0 for none."""

    def __init__(self, transfer: Transfer, smoothing: float = 0.8) -> None:
        self._transfer = transfer
        self._smoothing = smoothing
        self._statistics: NDArray[np.float64] | None = None

    def __call__(
        self,
        painted_HWC: Image,
        reference_HWC: Image,
        weight_HW: NDArray[np.float32],
        bare_HW: NDArray[np.float32] | None = None,
    ) -> Image:
        """The painted image with the reference's colours; unchanged where no pixel counts. `bare`
        are the pixels where both show nothing but skin, if that is known: `tone` takes its means
        there."""
        if self._transfer == "none" or float(weight_HW.sum()) < 1.0:
            return painted_HWC
        painted = _into(painted_HWC, self._transfer)
        reference = _into(reference_HWC, self._transfer)
        weight = skin_weight(reference_HWC, weight_HW)
        measure = _distribution if self._transfer == "histogram" else _moments
        now = np.stack([measure(painted, weight), measure(reference, weight)])
        if self._transfer == "tone" and bare_HW is not None and bare_HW.sum() >= _LEAST_BARE:
            now[:, 0] = _moments(painted, bare_HW)[0], _moments(reference, bare_HW)[0]
        if self._statistics is not None:
            now = now + self._smoothing * (self._statistics - now)
        self._statistics = now
        if self._transfer == "histogram":
            matched = _map_distribution(painted, now[0], now[1])
        else:
            matched = _map_moments(painted, now[0], now[1], self._transfer)
        return _out_of(matched, self._transfer)


def match_colour(
    painted_HWC: Image, reference_HWC: Image, weight_HW: NDArray[np.float32], transfer: Transfer
) -> Image:
    """One image matched on its own."""
    return ColourMatcher(transfer, 0.0)(painted_HWC, reference_HWC, weight_HW)


def _moments(image: Image, weight: NDArray[np.float32]) -> NDArray[np.float64]:
    """Weighted mean and deviation of each channel: (2, 3)."""
    share_P = weight.ravel() / max(1e-9, float(weight.sum()))
    pixels_P3 = image.reshape(-1, 3)
    mean = share_P @ pixels_P3
    variance = share_P @ np.square(pixels_P3 - mean)
    return np.stack([mean, np.sqrt(variance)]).astype(np.float64)


def _map_moments(
    image: Image, own: NDArray[np.float64], other: NDArray[np.float64], transfer: Transfer
) -> Image:
    """Own moments to the other's.

    But in L*a*b*, channels are scaled as their means are, so that black stays black and eyes and
    teeth, far from the skin's mean, take on no tint (von Kries), and stretched all alike.
    """
    gain = np.maximum(other[1], 1e-3) / np.maximum(own[1], 1e-3)
    if transfer != "lab":
        ratio = np.clip(np.maximum(other[0], 1e-3) / np.maximum(own[0], 1e-3), *_RATIO_LIMITS)
        part = _TONE_STRETCH if transfer == "tone" else 1.0
        stretch = np.exp(part * (np.log(gain) - np.log(ratio)).mean())
        gain = np.clip(stretch, *_STRETCH_LIMITS) * ratio
    else:
        gain = np.clip(gain, *_GAIN_LIMITS)
    shift = other[0] - own[0] * gain
    return image * gain.astype(np.float32) + shift.astype(np.float32)


def _distribution(image: Image, weight: NDArray[np.float32]) -> NDArray[np.float64]:
    """Weighted cumulative distribution of each channel over 256 levels: (3, 256)."""
    counts = [
        np.histogram(image[..., channel], 256, (0, 256), weights=weight)[0] for channel in range(3)
    ]
    total = np.cumsum(np.array(counts, np.float64), axis=1)
    return total / np.maximum(total[:, -1:], 1e-9)


def _map_distribution(image: Image, own: NDArray[np.float64], other: NDArray[np.float64]) -> Image:
    out = np.empty_like(image)
    for channel in range(3):
        # Strictly rising, so that the inverse is defined on flat stretches too.
        rising = other[channel] + np.arange(256) * 1e-9
        table = np.interp(own[channel], rising, _LEVELS)
        out[..., channel] = np.interp(image[..., channel], _LEVELS, table)
    return out


def _linear(image: Image) -> Image:
    """SRGB in [0, 255] to linear light in [0, 1] (IEC 61966-2-1)."""
    x = np.clip(image / 255, 0, 1)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _encoded(linear: Image) -> Image:
    x = np.clip(linear, 0, 1)
    return (255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)).astype(
        np.float32
    )


def _into(image: Image, transfer: Transfer) -> Image:
    if transfer == "adain_xyz":
        return cv2.cvtColor(_linear(image), cv2.COLOR_RGB2XYZ)  # type: ignore[return-value]
    if transfer == "lab":
        return cv2.cvtColor(np.clip(image / 255, 0, 1), cv2.COLOR_RGB2Lab)  # type: ignore[return-value]
    return image


def _out_of(image: Image, transfer: Transfer) -> Image:
    if transfer == "adain_xyz":
        return _encoded(cv2.cvtColor(image, cv2.COLOR_XYZ2RGB))  # type: ignore[arg-type]
    if transfer == "lab":
        return np.asarray(255 * cv2.cvtColor(image, cv2.COLOR_Lab2RGB), np.float32)
    return np.clip(image, 0, 255)
