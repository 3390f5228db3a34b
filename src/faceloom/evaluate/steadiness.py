"""How steady a face is over time: shaking of its points, changes beside the optical flow, flicker.

Convention: pictures are uint8 RGB (H, W, 3); brightness in levels of 255; one row a frame, nan
where a frame has no face.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom.evaluate.motion import jitter_samples
from faceloom.faces.face import Mesh
from faceloom.faces.mask import mesh_mask
from faceloom.geometry import Similarity
from faceloom.image import RGB, warp

Floats = NDArray[np.float64]

BLOCKS = 4
"""Blocks of brightness along each side of the inner face."""
_INNER_ROWS, _INNER_COLUMNS = (0.25, 1.0), (0.25, 0.75)
"""Of the identity network's crop, in shares of its side: from the brows to the chin, between the
outer corners of the eyes. What lies outside this a swap may leave as it was, and it would hide
flicker."""
_VIEW_PX = 128
_VIEW_GROWTH = 1.15
FLICKER_HZ = 3.0
"""Lips and light change more slowly, mostly; what is faster is flicker."""
_LEAST_FLICKER = 0.05
"""Levels below which a rate of flicker means nothing."""
_WELCH_FRAMES = 64


def point_jitter(meshes_3: tuple[Mesh, Mesh, Mesh]) -> float:
    """Median second difference of the points over three frames in a row, over the eye span."""
    return float(np.median(jitter_samples(np.stack(meshes_3))))


class FlowWarp:
    """Differences of each frame and the one before, moved along the footage's optical flow.

    Both pictures are looked at in the square around the footage's face, 128 px; flow by dense
    inverse search (Kroeger et al. 2016, arXiv:1603.03590).
    """

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._before: tuple[RGB, RGB] | None = None
        size = np.arange(_VIEW_PX, dtype=np.float32)
        self._x, self._y = np.meshgrid(size, size)

    def forget(self) -> None:
        """The next frame has none before it."""
        self._before = None

    def update(self, result: RGB, footage: RGB, mesh_4683: Mesh) -> tuple[float, float]:
        """Mean absolute warped difference inside the face, of result and footage; nan for the
        first frame. The mesh is the footage's."""
        before, self._before = self._before, (result, footage)
        if before is None:
            return float("nan"), float("nan")
        view = _view_of(mesh_4683)
        side = (_VIEW_PX, _VIEW_PX)
        result_now, footage_now, result_before, footage_before = (
            warp(picture, view, side, "area") for picture in (result, footage, *before)
        )
        greys = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (footage_now, footage_before)]
        flow = self._flow.calc(greys[0], greys[1], None)  # type: ignore[call-overload]
        x, y = self._x + flow[..., 0], self._y + flow[..., 1]
        placed = np.column_stack([view.apply(mesh_4683), mesh_4683[:, 2]]).astype(np.float32)
        inside = mesh_mask(placed, "hull", side) > 0.5
        if not inside.any():
            return float("nan"), float("nan")
        errors = []
        for now, old in ((result_now, result_before), (footage_now, footage_before)):
            moved = cv2.remap(old, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            errors.append(float(np.abs(now[inside].astype(np.int16) - moved[inside]).mean()))
        return errors[0], errors[1]


def block_brightness(crop_HWC: RGB) -> NDArray[np.float32]:
    """Mean brightness of 4x4 blocks of the inner face in an aligned crop: (16,)."""
    rows, columns = (
        slice(*(round(share * side) for share in shares))
        for shares, side in zip((_INNER_ROWS, _INNER_COLUMNS), crop_HWC.shape[:2], strict=True)
    )
    inner = np.ascontiguousarray(crop_HWC[rows, columns])
    grey = cv2.cvtColor(inner, cv2.COLOR_RGB2GRAY).astype(np.float32)
    blocks = cv2.resize(grey, (BLOCKS, BLOCKS), interpolation=cv2.INTER_AREA)
    return np.asarray(blocks.reshape(-1), np.float32)


def fast_changes(change_TB: NDArray[np.floating], rate: float) -> Floats:
    """What changes faster than 3 times a second: each value less the mean of the third of a second
    around it. Rows with a gap in that stretch are nan."""
    reach = max(1, round(rate / FLICKER_HZ / 2))
    values = np.asarray(change_TB, np.float64)
    if len(values) < 2 * reach + 1:
        return np.full_like(values, np.nan)
    window = 2 * reach + 1
    means = np.lib.stride_tricks.sliding_window_view(values, window, axis=0).mean(axis=-1)
    out = np.full_like(values, np.nan)
    out[reach : len(values) - reach] = values[reach : len(values) - reach] - means
    return out


def flicker_levels(fast_NB: Floats) -> float:
    """Root mean square of the fast changes, the median over blocks."""
    return float(np.median(np.sqrt((fast_NB**2).mean(axis=0))))


@dataclass(frozen=True)
class BrightnessSpectrum:
    """Mean spectrum of brightness over the blocks."""

    hz_F: Floats
    levels_F: Floats
    """Root mean square of each band: their squares add up to the variance."""


def brightness_spectrum(
    brightness_TB: NDArray[np.floating], rate: float
) -> BrightnessSpectrum | None:
    """Welch's spectrum (64 frames, Hann, half overlapping) of the frames without gaps; None if
    there are fewer than 16 in a row."""
    values = np.asarray(brightness_TB, np.float64)
    whole = np.atleast_1d(np.isfinite(values).all(axis=1))
    length = min(_WELCH_FRAMES, len(values))
    window = np.hanning(length + 1)[:-1, None] if length else np.zeros((0, 1))
    spectra = []
    for start in range(0, len(values) - length + 1, max(1, length // 2)):
        stretch = slice(start, start + length)
        if length >= 16 and whole[stretch].all():
            part = values[stretch] - values[stretch].mean(axis=0)
            spectra.append((np.abs(np.fft.rfft(part * window, axis=0)) ** 2).mean(axis=1))
    if not spectra:
        return None
    hz_F = np.fft.rfftfreq(length, 1 / rate).astype(np.float64)
    both_ways = np.full(len(hz_F), 2.0)
    both_ways[0] = 1.0
    if length % 2 == 0:
        both_ways[-1] = 1.0
    power_F = both_ways * np.mean(spectra, axis=0, dtype=np.float64)
    return BrightnessSpectrum(hz_F, np.sqrt(power_F / (length * float((window**2).sum()))))


def flicker_rate_hz(change_TB: NDArray[np.floating], rate: float) -> float:
    """Where the spectrum above 3 Hz is strongest; nan where nothing flickers."""
    spectrum = brightness_spectrum(change_TB, rate)
    fast = fast_changes(change_TB, rate)
    fast = fast[np.isfinite(fast).all(axis=1)]
    if spectrum is None or not len(fast) or flicker_levels(fast) < _LEAST_FLICKER:
        return float("nan")
    levels = np.where(spectrum.hz_F >= FLICKER_HZ, spectrum.levels_F, 0)
    return float(spectrum.hz_F[int(np.argmax(levels))])


def spread(vectors_ND: NDArray[np.floating]) -> float:
    """Variance of unit vectors: 1 - |mean|^2, 0 for all alike."""
    units = vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return float(1 - np.linalg.norm(units.mean(axis=0)) ** 2)


def spread_ratio(values_N2D: Floats) -> float:
    """The spread of the result's vectors over the footage's; rows hold both, one after the other.
    nan for fewer than three."""
    if len(values_N2D) < 3:
        return float("nan")
    half = values_N2D.shape[1] // 2
    return spread(values_N2D[:, :half]) / max(1e-9, spread(values_N2D[:, half:]))


def ratio_of_means(values_N2: Floats) -> float:
    """Mean of the first column over that of the second."""
    return float(values_N2[:, 0].mean() / max(1e-9, values_N2[:, 1].mean()))


def ratio_of_medians(values_N2: Floats) -> float:
    """Median of the first column over that of the second."""
    one, other = np.median(values_N2, axis=0)
    return float(one / max(1e-9, other))


def _view_of(mesh_4683: Mesh) -> Similarity:
    """From the picture to the square around a face."""
    low, high = mesh_4683[:, :2].min(axis=0), mesh_4683[:, :2].max(axis=0)
    scale = _VIEW_PX / max(1.0, float((high - low).max()) * _VIEW_GROWTH)
    shift = (_VIEW_PX - 1) / 2 - scale * (low + high) / 2
    return Similarity(scale, 0.0, float(shift[0]), float(shift[1]))
