"""Lattice noise in three dimensions (Perlin 1985's value variant), and its fractal sum.

Convention: points are float32 (N, 3) in any unit; `frequency` is lattice cells a unit.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray


@njit(inline="always")
def _hashed(x: int, y: int, z: int, seed: int) -> float:
    """A lattice point's value, -1 to 1."""
    n = (x * 374761393 + y * 668265263 + z * 1274126177 + seed * 974634091) & 0xFFFFFFFF
    n = ((n ^ (n >> 13)) * 1274126177) & 0xFFFFFFFF
    n = ((n ^ (n >> 16)) * 2246822519) & 0xFFFFFFFF
    return ((n ^ (n >> 15)) & 0xFFFFFF) / 8388608.0 - 1.0


@njit(inline="always")
def _eased(t: float) -> float:
    return t * t * t * (t * (t * 6 - 15) + 10)


@njit(cache=True, nogil=True)
def value_noise(x: float, y: float, z: float, seed: int) -> float:
    """Smooth noise at one point, -1 to 1."""
    x0, y0, z0 = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    u, v, w = _eased(x - x0), _eased(y - y0), _eased(z - z0)
    total = 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                share = (u if a else 1 - u) * (v if b else 1 - v) * (w if c else 1 - w)
                total += share * _hashed(x0 + a, y0 + b, z0 + c, seed)
    return total


@njit(cache=True, parallel=True, nogil=True)
def _fbm(
    points_N3: NDArray[np.float32], frequency: float, octaves: int, seed: int, gain: float
) -> NDArray[np.float32]:
    out_N = np.empty(points_N3.shape[0], np.float32)
    for i in prange(points_N3.shape[0]):
        strength, scale, total = 1.0, frequency, 0.0
        for octave in range(octaves):
            total += strength * value_noise(
                points_N3[i, 0] * scale, points_N3[i, 1] * scale, points_N3[i, 2] * scale,
                seed + octave,
            )  # fmt: skip
            strength *= gain
            scale *= 2.03
        out_N[i] = total
    return out_N


def fbm(
    points_N3: NDArray[np.floating], frequency: float, octaves: int, seed: int, gain: float = 0.5
) -> NDArray[np.float32]:
    """Fractal sum of noise: octave k has frequency * 2.03^k and strength gain^k. (N,), within
    +-1 / (1 - gain), mostly within +-1."""
    points = np.ascontiguousarray(points_N3, np.float32)
    return np.asarray(_fbm(points, frequency, octaves, seed & 0x7FFFFFFF, gain), np.float32)
