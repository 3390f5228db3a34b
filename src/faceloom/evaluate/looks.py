"""How real the face of a picture looks beside the footage's: sharpness, colour, edge, patterns.

Convention: pictures are uint8 RGB (H, W, 3), coded values; meshes in the picture's pixels. The same
outline, the footage's, is laid onto both pictures, so that only what differs in them counts. The
outline is sampled as a band (R, A, 3): R places from the inside out, in shares of the distance
from the face's middle to its hull; A places along it.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from faceloom.evaluate.colour_difference import ciede2000, lab_of
from faceloom.faces.face import Mesh
from faceloom.faces.mask import draw_polygons, hull_polygon
from faceloom.image import RGB

Floats = NDArray[np.float64]
Band = NDArray[np.float32]

BAND_RADII = np.linspace(0.4, 1.7, 66)
_ANGLES = 96
_SECTORS = 12
_RIM, _RING = (-0.3, -0.08), (0.06, 0.2)
"""The face's rim and the ring around it, in hull radii from where the change ends."""
_HULL = 1.0
_HALF_STEP = 0.5 * float(BAND_RADII[1] - BAND_RADII[0])
_ENDS_WITHIN = (0.7, 1.5)
_CHANGED_LEVELS, _CHANGED_NOISE, _CHANGED_SHARE = 3.0, 2.5, 0.25
"""A place is changed where result and footage differ by so many levels, by so many times what they
do far outside, and by this share of what they do most."""
_SKIN_DELTA_E = 10.0
"""Where the footage's rim and ring differ by more, the ring shows hair, cloth or background."""
_RING_MARGIN = 5.0
"""So much more a ring may differ from the skin around nose and cheeks: necks lie in the shade."""
_SEAM_RADII, _SEAM_AMONG = (0.8, 1.2), (0.63, 1.27)
"""Where a seam is looked for, and where the steps lie that it must stand out of."""
_SEAM_STEPS = 2
"""A seam is looked for over this many places of the band on either side: 0.08 of the radius."""
_WINDOW_PX = 64
_FINE_CYCLES = 0.12
"""Cycles a pixel from which a pattern counts as fine."""
_NEIGHBOURS = 7
_SHARP_MARGIN = 0.9
_SMALL_LEVELS = 1e-3


def outline_band(rgb: RGB, mesh_4683: Mesh) -> Band:
    """The surroundings of the face's outline, float32 (R, A, 3), picture edges replicated."""
    outline = _evenly(hull_polygon(mesh_4683).astype(np.float64), _ANGLES)
    centre = outline.mean(axis=0)
    places = centre + BAND_RADII[:, None, None] * (outline - centre)
    x, y = (places[..., axis].astype(np.float32) for axis in (0, 1))
    # An average of what lies between samples, so that fine texture is not mistaken for steps.
    span_px = float(np.linalg.norm(outline - centre, axis=1).mean())
    sigma = max(0.3, 0.5 * span_px * float(BAND_RADII[1] - BAND_RADII[0]))
    pad = int(4 * sigma) + 2
    low = np.maximum(0, np.floor(places.min(axis=(0, 1))).astype(int) - pad)
    high = np.ceil(places.max(axis=(0, 1))).astype(int) + pad
    part = rgb[low[1] : max(high[1], low[1] + 1), low[0] : max(high[0], low[0] + 1)]
    soft = cv2.GaussianBlur(part.astype(np.float32), (0, 0), sigma)
    shift = low.astype(np.float32)
    band = cv2.remap(soft, x - shift[0], y - shift[1], cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    return np.asarray(band, np.float32)


class ColourStep(NamedTuple):
    """How a face's colour fits its surroundings, CIEDE2000."""

    result: float
    """Mean difference of rim and ring, in the result."""
    footage: float
    """The same in the footage."""
    cast: float
    """How far the result's rim is, against its ring, from where the footage's rim is against its
    own: a tint of the whole face counts in full, whichever way it goes; 0 up."""


def colour_step(result_RA3: Band, footage_RA3: Band) -> ColourStep:
    """Colours on both sides of the outline, which is where the result's change ends in each
    stretch; the hull where nothing changed.

    Only stretches where the footage shows skin on both sides count; the likest quarter of them
    where there is none.
    """
    ends = _change_ends(result_RA3, footage_RA3)
    (rims, rings), (own_rims, own_rings) = (
        _rims_and_rings(band, ends) for band in (result_RA3, footage_RA3)
    )
    step, own_step = ciede2000(rims, rings), ciede2000(own_rims, own_rings)
    least, _ = _ENDS_WITHIN
    own_skin = lab_of(np.median(footage_RA3[least > BAND_RADII].reshape(1, -1, 3), axis=1))
    unlike = np.maximum(own_step, ciede2000(own_rings, own_skin) - _RING_MARGIN)
    skin = unlike < max(_SKIN_DELTA_E, float(np.quantile(unlike, 0.25)) + 1e-9)
    place = own_rims[skin].mean(axis=0)
    shift = ((rims - rings) - (own_rims - own_rings))[skin].mean(axis=0)
    cast = float(ciede2000(place + shift, place))
    return ColourStep(float(step[skin].mean()), float(own_step[skin].mean()), cast)


def seam_energy(result_RA3: Band, footage_RA3: Band) -> float:
    """The step of brightness across the outline where result minus footage steps most, above what
    it does at other radii; levels of 255, 0 up."""
    change_RA = (result_RA3.astype(np.float64) - footage_RA3).mean(axis=2)
    reach = _SEAM_STEPS
    step_RA = np.abs(change_RA[2 * reach :] - change_RA[: -2 * reach])
    step_R = np.median(step_RA, axis=1)
    radii = BAND_RADII[reach:-reach]
    near = (radii >= _SEAM_RADII[0]) & (radii <= _SEAM_RADII[1])
    among = (radii >= _SEAM_AMONG[0]) & (radii <= _SEAM_AMONG[1])
    return float(step_R[near].max() - np.median(step_R[among]))


def sharpness_pair(result: RGB, footage: RGB, mesh_4683: Mesh) -> tuple[float, float]:
    """Deviation of the Laplacian (levels) inside the face of result and footage."""
    polygon = hull_polygon(mesh_4683)
    centre = polygon.mean(axis=0)
    inner = (centre + (polygon - centre) * _SHARP_MARGIN).astype(np.float32)
    low = np.maximum(0, np.floor(inner.min(axis=0)).astype(int) - 2)
    high = np.ceil(inner.max(axis=0)).astype(int) + 3
    window = (slice(low[1], max(high[1], low[1] + 1)), slice(low[0], max(high[0], low[0] + 1)))
    shape = footage[window].shape
    if 0 in shape:
        return float("nan"), float("nan")
    mask = draw_polygons([inner - low.astype(np.float32)], (shape[1], shape[0])) > 0.5
    if not mask.any():
        return float("nan"), float("nan")
    found = []
    for picture in (result, footage):
        grey = cv2.cvtColor(np.ascontiguousarray(picture[window]), cv2.COLOR_RGB2GRAY)
        found.append(float(cv2.Laplacian(grey, cv2.CV_32F)[mask].std()))
    return found[0], max(found[1], _SMALL_LEVELS)


def face_spectrum(rgb: RGB, mesh_4683: Mesh) -> NDArray[np.float32] | None:
    """Power spectrum (64, 33) of the brightness in the middle of the face, in picture pixels.

    None where the face leaves the picture or is too small.
    """
    centre = np.round(mesh_4683[:, :2].mean(axis=0)).astype(int)
    x0, y0 = (centre - _WINDOW_PX // 2).tolist()
    width, height = np.ptp(mesh_4683[:, :2], axis=0).tolist()
    inside = x0 >= 0 and y0 >= 0
    if not inside or x0 + _WINDOW_PX > rgb.shape[1] or y0 + _WINDOW_PX > rgb.shape[0]:
        return None
    if min(width, height) < _WINDOW_PX:
        return None
    part = np.ascontiguousarray(rgb[y0 : y0 + _WINDOW_PX, x0 : x0 + _WINDOW_PX])
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)
    hann = np.hanning(_WINDOW_PX).astype(np.float32)
    spectrum = np.fft.rfft2((grey - grey.mean()) * hann[:, None] * hann)
    return np.asarray(np.abs(spectrum) ** 2, np.float32)


def checkerboard_db(result_NK: NDArray[np.floating], footage_NK: NDArray[np.floating]) -> float:
    """How far a fine pattern stands out of the mean spectrum above its neighbourhood, beyond what
    the footage's does there and beyond what chance makes of few spectra (4 deviations); dB, 0 up.
    Rows are flat spectra of `face_spectrum`."""
    result, footage = (_prominence_db(rows) for rows in (result_NK, footage_NK))
    fine = _fine_bins()
    excess = result[fine] - np.maximum(0.0, footage[fine])
    chance = 4 * 1.4826 * float(np.median(np.abs(excess - np.median(excess))))
    return max(0.0, float(excess.max()) - chance)


def _prominence_db(rows_NK: NDArray[np.floating]) -> Floats:
    mean = np.asarray(rows_NK, np.float64).mean(axis=0).reshape(_WINDOW_PX, -1)
    # Half a level of rounding: what lies below it is no pattern of the picture's.
    level_db = 10 * np.log10(mean + _WINDOW_PX**2 / 12)
    # Frequencies repeat downwards; rightwards they mirror at both ends.
    pad = _NEIGHBOURS // 2
    padded = np.pad(np.pad(level_db, ((pad, pad), (0, 0)), "wrap"), ((0, 0), (pad, pad)), "reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_NEIGHBOURS, _NEIGHBOURS))
    return np.asarray(level_db - np.median(windows, axis=(2, 3)), np.float64)


def _fine_bins() -> NDArray[np.bool_]:
    down = np.fft.fftfreq(_WINDOW_PX)[:, None]
    right = np.fft.rfftfreq(_WINDOW_PX)[None]
    return np.asarray(np.hypot(down, right) >= _FINE_CYCLES, np.bool_)


def _change_ends(result_RA3: Band, footage_RA3: Band) -> Floats:
    """The radius of each sector beyond which the result is the footage: (12,), hull radii."""
    change_RA = np.abs(result_RA3.astype(np.float64) - footage_RA3).mean(axis=2)
    change_RS = change_RA.reshape(len(BAND_RADII), _SECTORS, -1).mean(axis=2)
    least, most = _ENDS_WITHIN
    radii = BAND_RADII
    within = (radii >= least) & (radii <= most)
    noise = float(np.median(change_RS[radii > most]))
    ends = np.full(_SECTORS, _HULL)
    for sector in range(_SECTORS):
        change_R = change_RS[:, sector]
        limit = max(_CHANGED_LEVELS, _CHANGED_NOISE * noise, _CHANGED_SHARE * change_R.max())
        changed = radii[within & (change_R > limit)]
        if len(changed):
            ends[sector] = changed[-1]
    return ends


def _rims_and_rings(band_RA3: Band, ends_S: Floats) -> tuple[Floats, Floats]:
    """L*a*b* of rim and ring of each sector: (12, 3) each."""
    sectors = np.moveaxis(band_RA3.reshape(len(BAND_RADII), _SECTORS, -1, 3), 1, 0)
    sides: list[Floats] = []
    for low, high in (_RIM, _RING):
        colours = []
        for sector_RA3, end in zip(sectors, ends_S, strict=True):
            rows = (end + low - _HALF_STEP <= BAND_RADII) & (end + high + _HALF_STEP >= BAND_RADII)
            # The median leaves out brows, strands of hair and glare.
            colours.append(np.median(sector_RA3[rows].reshape(-1, 3), axis=0))
        sides.append(lab_of(np.stack(colours)))
    return sides[0], sides[1]


def _evenly(polygon_N2: Floats, count: int) -> Floats:
    """Points at even distances along a closed outline."""
    closed = np.concatenate([polygon_N2, polygon_N2[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    places = np.linspace(0, along[-1], count, endpoint=False)
    return np.stack([np.interp(places, along, closed[:, axis]) for axis in (0, 1)], axis=1)
