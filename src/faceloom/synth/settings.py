"""Where a clip is shot: camera, light, background and sensor, drawn from a seed.

Convention: `scene`'s. A light's colours are mixed so that a matt white card turned to the camera
sends out about 1 after its exposure; a dark rig stays below that.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from faceloom.errors import UserError
from faceloom.synth.backgrounds import BACKGROUNDS
from faceloom.synth.occluders import OCCLUDERS
from faceloom.synth.scene import Camera, Floats, Floats32, Lamp, Light, Sensor, Vector
from faceloom.synth.tracks import Generator

_FACE_DM = 1.55
"""From the chin to the hairline."""
_FACE_SHARE = (0.50, 0.55)
"""Of the picture's height that the face takes."""
_FRAME_CENTRE_Y = 7.21
_FACE_Z = 1.0
_DAYLIGHT_K = 6500.0


@dataclass(frozen=True, eq=False)
class Setting:
    """All of a clip but who is seen and what they do."""

    camera: Camera
    light: Light
    background_HWC: Floats32
    """Linear RGB."""
    sensor: Sensor
    occluder: str | None = None
    """One of `occluders.OCCLUDERS`."""
    seed: int = 0


@dataclass(frozen=True)
class _Rig:
    """A way to light a face, and where one finds it."""

    draw: Callable[[Generator], Light]
    backgrounds: tuple[str, ...]
    level: float = 1.0
    """What the white card sends out: below 1, the picture is dark."""
    noise: tuple[float, float] = (0.004, 0.009)
    tint: float = 0.5
    """How far the background takes the key's colour."""


def make_setting(seed: int, *, light: str | None = None, occluder: str | None = None) -> Setting:
    """Draw a setting; without `light`, from all rigs but the dark ones.

    Raises UserError for an unknown light or occluder, or a negative seed.
    """
    if light is not None and light not in _RIGS:
        raise UserError(f"light {light!r}: is not known; take one of {', '.join(LIGHTS)}")
    if occluder is not None and occluder not in OCCLUDERS:
        raise UserError(f"occluder {occluder!r}: is not known; take one of {', '.join(OCCLUDERS)}")
    if seed < 0:
        raise UserError(f"seed {seed}: is negative; give 0 or more")

    def stream(name: str) -> Generator:
        return np.random.default_rng([seed, zlib.crc32(name.encode())])

    bright = [name for name in LIGHTS if _RIGS[name].level >= 0.9]
    name = light or str(stream("rig").choice(bright))
    rig = _RIGS[name]
    random = stream(name)
    lit = _exposed(replace(rig.draw(random), name=name), rig.level * random.uniform(0.9, 1.08))
    place = str(random.choice(rig.backgrounds))
    background = BACKGROUNDS[place](stream(place)) * _tint(lit.key_colour, rig.tint)
    return Setting(
        _camera(stream("camera")),
        lit,
        np.ascontiguousarray(background, np.float32),
        _sensor(stream("sensor"), lit, rig),
        occluder,
        seed,
    )


def _camera(random: Generator) -> Camera:
    """From a phone at arm's length to a long lens, about at eye height."""
    distance = float(np.exp(random.uniform(np.log(6.0), np.log(15.0))))
    height_dm = _FACE_DM / random.uniform(*_FACE_SHARE)
    yaw, pitch = np.radians([random.normal(0, 3), np.clip(random.normal(1, 3), -5, 7)])
    middle = np.array([random.normal(0, 0.04), _FRAME_CENTRE_Y + random.normal(0, 0.03), _FACE_Z])
    away = distance * np.array(
        [np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)]
    )
    fov_deg = 2 * np.degrees(np.arctan(height_dm / 2 / distance))
    return Camera(_vector(middle + away), _vector(middle), float(fov_deg))


def _sensor(random: Generator, light: Light, rig: _Rig) -> Sensor:
    """White balance that goes part of the way, and the grain of the light there is."""
    balance = 1 / np.asarray(_tint(_mean_colour(light), random.uniform(0.55, 0.85)))
    return Sensor(
        gains=_vector(balance / balance[1]),
        noise=float(random.uniform(*rig.noise)),
        shutter=float(random.uniform(0.3, 0.55)),
        softness_px=float(random.uniform(0.3, 0.5)),
    )


# -- light rigs -----------------------------------------------------------------------------------


def black_body(kelvin: float) -> Floats:
    """Linear RGB of a glowing body against daylight of 6500 K, of luminance 1; 1700 to 15000 K.

    Kim et al. 2002 (US patent 7024034), cubic fit of the Planckian locus in CIE 1931 x, y.
    """
    t = 1000.0 / kelvin
    if kelvin < 4000:
        x = 0.179910 + t * (0.8776956 + t * (-0.2343589 - 0.2661239 * t))
    else:
        x = 0.240390 + t * (0.2226347 + t * (2.1070379 - 3.0258469 * t))
    if kelvin < 2222:
        y = -0.20219683 + x * (2.18555832 + x * (-1.34811020 - 1.1063814 * x))
    elif kelvin < 4000:
        y = -0.16748867 + x * (2.09137015 + x * (-1.37418593 - 0.9549476 * x))
    else:
        y = -0.37001483 + x * (3.75112997 + x * (-5.87338670 + 3.0817580 * x))
    from_xyz = np.array(
        [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
    )
    colour = np.maximum(from_xyz @ [x / y, 1.0, (1 - x - y) / y], 0.02)
    return np.asarray(colour / (colour @ [0.2126, 0.7152, 0.0722]))


def _studio(random: Generator) -> Light:
    """A large softbox to one side, a weaker one on the other, paper behind."""
    kelvin, side = random.uniform(4800, 6000), _side(random)
    key = _towards(side * random.uniform(15, 45), random.uniform(22, 42))
    fill = random.uniform(0.25, 0.5)
    return _rig(
        key, 0.85, kelvin, (fill, 0.8 * fill, 0.5 * fill), kelvin, softness=0.95,
        lamps=(
            Lamp(key, _scaled(kelvin, 2.2), 26.0),
            Lamp(_towards(-side * 55, 15), _scaled(kelvin, 1.0), 22.0),
        ),
    )  # fmt: skip


def _window(random: Generator) -> Light:
    """Sky through a window at the side; the room gives the rest back, warmer."""
    side = _side(random)
    window = _towards(side * random.uniform(40, 72), random.uniform(6, 24))
    room = random.uniform(0.16, 0.34)
    return _rig(
        window, 0.9, random.uniform(6200, 7600), (0.9 * room, room, 0.8 * room), 4600,
        softness=0.8, lamps=(Lamp(window, _scaled(6800, 3.0), 14.0),),
    )  # fmt: skip


def _noon(random: Generator) -> Light:
    """High sun, blue sky, light from the ground."""
    sun = _towards(_side(random) * random.uniform(10, 55), random.uniform(42, 62))
    return _rig(
        sun, 1.0, random.uniform(5000, 5700), (0.55, 0.5, 0.38), 7600, softness=0.12,
        lamps=(Lamp(sun, _scaled(5400, 5.0), 90.0),),
    )  # fmt: skip


def _overcast(random: Generator) -> Light:
    """A white sky, and hardly a direction."""
    above = _towards(random.uniform(-50, 50), random.uniform(45, 70))
    return _rig(above, 0.28, 6500, (1.0, 0.75, 0.3), random.uniform(6300, 7400), softness=1.0)


def _evening(random: Generator) -> Light:
    """Low, warm sun from the side."""
    sun = _towards(_side(random) * random.uniform(20, 65), random.uniform(6, 16))
    return _rig(
        sun, 0.9, random.uniform(2700, 3700), (0.34, 0.32, 0.22), 6800, softness=0.25,
        lamps=(Lamp(sun, _scaled(3200, 3.5), 70.0),),
    )  # fmt: skip


def _office(random: Generator) -> Light:
    """Panels overhead, white walls."""
    above = _towards(random.uniform(-30, 30), random.uniform(52, 70))
    return _rig(
        above, 0.55, random.uniform(3900, 4600), (0.75, 0.52, 0.34), 4700, softness=0.9,
        lamps=tuple(Lamp(_towards(a, 50), _scaled(4300, 2.6), 50.0) for a in (-38, 4, 42)),
    )  # fmt: skip


def _rim(random: Generator) -> Light:
    """A hard light from behind, a soft fill in front."""
    side = _side(random)
    behind = _towards(side * random.uniform(115, 145), random.uniform(18, 38))
    fill = random.uniform(0.5, 0.7)
    return _rig(
        behind, 3.0, random.uniform(4200, 6500), (0.9 * fill, fill, 0.6 * fill), 5400,
        softness=0.3, lamps=(Lamp(_towards(-side * 30, 20), _scaled(5400, 1.8), 24.0),),
    )  # fmt: skip


def _night(random: Generator) -> Light:
    """A street lamp or shop window, and little else."""
    lamp = _towards(_side(random) * random.uniform(25, 70), random.uniform(12, 40))
    return _rig(
        lamp, 0.75, random.uniform(2500, 4200), (0.10, 0.17, 0.12), 5200, softness=0.45,
        lamps=(
            Lamp(lamp, _scaled(3000, 3.0), 60.0),
            Lamp(_towards(random.uniform(-70, 70), 8), _scaled(8000, 1.0), 40.0),
        ),
    )  # fmt: skip


def _screen(random: Generator) -> Light:
    """A monitor's glow from below, a dark room."""
    screen = _towards(random.uniform(-20, 20), random.uniform(-22, -8))
    return _rig(
        screen, 0.7, random.uniform(7500, 10000), (0.10, 0.13, 0.10), 3600, softness=0.8,
        lamps=(Lamp(screen, _scaled(8500, 1.6), 30.0),),
    )  # fmt: skip


def _low_light(random: Generator) -> Light:
    """A table lamp in a dark room; the camera is at its limit."""
    lamp = _towards(_side(random) * random.uniform(25, 60), random.uniform(-4, 22))
    return _rig(
        lamp, 0.7, random.uniform(2300, 3000), (0.10, 0.14, 0.11), 3000, softness=0.5,
        lamps=(Lamp(lamp, _scaled(2700, 2.0), 40.0),),
    )  # fmt: skip


_RIGS: dict[str, _Rig] = {
    "studio": _Rig(_studio, ("studio",), tint=0.0),
    "window": _Rig(_window, ("room", "room", "studio"), tint=0.1),
    "noon": _Rig(_noon, ("trees", "street"), tint=0.1),
    "overcast": _Rig(_overcast, ("street", "trees"), tint=0.3),
    "evening": _Rig(_evening, ("trees", "street"), tint=0.6),
    "office": _Rig(_office, ("office",), tint=0.3),
    "rim": _Rig(_rim, ("studio", "room"), tint=0.2),
    "night": _Rig(_night, ("night",), level=0.62, noise=(0.010, 0.018), tint=0.6),
    "screen": _Rig(_screen, ("dark-room",), level=0.5, noise=(0.012, 0.020), tint=0.5),
    "low-light": _Rig(
        _low_light, ("dark-room", "night"), level=0.22, noise=(0.022, 0.034), tint=0.9
    ),
}
LIGHTS = tuple(_RIGS)


def _rig(
    key: Vector, strength: float, kelvin: float, tones: tuple[float, float, float],
    tones_kelvin: float, softness: float, lamps: tuple[Lamp, ...] = (),
) -> Light:  # fmt: skip
    """A rig of one key and the tones of sky, horizon and ground, of one colour temperature."""
    sky, horizon, ground = (_scaled(tones_kelvin, tone) for tone in tones)
    return Light("", key, _scaled(kelvin, strength), sky, horizon, ground, softness, lamps)


def _exposed(light: Light, level: float) -> Light:
    """With the exposure at which a white card at the face's angles sends out `level`."""
    # Directions that a face's skin faces, mostly forwards.
    yaw, pitch = np.meshgrid(np.radians([-50, -20, 20, 50]), np.radians([-30, 0, 25]))
    facing = np.stack(
        [np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], axis=-1
    ).reshape(-1, 3)
    from_key = float(np.maximum(facing @ np.asarray(light.key_direction), 0).mean())
    key = from_key * max(light.key_colour[1], 1e-3)
    around = 0.25 * light.sky[1] + 0.5 * light.horizon[1] + 0.25 * light.ground[1]
    from_lamps = sum(2.0 * lamp.colour[1] / lamp.sharpness for lamp in light.lamps)
    return replace(light, exposure=level / (key + around + 0.5 * from_lamps))


def _mean_colour(light: Light) -> Vector:
    """What the camera takes for white: key and surroundings, luminance about 1."""
    mixed = np.asarray(light.key_colour) * 0.5 + np.asarray(light.horizon)
    return _vector(mixed / (mixed @ [0.2126, 0.7152, 0.0722]))


def _tint(colour: Vector, share: float) -> Vector:
    """A colour of green 1, drawn towards grey."""
    values = np.asarray(colour) / max(colour[1], 1e-6)
    return _vector(values**share)


def _scaled(kelvin: float, strength: float) -> Vector:
    return _vector(strength * black_body(kelvin))


def _towards(azimuth_deg: float, elevation_deg: float) -> Vector:
    """Unit vector; azimuth 0 is the camera's side, positive to the picture's right."""
    azimuth, elevation = np.radians([azimuth_deg, elevation_deg])
    level = np.cos(elevation)
    return _vector(np.array([np.sin(azimuth) * level, np.sin(elevation), np.cos(azimuth) * level]))


def _side(random: Generator) -> float:
    return float(random.choice([-1.0, 1.0]))


def _vector(values: Floats) -> Vector:
    x, y, z = (float(v) for v in values)
    return x, y, z


__all__ = ["LIGHTS", "OCCLUDERS", "Setting", "black_body", "make_setting"]
