"""What a person does, by name: talking, reading, smiling, looking around, making faces.

A recipe gives the intended movement of head, gaze and face; `motion` adds what nobody intends
(breath, tremor, blinks, lids that go with the eyes) and turns it into states.

Legend: N moments. Angles in degrees, signs as in `scene.HeadPose` (yaw to the picture's right,
pitch downwards); gaze in the world, so that eyes stay on their target while the head moves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from faceloom.synth.scene import Floats
from faceloom.synth.speech import draw_speech, spoken_units
from faceloom.synth.tracks import (
    Generator,
    blink_shape,
    events,
    fixations,
    plateau,
    wander,
    with_momentum,
)

SIDES = ("Left", "Right")


@dataclass
class Acting:
    """Intended movement over N moments."""

    head_N3_deg: Floats
    """Yaw, pitch, roll."""
    gaze_N2_deg: Floats
    """Yaw and pitch in the world; (0, 0) looks into the camera."""
    units: dict[str, Floats] = field(default_factory=dict)
    blink_every_s: float = 3.6

    def add(self, unit: str, values_N: Floats) -> None:
        """Add to a unit."""
        self.units[unit] = self.units.get(unit, np.zeros(len(values_N))) + values_N

    def add_both(self, unit: str, values_N: Floats, tilt: float = 0.0) -> None:
        """Add to the left and the right unit; `tilt` favours the left, -1 to 1."""
        for side, share in zip(SIDES, (1 + tilt, 1 - tilt), strict=True):
            self.add(unit + side, values_N * min(1.0, share))


Recipe = Callable[[Floats, float, Generator], Acting]


def still(times_N: Floats, seconds: float, random: Generator) -> Acting:
    """Sits and looks into the camera, now and then past it."""
    head = _posture(times_N, seconds, random, (2.5, 1.5, 1.5), every_s=4.0)
    return Acting(head, _glances(times_N, seconds, random, every_s=3.2, size_deg=(9.0, 5.0)))


def talk(
    times_N: Floats, seconds: float, random: Generator, effort: float = 1.0, size: float = 1.0
) -> Acting:
    """Speaks freely: head beats and raised brows on stressed syllables, glances to think."""
    speech = draw_speech(random, seconds)
    starts = [0.0, *(start for start, _ in speech.phrases_s)]
    head = np.stack(
        [
            with_momentum(times_N, starts, list(random.normal(0, size * spread, len(starts))), 0.9)
            + wander(times_N, random, 2.5, size * spread * 0.3)
            for spread in (7.0, 3.5, 3.5)
        ],
        axis=1,
    )
    acting = Acting(head, np.zeros((len(times_N), 2)), spoken_units(speech, times_N, effort))
    for beat_s in speech.beats_s:
        if random.uniform() < 0.6:
            nod_deg = size * random.uniform(0.8, 3.0)
            head[:, 1] += nod_deg * plateau(times_N, beat_s - 0.08, 0.2, 0.0, 0.35)
        if random.uniform() < 0.22:
            raised = random.uniform(0.25, 0.8) * plateau(times_N, beat_s - 0.1, 0.2, 0.15, 0.4)
            acting.add("browInnerUp", 0.6 * raised)
            acting.add_both("browOuterUp", raised, random.normal(0, 0.1))
    for start_s, end_s in speech.phrases_s:
        # A breath before each phrase, and a trace of a smile after some.
        acting.add("jawOpen", 0.06 * plateau(times_N, start_s - 0.35, 0.2, 0.02, 0.2))
        if random.uniform() < 0.4:
            smile = random.uniform(0.1, 0.35) * plateau(times_N, end_s - 0.3, 0.4, 0.3, 0.6)
            acting.add_both("mouthSmile", smile, random.normal(0, 0.15))
    acting.gaze_N2_deg = _glances(times_N, seconds, random, every_s=2.6, size_deg=(12.0, 6.0))
    acting.blink_every_s = 2.6
    return acting


def read(times_N: Floats, seconds: float, random: Generator) -> Acting:
    """Reads aloud from a page below the camera: gaze hops along lines and sweeps back."""
    acting = talk(times_N, seconds, random, effort=0.75, size=0.45)
    starts, targets = [0.0], [(-9.0, 12.0)]
    now, line, column = 0.0, 0, -9.0
    while now < seconds:
        now += random.uniform(0.2, 0.38)
        column += random.uniform(2.8, 4.6)
        if column > 9.5:
            line, column = (line + 1) % 7, -9.0 + random.uniform(-0.8, 0.8)
        starts.append(now)
        targets.append((column, 11.0 + 1.1 * line + random.normal(0, 0.25)))
    acting.gaze_N2_deg = fixations(times_N, starts, np.array(targets))
    acting.head_N3_deg[:, 0] += 0.25 * with_momentum(times_N, starts, [x for x, _ in targets], 0.9)
    acting.head_N3_deg[:, 1] += 6.0
    acting.blink_every_s = 4.5
    return acting


def smile(times_N: Floats, seconds: float, random: Generator) -> Acting:
    """Listens and smiles, from the corners alone up to a laugh with teeth."""
    acting = still(times_N, seconds, random)
    for number, start_s in enumerate(events(random, seconds, 3.8, 2.6, first_s=0.15)):
        strength = random.uniform(0.75, 1.0) if number % 2 == 0 else random.uniform(0.3, 0.7)
        rise_s, hold_s, fall_s = (random.uniform(*r) for r in ((0.45, 0.7), (0.7, 1.6), (0.7, 1.2)))
        shape = strength * plateau(times_N, start_s, rise_s, hold_s, fall_s)
        teeth = max(0.0, strength - 0.55) / 0.45 * shape
        tilt = random.normal(0, 0.1)
        acting.add_both("mouthSmile", 0.85 * shape, tilt)
        acting.add_both("cheekSquint", 0.6 * shape, tilt)
        acting.add_both("eyeSquint", 0.4 * shape)
        acting.add_both("mouthUpperUp", 0.3 * teeth)
        acting.add_both("mouthLowerDown", 0.4 * teeth)
        acting.add("jawOpen", 0.12 * teeth)
        acting.head_N3_deg[:, 1] -= random.uniform(0, 4) * shape
        acting.head_N3_deg[:, 2] += random.normal(0, 4) * shape
    return acting


def look_around(times_N: Floats, seconds: float, random: Generator) -> Acting:
    """Looks at one thing after another: the eyes jump there, the head comes after."""
    starts, targets = [0.0], [(0.0, 0.0)]
    now = random.uniform(0.2, 0.5)
    side = random.choice([-1.0, 1.0])
    while now < seconds:
        far = random.uniform() < 0.6
        yaw = side * random.uniform(18, 46) if far else random.normal(0, 7)
        side = -side if random.uniform() < 0.7 else side
        starts.append(now)
        targets.append((yaw, random.normal(2, 8)))
        now += random.uniform(0.45, 1.3)
    places = np.array(targets)
    # Small shifts are left to the eyes; of the rest the head does most.
    turned_by = np.sign(places) * np.maximum(np.abs(places) - (5.0, 4.0), 0) * (0.85, 0.7)
    lagging = [0.0, *(start + 0.06 for start in starts[1:])]
    yaw_N = with_momentum(times_N, lagging, turned_by[:, 0].tolist(), 0.55)
    pitch_N = with_momentum(times_N, lagging, turned_by[:, 1].tolist(), 0.6)
    roll_N = with_momentum(times_N, lagging, (0.12 * turned_by[:, 0]).tolist(), 0.8)
    head = np.stack([yaw_N, pitch_N, roll_N + wander(times_N, random, 4.0, 1.5)], axis=1)
    acting = Acting(head, fixations(times_N, starts, places))
    for start_s, before, after in zip(starts[1:], targets, targets[1:], strict=False):
        # Large shifts of gaze come with a blink.
        if abs(after[0] - before[0]) > 30 and random.uniform() < 0.6:
            acting.add_both("eyeBlink", blink_shape(times_N - start_s))
        if random.uniform() < 0.3:
            raised = random.uniform(0.2, 0.6) * plateau(times_N, start_s, 0.25, 0.4, 0.4)
            acting.add_both("browOuterUp", raised)
            acting.add("browInnerUp", 0.5 * raised)
    return acting


_POSES = ((50, 2, 0), (-50, 2, 0), (0, -22, 0), (0, 22, 0), (8, 0, 18), (-8, 0, -18), (32, -12, 6),
          (-32, 12, -6))  # fmt: skip
"""Yaw, pitch, roll at the end of what necks do with ease."""
_FACES: dict[str, dict[str, float]] = {
    "yawn": {"jawOpen": 0.9, "eyeBlink": 0.85, "browInnerUp": 0.4, "eyeSquint": 0.5},
    "grin": {
        "mouthSmile": 1.0, "cheekSquint": 0.8, "eyeSquint": 0.6, "mouthUpperUp": 0.45,
        "mouthLowerDown": 0.5, "jawOpen": 0.12,
    },
    "frown": {"browDown": 1.0, "mouthFrown": 0.7, "eyeSquint": 0.5, "mouthShrugLower": 0.4},
    "pucker": {"mouthPucker": 1.0, "browDown": 0.2},
    "surprise": {"browInnerUp": 1.0, "browOuterUp": 1.0, "eyeWide": 0.9, "jawOpen": 0.4},
    "disgust": {"noseSneer": 0.9, "mouthUpperUp": 0.5, "eyeSquint": 0.6, "browDown": 0.4},
    "shout": {"jawOpen": 0.7, "mouthStretch": 0.6, "mouthLowerDown": 0.6, "browDown": 0.4},
    "blow": {"cheekPuff": 0.7, "mouthPucker": 0.5},
    "squeeze": {"eyeBlink": 1.0, "eyeSquint": 0.8, "cheekSquint": 0.6, "mouthSmile": 0.3},
}  # fmt: skip
_UNPAIRED = frozenset({"jawOpen", "browInnerUp", "mouthPucker", "mouthShrugLower", "cheekPuff"})


def extremes(times_N: Floats, seconds: float, random: Generator) -> Acting:
    """Turns as far as is easy and makes the largest faces, each in its own time."""
    acting = still(times_N, seconds, random)
    starts, poses = [0.0], [(0.0, 0.0, 0.0)]
    now = 0.1
    order = random.permutation(len(_POSES))
    while now < seconds:
        pose = np.array(_POSES[order[len(starts) % len(_POSES)]]) * random.uniform(0.85, 1.05)
        starts.append(now)
        poses.append(tuple(pose.tolist()))
        now += random.uniform(1.0, 1.5)
    head = np.stack(
        [
            with_momentum(times_N, starts, [pose[axis] for pose in poses], settling_s=0.8)
            for axis in range(3)
        ],
        axis=1,
    )
    acting.head_N3_deg += head
    # Eyes go with a head that turns for its own sake, and come back to the camera now and then.
    follow = with_momentum(times_N, starts, list(random.uniform(0.5, 1.0, len(starts))), 0.5)
    acting.gaze_N2_deg = acting.gaze_N2_deg + head[:, :2] * follow[:, None]
    names = list(_FACES)
    turn = random.permutation(len(names))
    for number, start_s in enumerate(events(random, seconds, 1.9, 1.7, first_s=0.3)):
        name = names[turn[number % len(names)]]
        slow = 1.5 if name == "yawn" else 1.0
        shape = plateau(times_N, start_s, 0.4 * slow, 0.45 * slow, 0.5 * slow)
        for unit, weight in _FACES[name].items():
            values = weight * random.uniform(0.85, 1.0) * shape
            if unit in _UNPAIRED:
                acting.add(unit, values)
            else:
                acting.add_both(unit, values, random.normal(0, 0.06))
    return acting


def profile(times_N: Floats, seconds: float, random: Generator) -> Acting:
    """Talks while turned far to one side and the other."""
    acting = talk(times_N, seconds, random, size=0.5)
    starts, yaws = [0.0], [0.0]
    now, side = 0.2, random.choice([-1.0, 1.0])
    while now < seconds:
        starts.append(now)
        yaws.append(side * random.uniform(38, 60))
        side = -side
        now += random.uniform(1.6, 2.4)
    yaw_N = with_momentum(times_N, starts, yaws, settling_s=1.0)
    acting.head_N3_deg[:, 0] += yaw_N
    acting.gaze_N2_deg[:, 0] += 0.9 * yaw_N
    return acting


def _posture(
    times_N: Floats, seconds: float, random: Generator, spread_deg: tuple[float, float, float],
    every_s: float,
) -> Floats:  # fmt: skip
    """Head angles (N, 3) that shift a little now and then."""
    starts = [0.0, *events(random, seconds, every_s, 0.5 * every_s)]
    axes = []
    for spread in spread_deg:
        held = with_momentum(times_N, starts, list(random.normal(0, spread, len(starts))), 1.2)
        axes.append(held + wander(times_N, random, 3.0, 0.25 * spread))
    return np.stack(axes, axis=1)


def _glances(
    times_N: Floats, seconds: float, random: Generator, every_s: float,
    size_deg: tuple[float, float],
) -> Floats:  # fmt: skip
    """Gaze that rests near the camera and leaves it for moments."""
    starts, targets = [0.0], [(0.0, 0.0)]
    for start_s in events(random, seconds, every_s, 0.8):
        if random.uniform() < 0.45:
            # On another point of the face that is looked at.
            starts.append(start_s)
            targets.append((random.normal(0, 1.5), random.normal(0, 1.5)))
            continue
        starts += [start_s, start_s + random.uniform(0.35, 0.9)]
        away = random.choice([-1, 1]) * random.uniform(0.4, 1.0) * size_deg[0]
        targets += [(away, random.normal(0, 0.6) * size_deg[1]), tuple(random.normal(0, 0.8, 2))]
    return fixations(times_N, starts, np.array(targets, np.float64))
