"""Motions by name: what a synthetic person does, frame by frame.

A motion is drawn from a seed as functions of time, so that it is the same at any rate. Signs of
angles as in `scene.HeadPose`; face units by ARKit's names, 0 to 1.
"""

from __future__ import annotations

import zlib
from fractions import Fraction

import numpy as np

from faceloom.errors import UserError
from faceloom.synth import recipes
from faceloom.synth.recipes import SIDES, Acting, Recipe
from faceloom.synth.scene import FaceState, Floats, HeadPose
from faceloom.synth.tracks import Generator, blinks, smoothstep, soft_limit, wander

RECIPES: dict[str, Recipe] = {
    "talk": recipes.talk,
    "read": recipes.read,
    "smile": recipes.smile,
    "look-around": recipes.look_around,
    "extremes": recipes.extremes,
    "profile": recipes.profile,
    "still": recipes.still,
}
MEDLEYS: dict[str, tuple[tuple[str, float], ...]] = {
    "everyday": (("talk", 0.6), ("look-around", 0.4)),
    "everything": (("talk", 0.3), ("look-around", 0.2), ("extremes", 0.35), ("smile", 0.15)),
}
"""Recipes one after another, with their shares of the time."""
MOTIONS = (*RECIPES, *MEDLEYS)
RATE = Fraction(25)

_ROUND_S = 9.0
"""About how long a medley takes to go through its recipes once."""
_BLEND_S = 0.5
_EYE_LIMITS_DEG = (32.0, 24.0)
_LOOK_FULL_DEG = (35.0, 26.0)
"""Turns of the eye at which the lids' look units reach 1."""
_LEAST_WEIGHT = 1e-4


def make_motion(
    name: str, seconds: float, seed: int, rate: Fraction | int = RATE
) -> list[FaceState]:
    """A motion of `seconds` at `rate` frames a second (one frame at least).

    Raises UserError for an unknown name, a length that is not positive or a negative seed.
    """
    if name not in MOTIONS:
        raise UserError(f"motion {name!r}: is not known; take one of {', '.join(MOTIONS)}")
    if not 0 < seconds < float("inf"):
        raise UserError(f"{seconds:g} seconds: is no length of a motion; give more than 0")
    if seed < 0:
        raise UserError(f"seed {seed}: is negative; give 0 or more")
    count = max(1, round(Fraction(seconds) * rate))
    times_N = np.arange(count) / float(rate)
    if name in RECIPES:
        acting = RECIPES[name](times_N, seconds, _stream(seed, name))
    else:
        acting = _medley(MEDLEYS[name], times_N, seconds, seed)
    return _states(acting, times_N, seconds, _stream(seed, "idle"))


def _stream(seed: int, name: str) -> Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _medley(
    shares: tuple[tuple[str, float], ...], times_N: Floats, seconds: float, seed: int
) -> Acting:
    """One recipe after another, each blended into the next."""
    rounds = max(1, round(seconds / _ROUND_S))
    turns = [part for _ in range(rounds) for part in shares]
    lengths = np.array([share for _, share in turns])
    ends_s = np.cumsum(lengths) / lengths.sum() * seconds
    # How far each boundary has been crossed; a turn is what lies between two of them.
    crossed = [np.ones(len(times_N))]
    crossed += [smoothstep((times_N - end) / _BLEND_S + 0.5) for end in ends_s[:-1]]
    crossed.append(np.zeros(len(times_N)))
    mixed = Acting(np.zeros((len(times_N), 3)), np.zeros((len(times_N), 2)), blink_every_s=0.0)
    for number, (name, share) in enumerate(turns):
        weight_N = crossed[number] - crossed[number + 1]
        length_s = share / lengths.sum() * seconds
        since_N = times_N - (ends_s[number] - length_s)
        acting = RECIPES[name](since_N, length_s, _stream(seed, f"{name} {number}"))
        mixed.head_N3_deg += weight_N[:, None] * acting.head_N3_deg
        mixed.gaze_N2_deg += weight_N[:, None] * acting.gaze_N2_deg
        mixed.blink_every_s += length_s / seconds * acting.blink_every_s
        for unit, values_N in acting.units.items():
            mixed.add(unit, weight_N * values_N)
    return mixed


def _states(acting: Acting, times_N: Floats, seconds: float, random: Generator) -> list[FaceState]:
    """Add what is not intended, and say it all as states."""
    breath_N = np.sin(2 * np.pi * times_N / random.uniform(3.4, 4.6) + random.uniform(0, 6.3))
    tremor = [wander(times_N, random, 1.6, size) for size in (0.35, 0.3, 0.2)]
    head_N3 = acting.head_N3_deg + np.stack(tremor, axis=1)
    head_N3[:, 1] += 0.25 * breath_N
    shift_N3 = np.stack([wander(times_N, random, 3.0, size) for size in (0.03, 0.015, 0.03)], 1)
    shift_N3[:, 1] += 0.008 * breath_N
    # Turning carries the head a little to the side, nodding forwards.
    shift_N3[:, 0] += 0.0022 * head_N3[:, 0]
    shift_N3[:, 2] += 0.0025 * head_N3[:, 1]
    drift = [wander(times_N, random, 0.5, 0.15) for _ in range(2)]
    eyes_N2 = acting.gaze_N2_deg - head_N3[:, :2] + np.stack(drift, axis=1)
    eyes_N2 = np.stack(
        [soft_limit(eyes_N2[:, axis], limit) for axis, limit in enumerate(_EYE_LIMITS_DEG)], 1
    )
    units = dict(acting.units)
    shut_N = blinks(times_N, seconds, random, acting.blink_every_s)
    for side in SIDES:
        squeezed_N = np.clip(units.get(f"eyeBlink{side}", 0.0), 0, 1)
        units[f"eyeBlink{side}"] = np.maximum(shut_N, squeezed_N)
    units |= look_units(eyes_N2, 1 - units["eyeBlinkLeft"])
    return [
        FaceState(
            {
                unit: round(float(weight), 5)
                for unit, values_N in sorted(units.items())
                if (weight := min(1.0, values_N[n])) > _LEAST_WEIGHT
            },
            _pose(head_N3[n], shift_N3[n]),
            (float(eyes_N2[n, 0]), float(eyes_N2[n, 1])),
        )
        for n in range(len(times_N))
    ]


def _pose(angles_3_deg: Floats, shift_3_dm: Floats) -> HeadPose:
    yaw, pitch, roll = angles_3_deg.tolist()
    x, y, z = shift_3_dm.tolist()
    return HeadPose(yaw, pitch, roll, (x, y, z))


def look_units(eyes_N2_deg: Floats, open_N: Floats) -> dict[str, Floats]:
    """What lids and the skin around do when the eyes turn; nothing while shut."""
    yaw_N, pitch_N = (eyes_N2_deg / _LOOK_FULL_DEG).T * open_N
    to_left_N, to_right_N = np.maximum(yaw_N, 0), np.maximum(-yaw_N, 0)
    units = {
        # The person's left is the picture's right, where yaw is positive.
        "eyeLookOutLeft": to_left_N,
        "eyeLookInRight": to_left_N,
        "eyeLookInLeft": to_right_N,
        "eyeLookOutRight": to_right_N,
    }
    for side in SIDES:
        units[f"eyeLookDown{side}"] = np.maximum(pitch_N, 0)
        units[f"eyeLookUp{side}"] = np.maximum(-pitch_N, 0)
    return {unit: np.minimum(values_N, 1.0) for unit, values_N in units.items()}
