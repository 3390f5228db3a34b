"""What passes in front of a face: the person's own hand, a reporter's microphone.

Convention: world coordinates in decimetres, as in `scene`. A hand is built palm towards -z, fingers
towards +y, its thumb towards +x, with the wrist in the origin: a left hand as seen from outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from faceloom.errors import UserError
from faceloom.synth.implicit import Rod, surface_of
from faceloom.synth.scene import Floats, HeadPose, Indices, Person, Solid, Vector
from faceloom.synth.tracks import Generator, plateau, wander

OCCLUDERS = ("hand", "microphone")
SolidsAt = Callable[[float], tuple[Solid, ...]]
"""The solids at a time in seconds."""

_KNUCKLES = ((0.34, 0.90), (0.12, 0.97), (-0.10, 0.93), (-0.31, 0.82))
"""Of index, middle, ring and little finger: x and y."""
_FINGER_SEGMENTS = ((0.42, 0.26, 0.20), (0.46, 0.30, 0.21), (0.43, 0.28, 0.21), (0.34, 0.20, 0.18))
_FINGER_RADII = ((0.098, 0.070), (0.102, 0.072), (0.096, 0.068), (0.084, 0.060))
"""At the knuckle and at the tip."""
_SPREAD_DEG = (7.0, 1.0, -5.0, -12.0)
_CURL_DEG = (16.0, 22.0, 14.0)
"""Each joint's bend towards the palm."""
_THUMB = ((0.24, 0.16, -0.05), (0.50, 0.50, -0.14), (0.66, 0.80, -0.20), (0.70, 1.02, -0.25))
_THUMB_RADII = (0.17, 0.125, 0.105, 0.075)
_WRIST_RADIUS, _FOREARM_RADIUS, _CUFF_Y = 0.255, 0.38, -0.75
_PALE_NAIL = (0.62, 0.42, 0.36)
_CELL, _COARSE_CELL = 0.036, 0.08


@dataclass(frozen=True)
class _Place:
    """Where a left hand goes: its wrist, and the turns of its fingers away from straight up."""

    wrist: Vector
    inwards_deg: float
    yaw_deg: float = 0.0


_AWAY = _Place((1.55, 3.6, 1.5), 10.0)
_PLACES = (
    _Place((0.80, 5.66, 1.98), 46.0, -10.0),  # Over the mouth.
    _Place((0.98, 5.95, 1.66), 16.0, -32.0),  # Along the cheek.
    _Place((0.66, 5.30, 1.86), 34.0, 0.0),  # At the chin.
    _Place((0.78, 6.02, 2.05), 38.0, -15.0),  # Over nose and eye, wiping.
)


def make_occluder(kind: str, seconds: float, seed: int, wearer: Person | None = None) -> SolidsAt:
    """An occluder's movement over a clip; a hand has the wearer's skin and sleeve.

    Raises UserError for an unknown kind.
    """
    if kind not in OCCLUDERS:
        raise UserError(f"occluder {kind!r}: is not known; take one of {', '.join(OCCLUDERS)}")
    random = np.random.default_rng([seed, OCCLUDERS.index(kind)])
    if kind == "microphone":
        return _microphone(random)
    skin = wearer.neck_skin if wearer is not None else (0.36, 0.22, 0.155)
    sleeve = wearer.cloth.colour if wearer is not None else (0.05, 0.06, 0.09)
    return _hand(random, seconds, skin, sleeve)


# -- hand -----------------------------------------------------------------------------------------


@cache
def _hand_parts() -> dict[str, tuple[Floats, Indices]]:
    """Triangles of skin, nails and sleeve in the hand's own coordinates."""
    rods = [Rod((x * 0.55, 0.05, 0.0), (x, y, 0.0), 0.17, 0.125) for x, y in _KNUCKLES]
    rods += [Rod((0.0, 0.1, 0.0), (0.0, _CUFF_Y - 0.4, 0.02), _WRIST_RADIUS - 0.02, _WRIST_RADIUS)]
    nails = []
    for number in range(4):
        finger, nail = _finger(number)
        rods += finger
        nails.append(nail)
    for joint in range(3):
        ends, radii = _THUMB[joint : joint + 2], _THUMB_RADII[joint : joint + 2]
        rods.append(Rod(ends[0], ends[1], radii[0], radii[1]))
    sleeve = Rod(
        (0.0, _CUFF_Y, 0.02), (0.1, _CUFF_Y - 2.6, 0.0), _WRIST_RADIUS + 0.08, _FOREARM_RADIUS
    )
    return {
        "skin": surface_of(rods, _CELL, 0.10),
        "nails": surface_of(nails, 0.5 * _CELL, 0.01),
        "sleeve": surface_of([sleeve], _COARSE_CELL, 0.05),
    }


def _finger(number: int) -> tuple[list[Rod], Rod]:
    """The segments of a finger, and its nail."""
    x, y = _KNUCKLES[number]
    point = np.array([x, y, 0.0])
    radii = np.linspace(*_FINGER_RADII[number], 4)
    aside = np.radians(_SPREAD_DEG[number])
    bent = 0.0
    rods = []
    for joint, length in enumerate(_FINGER_SEGMENTS[number]):
        bent += np.radians(_CURL_DEG[joint])
        direction = np.array(
            [np.sin(aside) * np.cos(bent), np.cos(aside) * np.cos(bent), -np.sin(bent)]
        )
        end = point + length * direction
        rods.append(Rod(_vector(point), _vector(end), radii[joint], radii[joint + 1]))
        point = end
    outwards = np.array([0.0, np.sin(bent), np.cos(bent)])
    root = point - 0.06 * direction + 0.5 * radii[3] * outwards
    tip = point + 0.04 * direction + 0.45 * radii[3] * outwards
    return rods, Rod(_vector(root), _vector(tip), 0.62 * radii[3], 0.58 * radii[3])


def _hand(random: Generator, seconds: float, skin: Vector, sleeve: Vector) -> SolidsAt:
    """A hand that comes up to the face, stays, and goes again."""
    side = random.choice([-1.0, 1.0])
    start_s = random.uniform(0.3, 0.8)
    visits: list[tuple[_Place, float, float, float, float]] = []
    order = random.permutation(len(_PLACES))
    while start_s < seconds:
        rise_s, hold_s, fall_s = (random.uniform(*r) for r in ((0.55, 0.8), (0.7, 1.6), (0.5, 0.8)))
        visits.append((_PLACES[order[len(visits) % len(order)]], start_s, rise_s, hold_s, fall_s))
        start_s += rise_s + hold_s + fall_s + random.uniform(0.1, 0.6)
    sway_seed = int(random.integers(1 << 30))
    nail = _vector(0.6 * np.asarray(skin) + 0.4 * np.array(_PALE_NAIL))
    looks = {"skin": (skin, 0.22), "nails": (nail, 0.6), "sleeve": (sleeve, 0.0)}

    def at(time_s: float) -> tuple[Solid, ...]:
        moment = np.array([time_s])
        wrist, angles = np.array(_AWAY.wrist), np.array([_AWAY.inwards_deg, _AWAY.yaw_deg])
        for place, *timing in visits:
            near = float(plateau(moment, *timing)[0])
            wrist += near * np.subtract(place.wrist, _AWAY.wrist)
            angles += near * np.subtract((place.inwards_deg, place.yaw_deg), angles)
        sway = np.random.default_rng(sway_seed)
        wrist += [float(wander(moment, sway, 1.3, size)[0]) for size in (0.05, 0.05, 0.02)]
        turn = HeadPose(yaw_deg=angles[1], roll_deg=angles[0]).rotation_33
        solids = []
        for name, (vertices, triangles) in _hand_parts().items():
            placed, facing = vertices @ turn.T + wrist, triangles
            if side < 0:  # The right hand is the left one's mirror image.
                placed, facing = placed * (-1.0, 1.0, 1.0), triangles[:, ::-1]
            solids.append(Solid(f"hand {name}", placed, facing, *looks[name]))
        return tuple(solids)

    return at


# -- microphone -----------------------------------------------------------------------------------

_FOAM_COLOURS = ((0.025, 0.025, 0.028), (0.10, 0.012, 0.012), (0.015, 0.03, 0.11), (0.3, 0.2, 0.02))


@cache
def _microphone_parts() -> dict[str, tuple[Floats, Indices]]:
    """Its foam's middle in the origin, the stick downwards."""
    stick = [
        Rod((0, -0.2, 0), (0, -0.75, 0), 0.14, 0.12),
        Rod((0, -0.75, 0), (0, -3.4, 0), 0.12, 0.11),
    ]
    return {
        "foam": surface_of([Rod((0, 0, 0), (0, 0.06, 0), 0.33, 0.35)], 0.045, 0.05),
        "stick": surface_of(stick, _COARSE_CELL / 2, 0.05),
    }


def _microphone(random: Generator) -> SolidsAt:
    """Held from below, wandering over chin and mouth."""
    side = random.choice([-1.0, 1.0])
    lean_deg = side * random.uniform(14, 32)
    foam = _FOAM_COLOURS[int(random.integers(len(_FOAM_COLOURS)))]
    height = random.uniform(6.30, 6.50)
    sway_seed = int(random.integers(1 << 30))
    looks = {"foam": (foam, 0.02), "stick": ((0.02, 0.02, 0.022), 0.5)}

    def at(time_s: float) -> tuple[Solid, ...]:
        sway = np.random.default_rng(sway_seed)
        moment = np.array([time_s])
        x, y, z, turn_deg = (
            float(wander(moment, sway, period_s, size)[0])
            for period_s, size in ((3.0, 0.22), (2.2, 0.16), (3.0, 0.06), (2.5, 4.0))
        )
        turn = HeadPose(pitch_deg=-24.0, roll_deg=lean_deg + turn_deg).rotation_33
        middle = np.array([0.25 * side + x, height + y, 2.15 + z])
        return tuple(
            Solid(f"microphone {name}", vertices @ turn.T + middle, triangles, *looks[name])
            for name, (vertices, triangles) in _microphone_parts().items()
        )

    return at


def _vector(point: Floats) -> Vector:
    x, y, z = point.tolist()
    return x, y, z
