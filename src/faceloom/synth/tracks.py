"""Signals that motions are made of: steps with momentum, wandering, blinks, saccades.

Every signal is a function of time built from events drawn once, so that a motion is the same at
any frame rate. Legend: N moments, E events. Times in seconds, angles in degrees, signs as in
`scene.HeadPose`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from faceloom.synth.scene import Floats

Generator = np.random.Generator

_SACCADE_BASE_S, _SACCADE_S_A_DEG = 0.021, 0.0022
"""A saccade's duration rises with its size (Bahill et al. 1975, "The main sequence")."""
_BLINK_CLOSING_S, _BLINK_SHUT_S, _BLINK_OPENING_S = 0.085, 0.035, 0.21
_WANDER_WAVES = 7


def smoothstep(share: NDArray[np.floating]) -> Floats:
    """0 to 1 with level ends."""
    held = np.clip(share, 0.0, 1.0).astype(np.float64)
    return held * held * (3 - 2 * held)


def minimum_jerk(share: NDArray[np.floating]) -> Floats:
    """0 to 1 as reaching limbs and turning eyes go (Flash & Hogan 1985)."""
    held = np.clip(share, 0.0, 1.0).astype(np.float64)
    return held**3 * (10 - 15 * held + 6 * held**2)


def plateau(times_N: Floats, start_s: float, rise_s: float, hold_s: float, fall_s: float) -> Floats:
    """Up from 0 to 1, held, and down again."""
    rising = minimum_jerk((times_N - start_s) / rise_s)
    return rising - minimum_jerk((times_N - start_s - rise_s - hold_s) / fall_s)


def wander(times_N: Floats, random: Generator, period_s: float, size: float) -> Floats:
    """Slow aimless movement of about +-`size`, its longest wave a few periods long; its mean over
    a long time is 0."""
    steps = np.arange(_WANDER_WAVES)
    frequencies = (0.35 + 0.45 * steps) / period_s * random.uniform(0.8, 1.25, _WANDER_WAVES)
    # Faster waves are smaller, as in the sway of a standing body.
    sizes = 1.0 / (1.0 + steps) * random.uniform(0.6, 1.0, _WANDER_WAVES)
    phases = random.uniform(0, 2 * np.pi, _WANDER_WAVES)
    waves = np.sin(2 * np.pi * np.outer(times_N, frequencies) + phases)
    return np.asarray(size * (waves @ sizes) / np.sqrt((sizes**2).sum()))


def events(
    random: Generator, seconds: float, mean_s: float, least_s: float, first_s: float | None = None
) -> list[float]:
    """Times up to `seconds`, apart by `least_s` and a long-tailed rest; without `first_s`, the
    first one comes within `least_s`."""
    found = []
    now = least_s * random.uniform(0.2, 1.0) if first_s is None else first_s
    while now < seconds:
        found.append(now)
        now += least_s + random.gamma(2.0, max(1e-3, mean_s - least_s) / 2.0)
    return found


def with_momentum(
    times_N: Floats, starts_E: list[float], targets_E: list[float], settling_s: float
) -> Floats:
    """Follow targets that jump at their times, as a heavy thing does that does not swing over.

    A critically damped second-order system, begun at rest at the first target; it has done nine
    tenths of a step after `settling_s`.
    """
    pace = 3.9 / settling_s
    value_N = np.full(len(times_N), targets_E[0], np.float64)
    steps = np.diff(targets_E)
    for start_s, step in zip(starts_E[1:], steps, strict=True):
        since = np.maximum(times_N - start_s, 0.0) * pace
        value_N += step * (1 - (1 + since) * np.exp(-since))
    return value_N


def fixations(times_N: Floats, starts_E: list[float], targets_E2: NDArray[np.floating]) -> Floats:
    """Gaze (N, 2) that rests on one target after another and jumps between them in saccades."""
    gaze_N2 = np.tile(np.asarray(targets_E2[0], np.float64), (len(times_N), 1))
    for start_s, before, after in zip(starts_E[1:], targets_E2, targets_E2[1:], strict=False):
        jump = after - before
        lasts_s = _SACCADE_BASE_S + _SACCADE_S_A_DEG * float(np.hypot(*jump))
        gaze_N2 += minimum_jerk((times_N - start_s) / lasts_s)[:, None] * jump
    return gaze_N2


def blink_shape(since_N: Floats) -> Floats:
    """Closure of the lids, 0 to 1, at times after a blink's start: shut fast, opened slowly."""
    closing = smoothstep(since_N / _BLINK_CLOSING_S)
    opening_s = since_N - _BLINK_CLOSING_S - _BLINK_SHUT_S
    # Lids start to open fast and settle slowly.
    opening = 1 - (1 - np.clip(opening_s / _BLINK_OPENING_S, 0, 1)) ** 2
    return closing - smoothstep(opening)


def blinks(times_N: Floats, seconds: float, random: Generator, mean_s: float) -> Floats:
    """Closure by spontaneous blinks `mean_s` apart: a few are only half done, a few double."""
    closure_N = np.zeros(len(times_N))
    for start_s in blink_times(random, seconds, mean_s):
        depth = random.uniform(0.45, 0.8) if random.uniform() < 0.08 else 1.0
        closure_N = np.maximum(closure_N, depth * blink_shape(times_N - start_s))
    return closure_N


def blink_times(random: Generator, seconds: float, mean_s: float) -> Iterator[float]:
    """When blinks start."""
    for start_s in events(random, seconds, mean_s, 0.7, first_s=random.uniform(0.15, 0.6 * mean_s)):
        yield start_s
        if random.uniform() < 0.07:
            yield start_s + 0.42


def soft_limit(values: Floats, limit: float) -> Floats:
    """Leave small values as they are and bring large ones to +-`limit` without a corner."""
    return np.asarray(limit * np.tanh(values / limit))
