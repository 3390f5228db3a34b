"""What lies behind the person: rooms, streets, trees and studio paper, out of focus.

Places are drawn sharp, in linear light brighter than white where they shine, and then seen through
a wide lens: every point becomes a disc, so that lamps turn into discs of light as in photographs.

Convention: linear RGB float32 (SIZE_PX, SIZE_PX, 3), y down; sizes in shares of the side.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from faceloom.synth.scene import Floats32, Vector
from faceloom.synth.tracks import Generator

SIZE_PX = 320
_EDGE_PX = 48
"""Drawn beyond the picture, so that blur has something to take in at its rim."""

_WALLS = ((.52, .49, .44), (.42, .44, .46), (.60, .58, .54), (.30, .36, .38), (.46, .38, .32),
          (.24, .27, .24), (.55, .50, .40))  # fmt: skip
_WOODS = ((0.16, 0.085, 0.04), (0.26, 0.16, 0.085), (0.07, 0.042, 0.026), (0.38, 0.28, 0.18))
_CLOTHS = ((0.10, 0.13, 0.18), (0.28, 0.25, 0.22), (0.20, 0.07, 0.05), (0.08, 0.12, 0.09))
_PAPERS = ((.42, .43, .45), (.13, .15, .18), (.40, .37, .33), (.07, .07, .075), (.18, .24, .28),
           (.20, .13, .11), (.62, .62, .61))  # fmt: skip
_LIGHTS = ((3.5, 2.2, .9), (4.0, 3.2, 2.2), (3.8, 2.6, 1.3), (3.2, 1.6, .5), (3.0, .5, .25),
           (.9, 1.8, 3.0), (1.0, 2.4, 1.4))  # fmt: skip


class _Canvas:
    """A picture being drawn; places in shares of the side, (0, 0) the visible top left."""

    def __init__(self, colour: Vector) -> None:
        side = SIZE_PX + 2 * _EDGE_PX
        self.pixels = np.empty((side, side, 3), np.float32)
        self.pixels[:] = colour

    def at(self, x: float, y: float) -> tuple[int, int]:
        return round(x * SIZE_PX) + _EDGE_PX, round(y * SIZE_PX) + _EDGE_PX

    def box(self, x: float, y: float, width: float, height: float, colour: Vector) -> None:
        cv2.rectangle(self.pixels, self.at(x, y), self.at(x + width, y + height), colour, -1)

    def oval(
        self, x: float, y: float, radius_x: float, radius_y: float, turn_deg: float, colour: Vector
    ) -> None:
        axes = (max(1, round(radius_x * SIZE_PX)), max(1, round(radius_y * SIZE_PX)))
        cv2.ellipse(self.pixels, self.at(x, y), axes, turn_deg, 0, 360, colour, -1)

    def shade(self, top: float, bottom: float, left: float, right: float) -> None:
        """Multiply by a gradient along each axis."""
        side = len(self.pixels)
        down = np.linspace(top, bottom, side, dtype=np.float32)[:, None]
        across = np.linspace(left, right, side, dtype=np.float32)[None, :]
        self.pixels *= (down * across)[..., None]

    def glow(self, x: float, y: float, radius: float, colour: Vector) -> None:
        """Add light that fades with the square of the distance."""
        rows, columns = np.mgrid[: len(self.pixels), : len(self.pixels)].astype(np.float32)
        column, row = self.at(x, y)
        away = ((columns - column) ** 2 + (rows - row) ** 2) / (radius * SIZE_PX) ** 2
        self.pixels += (1 / (1 + away * away))[..., None] * np.asarray(colour, np.float32)

    def out_of_focus(self, radius: float) -> Floats32:
        """The visible part through a lens whose disc of confusion has this radius."""
        reach = max(1, round(radius * SIZE_PX))
        rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        disc = np.clip(reach + 0.5 - np.hypot(rows, columns), 0, 1)
        blurred = cv2.filter2D(self.pixels, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)
        part = blurred[_EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX]
        return np.ascontiguousarray(part, np.float32)


def studio(random: Generator) -> Floats32:
    """Paper, lit from one side or from below behind the head."""
    canvas = _Canvas(_pick(random, _PAPERS, 0.08))
    fall = random.uniform(0.55, 0.9)
    left, right = (1.0, fall) if random.uniform() < 0.5 else (fall, 1.0)
    canvas.shade(random.uniform(0.6, 0.9), 1.0, left, right)
    halo = canvas.pixels[0, 0] * random.uniform(0.3, 1.1)
    canvas.glow(0.5 + random.normal(0, 0.12), random.uniform(0.35, 0.7), 0.55, _colour(halo))
    return canvas.out_of_focus(0.04)


def room(random: Generator) -> Floats32:
    """A living room: a wall, and a few of window, books, pictures, lamp, plant and sofa."""
    canvas = _Canvas(_pick(random, _WALLS, 0.06))
    if random.uniform() < 0.5:  # The room's corner.
        corner = random.uniform(0.1, 0.9)
        canvas.box(corner, -0.2, 1.4, 1.5, _colour(canvas.pixels[0, 0] * random.uniform(0.6, 0.85)))
    left, right = sorted(random.uniform(0.55, 1.1, 2))[:: int(random.choice([-1, 1]))]
    canvas.shade(1.0, 0.75, left, right)
    sides = [0.0, 0.62] if random.uniform() < 0.5 else [0.62, 0.0]
    things = [_window, _bookshelf, _pictures, _door]
    chosen = random.permutation(len(things))[:2]
    for place, index in zip(sides, chosen, strict=True):
        things[index](canvas, random, place + random.uniform(-0.08, 0.08))
    if random.uniform() < 0.6:
        _sofa(canvas, random)
    if random.uniform() < 0.5:
        _lamp(canvas, random, random.choice([0.1, 0.88]) + random.normal(0, 0.04))
    if random.uniform() < 0.6:
        _plant(canvas, random, random.choice([0.06, 0.92]) + random.normal(0, 0.04))
    return canvas.out_of_focus(random.uniform(0.022, 0.045))


def office(random: Generator) -> Floats32:
    """Ceiling panels, a window front with blinds or a partition, cupboards and screens."""
    canvas = _Canvas(_vary(random, (0.50, 0.51, 0.52), 0.06))
    canvas.box(-0.2, -0.2, 1.4, 0.32, (0.62, 0.63, 0.64))
    for number in range(3):
        canvas.box(
            0.05 + 0.36 * number + random.normal(0, 0.02), -0.02, 0.22, 0.05, (2.6, 2.7, 2.7)
        )
    pane = _vary(random, (0.75, 0.85, 0.95), 0.1)
    width = random.uniform(0.16, 0.24)
    start = random.uniform(-0.2, 0.1)
    for number in range(int(random.integers(2, 7))):
        x = start + number * (width + 0.03)
        canvas.box(x, 0.18, width, 0.5, pane)
        for slat in np.arange(0.18, 0.18 + 0.5 * random.uniform(0.2, 0.8), 0.028):
            canvas.box(x, slat, width, 0.012, (0.42, 0.43, 0.44))
    canvas.box(-0.2, 0.74, 1.4, 0.5, _vary(random, (0.22, 0.23, 0.25), 0.1))
    for _ in range(int(random.integers(1, 4))):
        x = random.uniform(-0.1, 0.9)
        canvas.box(x, 0.6, 0.2, 0.16, (0.02, 0.02, 0.022))
        canvas.box(x + 0.01, 0.61, 0.18, 0.13, _vary(random, (0.25, 0.38, 0.55), 0.3))
    if random.uniform() < 0.5:
        _plant(canvas, random, random.choice([0.05, 0.95]))
    canvas.shade(1.0, 0.8, 1.0, random.uniform(0.7, 1.0))
    return canvas.out_of_focus(random.uniform(0.02, 0.04))


def trees(random: Generator) -> Floats32:
    """Leaves with sky shining through, a lawn below."""
    sky = _vary(random, (0.75, 0.95, 1.25), 0.08)
    canvas = _Canvas(sky)
    green = np.array(_vary(random, (0.075, 0.14, 0.035), 0.2))
    horizon = random.uniform(0.55, 0.8)
    canvas.box(-0.2, horizon, 1.4, 1.0, _colour(green * 1.7))
    for _ in range(34):  # The crowns' dark insides.
        x, y = random.uniform(-0.15, 1.15), random.uniform(0.05, horizon)
        dark = _colour(green * random.uniform(0.35, 0.8))
        canvas.oval(x, y, random.uniform(0.07, 0.17), random.uniform(0.06, 0.12), 0, dark)
    for layer in range(3):
        for _ in range(260):
            x = random.uniform(-0.15, 1.15)
            top = 0.12 * layer + 0.18 * np.sin(3.1 * x + 2.0 * layer)
            y = random.uniform(top, horizon + 0.06)
            tone = green * random.uniform(0.35, 1.9) * (1.15 - 0.2 * layer)
            size = random.uniform(0.012, 0.045)
            canvas.oval(x, y, size, 0.5 * size, random.uniform(0, 180), _colour(tone))
    for _ in range(int(random.integers(2, 5))):
        x = random.uniform(0, 1)
        canvas.box(x, 0.2, random.uniform(0.015, 0.05), horizon - 0.18, (0.05, 0.038, 0.028))
    for _ in range(45):
        x, y = random.uniform(0, 1), random.uniform(-0.1, horizon - 0.1)
        canvas.oval(x, y, 0.006, 0.006, 0, _colour(np.array(sky) * random.uniform(1, 3)))
    return canvas.out_of_focus(random.uniform(0.025, 0.05))


def street(random: Generator) -> Floats32:
    """House fronts by day."""
    canvas = _Canvas(_vary(random, (0.70, 0.82, 1.0), 0.08))
    x = -0.2
    while x < 1.15:
        width = random.uniform(0.18, 0.42)
        wall = np.array(_pick(random, _WALLS, 0.1)) * random.uniform(0.5, 1.0)
        top = random.uniform(-0.1, 0.3)
        canvas.box(x, top, width, 1.4, _colour(wall))
        for row in np.arange(top + 0.06, 0.75, 0.15):
            for column in np.arange(x + 0.03, x + width - 0.06, 0.1):
                glass = _vary(random, (0.08, 0.11, 0.15), 0.5)
                canvas.box(float(column), float(row), 0.05, 0.09, glass)
        x += width
    canvas.box(-0.2, 0.82, 1.4, 0.5, (0.20, 0.20, 0.20))
    for _ in range(int(random.integers(1, 4))):
        x = random.uniform(-0.1, 0.9)
        canvas.box(x, 0.74, 0.26, 0.12, _vary(random, (0.22, 0.06, 0.05), 0.9))
    return canvas.out_of_focus(random.uniform(0.03, 0.05))


def night(random: Generator) -> Floats32:
    """A street at night: lit windows, lamps and signs as discs of light."""
    canvas = _Canvas(_vary(random, (0.012, 0.014, 0.024), 0.2))
    canvas.shade(1.0, 2.2, 1.0, 1.0)
    for _ in range(int(random.integers(4, 8))):
        x, top = random.uniform(-0.1, 1.0), random.uniform(0.1, 0.5)
        canvas.box(x, top, random.uniform(0.1, 0.3), 1.2, _vary(random, (0.010, 0.011, 0.014), 0.5))
    for _ in range(int(random.integers(22, 48))):
        x, y = random.uniform(-0.1, 1.1), np.clip(random.normal(0.5, 0.22), 0, 0.95)
        light = np.array(_pick(random, _LIGHTS, 0.2)) * random.uniform(0.6, 3.0)
        size = random.uniform(0.006, 0.016)
        canvas.oval(x, float(y), size, size, 0, _colour(light))
    canvas.glow(random.uniform(0, 1), 0.9, 0.35, (0.03, 0.024, 0.016))
    return canvas.out_of_focus(random.uniform(0.03, 0.055))


def dark_room(random: Generator) -> Floats32:
    """A room at night, a lamp or a screen somewhere in it."""
    canvas = _Canvas(_colour(np.array(_pick(random, _WALLS, 0.1)) * 0.10))
    _bookshelf(canvas, random, random.uniform(-0.1, 0.6), 0.08)
    place = random.choice([0.12, 0.86]) + random.normal(0, 0.05)
    if random.uniform() < 0.65:
        _lamp(canvas, random, place)
    else:
        canvas.box(place - 0.14, 0.5, 0.28, 0.17, (0.28, 0.42, 0.62))
        canvas.glow(place, 0.58, 0.3, (0.03, 0.045, 0.07))
    canvas.shade(0.8, 1.0, 1.0, 0.8)
    return canvas.out_of_focus(random.uniform(0.025, 0.045))


BACKGROUNDS: dict[str, Callable[[Generator], Floats32]] = {
    "studio": studio,
    "room": room,
    "office": office,
    "trees": trees,
    "street": street,
    "night": night,
    "dark-room": dark_room,
}


# -- things ---------------------------------------------------------------------------------------


def _window(canvas: _Canvas, random: Generator, x: float) -> None:
    width, top, height = random.uniform(0.26, 0.4), random.uniform(0.0, 0.15), 0.55
    canvas.box(x - 0.02, top - 0.02, width + 0.04, height + 0.04, (0.55, 0.54, 0.52))
    canvas.box(x, top, width, height, _vary(random, (1.5, 1.7, 1.9), 0.1))
    canvas.box(x, top + 0.62 * height, width, 0.38 * height, _vary(random, (0.35, 0.5, 0.28), 0.2))
    canvas.box(x + 0.48 * width, top, 0.02, height, (0.5, 0.49, 0.47))
    canvas.box(x, top + 0.45 * height, width, 0.02, (0.5, 0.49, 0.47))
    if random.uniform() < 0.6:
        curtain = _pick(random, _CLOTHS, 0.2)
        for side in (x - 0.08, x + width - 0.03):
            for fold in range(5):
                tone = np.array(curtain) * (1.0 + 0.35 * (-1) ** fold)
                canvas.box(side + 0.022 * fold, top - 0.06, 0.022, height + 0.35, _colour(tone))


def _bookshelf(canvas: _Canvas, random: Generator, x: float, light: float = 1.0) -> None:
    width = random.uniform(0.32, 0.5)
    wood = np.array(_pick(random, _WOODS, 0.1)) * light
    canvas.box(x, -0.05, width, 1.2, _colour(wood * 0.45))
    for shelf in np.arange(0.02, 1.1, 0.17):
        spot = x + 0.01
        while spot < x + width - 0.02:
            thick, high = random.uniform(0.008, 0.024), random.uniform(0.08, 0.14)
            if random.uniform() < 0.88:
                tone = random.uniform(0.02, 0.4) * random.dirichlet((9.0, 7.0, 5.5)) * 2 * light
                canvas.box(spot, float(shelf) + 0.15 - high, thick, high, _colour(tone))
            spot += thick + 0.001
        canvas.box(x, float(shelf) + 0.15, width, 0.018, _colour(wood))


def _pictures(canvas: _Canvas, random: Generator, x: float) -> None:
    for _ in range(int(random.integers(1, 4))):
        width, height = random.uniform(0.12, 0.26), random.uniform(0.14, 0.26)
        left, top = x + random.uniform(-0.05, 0.18), random.uniform(0.02, 0.4)
        frame = _pick(random, (*_WOODS, (0.02, 0.02, 0.02), (0.6, 0.6, 0.58)), 0.1)
        canvas.box(left, top, width, height, frame)
        canvas.box(left + 0.015, top + 0.015, width - 0.03, height - 0.03, (0.68, 0.67, 0.64))
        for _ in range(5):
            spot_x = left + random.uniform(0.25, 0.75) * width
            spot_y = top + random.uniform(0.25, 0.75) * height
            tone = _colour(random.uniform(0.05, 0.6, 3))
            canvas.oval(spot_x, spot_y, 0.16 * width, 0.14 * height, random.uniform(0, 180), tone)


def _door(canvas: _Canvas, random: Generator, x: float) -> None:
    wood = np.array(_pick(random, (*_WOODS, (0.55, 0.54, 0.51)), 0.1))
    canvas.box(x - 0.02, 0.05, 0.36, 1.2, _colour(wood * 0.75))
    canvas.box(x, 0.07, 0.32, 1.2, _colour(wood))
    for top in (0.13, 0.55):
        canvas.box(x + 0.06, top, 0.2, 0.34, _colour(wood * 0.85))


def _sofa(canvas: _Canvas, random: Generator) -> None:
    cloth = np.array(_pick(random, _CLOTHS, 0.2))
    top, left = random.uniform(0.68, 0.8), random.uniform(-0.2, 0.1)
    canvas.box(left, top, 1.1, 0.5, _colour(cloth))
    for number in range(4):
        tone = np.array(_pick(random, (*_CLOTHS, (0.42, 0.30, 0.12)), 0.3))
        canvas.oval(left + 0.15 + 0.28 * number, top + 0.06, 0.1, 0.075, 0, _colour(tone))


def _lamp(canvas: _Canvas, random: Generator, x: float) -> None:
    height = random.uniform(0.25, 0.55)
    canvas.box(x - 0.008, height, 0.016, 0.9, (0.03, 0.028, 0.025))
    canvas.glow(x, height, 0.16, (0.35, 0.22, 0.10))
    shade = np.array([[-0.05, -0.12], [0.05, -0.12], [0.085, 0.02], [-0.085, 0.02]])
    corners = [canvas.at(x + dx, height + dy) for dx, dy in shade]
    cv2.fillConvexPoly(canvas.pixels, np.array(corners, np.int32), (2.6, 1.75, 0.95))


def _plant(canvas: _Canvas, random: Generator, x: float) -> None:
    base, green = random.uniform(0.75, 0.95), np.array(_vary(random, (0.05, 0.12, 0.035), 0.25))
    for _ in range(34):
        turn = random.uniform(-150, -30)
        far = random.uniform(0.08, 0.3)
        leaf_x = x + far * np.cos(np.radians(turn)) * 0.7
        leaf_y = base + far * np.sin(np.radians(turn)) * 1.3
        tone = _colour(green * random.uniform(0.5, 2.0))
        canvas.oval(leaf_x, leaf_y, 0.055, 0.018, turn + random.normal(0, 25), tone)
    canvas.box(x - 0.06, base, 0.12, 0.3, _vary(random, (0.30, 0.16, 0.10), 0.4))


def _pick(random: Generator, colours: tuple[Vector, ...], spread: float) -> Vector:
    return _vary(random, colours[int(random.integers(len(colours)))], spread)


def _vary(random: Generator, colour: Vector, spread: float) -> Vector:
    """A colour near another: brightness and, less, hue."""
    factor = np.exp(random.normal(0, spread)) * np.exp(random.normal(0, 0.3 * spread, 3))
    return _colour(np.asarray(colour) * factor)


def _colour(values: np.ndarray) -> Vector:
    red, green, blue = (float(v) for v in values)
    return red, green, blue
