"""How near pixels are to the exact answer: errors inside a mask, similarity, leakage, flicker.

Convention: pictures are uint8 RGB (H, W, 3) with coded (sRGB) values, 0 to 255, as they are stored
and seen; masks (H, W) weigh pixels, 0 to 1. Coded values, not linear ones, because equal steps of
them look about equally large, as PSNR and SSIM assume; in linear light, highlights alone decide.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom.image import RGB, Mask

Floats = NDArray[np.float64]

_SSIM_SIGMA_PX = 1.5
_SSIM_C1, _SSIM_C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_ROUNDING_MSE = 1 / 12
"""Mean squared error of rounding to whole levels: no stored picture can be known to be nearer."""


def squared_error(one_HWC: RGB, other_HWC: RGB, mask_HW: Mask) -> tuple[float, float]:
    """Weighted sum of squared differences, and the sum of weights (of all three channels)."""
    difference = one_HWC.astype(np.float32) - other_HWC
    total = float(np.einsum("hwc,hw->", difference * difference, mask_HW, dtype=np.float64))
    return total, 3.0 * float(mask_HW.sum(dtype=np.float64))


def psnr_db(mse: float) -> float:
    """Peak signal to noise ratio; at most 58.9 dB, where the error is that of rounding alone."""
    return float(10 * np.log10(255**2 / max(mse, _ROUNDING_MSE)))


def ssim(one_HWC: RGB, other_HWC: RGB, mask_HW: Mask) -> float:
    """Structural similarity (Wang et al. 2004), -1 to 1, its map averaged over the mask.

    Gaussian window of 1.5 px, each channel by itself. Raises ValueError for an empty mask.
    """
    rows, columns = np.nonzero(mask_HW > 0)
    if len(rows) == 0:
        raise ValueError("ssim needs a mask that is not empty")
    # Only the mask's surroundings matter; 3.5 sigma of the window reach into it.
    pad = int(np.ceil(3.5 * _SSIM_SIGMA_PX))
    part = (
        slice(max(0, rows.min() - pad), rows.max() + pad + 1),
        slice(max(0, columns.min() - pad), columns.max() + pad + 1),
    )
    one, other = (picture[part].astype(np.float32) for picture in (one_HWC, other_HWC))
    weight = mask_HW[part]
    mean_one, mean_other = _blurred(one), _blurred(other)
    variance_one = _blurred(one * one) - mean_one**2
    variance_other = _blurred(other * other) - mean_other**2
    covariance = _blurred(one * other) - mean_one * mean_other
    likeness = (2 * mean_one * mean_other + _SSIM_C1) * (2 * covariance + _SSIM_C2)
    likeness /= (mean_one**2 + mean_other**2 + _SSIM_C1) * (
        variance_one + variance_other + _SSIM_C2
    )
    return float((likeness.mean(axis=2) * weight).sum() / weight.sum())


def outside_change(result_HWC: RGB, footage_HWC: RGB, *masks_HW: Mask, reach_px: int) -> float:
    """Mean absolute difference outside the union of the masks, dilated by `reach_px`; levels of
    255. 0 where there is nothing outside."""
    covered = np.maximum.reduce(masks_HW) > 0
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach_px + 1, 2 * reach_px + 1))
    outside = cv2.dilate(covered.astype(np.uint8), kernel) == 0
    if not outside.any():
        return 0.0
    difference = np.abs(result_HWC[outside].astype(np.int16) - footage_HWC[outside])
    return float(difference.mean())


def change_error(
    result_2: tuple[RGB, RGB], key_2: tuple[RGB, RGB], masks_2: tuple[Mask, Mask]
) -> float:
    """Mean absolute difference of the changes from a frame to the next, inside both frames' masks;
    levels of 255. A steady offset counts nothing, flicker and lag count in full."""
    weight = np.minimum(*masks_2)
    change, wanted = (
        after.astype(np.int16) - before.astype(np.int16) for before, after in (result_2, key_2)
    )
    total = float(np.einsum("hwc,hw->", np.abs(change - wanted), weight, dtype=np.float64))
    return total / max(1e-9, 3.0 * float(weight.sum(dtype=np.float64)))


def _blurred(image_HWC: NDArray[np.float32]) -> NDArray[np.float32]:
    blurred = cv2.GaussianBlur(image_HWC, (0, 0), _SSIM_SIGMA_PX, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)
