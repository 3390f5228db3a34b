"""Hair that stands on its own: strands grown from the scalp, step by step, in the flow of a style.

Each step a strand turns by gravity, by the style's flow and by its clump's common noise, and is
pushed off the skin that it would pierce. Convention: head coordinates at rest, decimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from faceloom.synth.anatomy import CROWN, bump, over_hairline, smoothstep
from faceloom.synth.assets import Head, vertex_normals
from faceloom.synth.kernels.noise import fbm
from faceloom.synth.scene import Floats, Strands
from faceloom.synth.strands import hair_colours
from faceloom.synth.surface import scatter
from faceloom.synth.traits import HairStyle, Traits


@dataclass(frozen=True)
class Style:
    """How the hair of a style grows."""

    length_dm: float
    joints: int
    strands: int
    width_dm: float
    lift: float
    """How steeply strands leave the skin, 0 along it, 1 straight up."""
    fall: float
    """How fast they turn downwards."""
    body_dm: float
    """Thickness of the hair over the scalp."""
    curl: float = 0.0
    sway: float = 0.0
    free: bool = False
    """Whether the lengths hang clear of the neck."""


STYLES: dict[HairStyle, Style] = {
    "buzz": Style(0.036, 3, 17000, 0.008, 0.55, 0.1, 0.01),
    "bald": Style(0.09, 4, 5000, 0.009, 0.5, 0.15, 0.02),
    "short": Style(0.30, 7, 13000, 0.012, 0.32, 0.20, 0.10),
    "side part": Style(0.55, 10, 13000, 0.012, 0.16, 0.14, 0.12),
    "swept back": Style(0.62, 10, 13000, 0.012, 0.20, 0.06, 0.12),
    "bob": Style(1.40, 14, 13000, 0.013, 0.18, 0.75, 0.14, sway=0.5, free=True),
    "long": Style(2.10, 16, 14000, 0.013, 0.15, 0.85, 0.13, sway=0.8, free=True),
    "ponytail": Style(0.95, 10, 13000, 0.012, 0.10, 0.04, 0.07),
    "bun": Style(0.95, 10, 13000, 0.012, 0.10, 0.04, 0.07),
    "curly": Style(0.75, 12, 12000, 0.013, 0.55, 0.28, 0.22, curl=0.8, sway=0.15),
    "afro": Style(0.55, 10, 14000, 0.013, 0.85, 0.0, 0.20, curl=1.0),
}
_CLUMP_FREQUENCY = 4.0
_FOREHEAD_X_DM, _FOREHEAD_Y_DM = 0.56, 7.88
_EAR_DM = 0.10
_NECK_XZ = np.array([0.0, 0.25])
_HANG_DM = ((5.4, 6.2, 6.8, 7.2, 7.6, 8.0), (0.84, 0.88, 0.92, 0.95, 1.0, 3.0))
"""How far from the neck's axis open hair hangs, by height."""
_TIE = np.array([0.0, 7.95, -0.55])
"""Where a ponytail or bun is tied."""


def make_hair(head: Head, vertices_V3: Floats, traits: Traits) -> Strands:
    """The strands of a person whose neutral face is given."""
    rng = np.random.default_rng([traits.seed, 0x4A])
    style = STYLES[traits.hair.style]
    grower = _Grower(head, vertices_V3, traits, style, rng)
    points = grower.grow()
    if traits.hair.style in ("ponytail", "bun"):
        points = np.concatenate([points, _tail(traits, points.shape[1], rng)])
    points = rng.permutation(points)  # So that any beginning of them is hair of all places.
    count, joints = points.shape[:2]
    sway_K = style.sway * np.linspace(0, 1, joints) ** 1.5
    return Strands(
        points,
        np.full(count, style.width_dm, np.float32),
        hair_colours(traits, count, traits.hair.grey, rng),
        rng.random((count,)).astype(np.float32),
        np.tile(np.asarray(sway_K, np.float32), (count, 1)),
    )


class _Grower:
    """Grows the strands of the scalp."""

    def __init__(
        self, head: Head, vertices_V3: Floats, traits: Traits, style: Style,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self.traits, self.style, self.rng = traits, style, rng
        centres = head.base_V3[head.body_triangles].mean(axis=1).astype(np.float32)
        ears = head.masks_V["ears"][head.body_triangles].max(axis=1)
        scalp = (over_hairline(centres, traits) > -0.04) & (ears < 0.15) & (centres[:, 1] > 6.5)
        places = scatter(
            vertices_V3, head.body_triangles, scalp.astype(np.float64), style.strands, rng
        )
        rest = places.of(head.base_V3)
        grown = over_hairline(rest.astype(np.float32), traits)
        # The hairline thins out instead of ending.
        keep = grown > rng.uniform(-0.03, 0.05, len(grown))
        self.rest, self.edge = rest[keep], np.clip(grown[keep] / 0.25, 0, 1)
        normals_V3 = vertex_normals(vertices_V3, head.body_triangles)
        self.roots = places.of(vertices_V3)[keep]
        normals = places.of(normals_V3)[keep]
        self.normals = normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9)
        # An ear's own skin would push hair aside in a step (see `_over_ears`).
        under = head.body_vertices[head.masks_V["ears"][head.body_vertices] < 0.15]
        self.skin, self.skin_normals = vertices_V3[under], normals_V3[under]
        self.tree = cKDTree(self.skin)
        side = 0.28 * traits.hair.parting
        self.parting = side if traits.hair.style in ("side part", "bob", "long") else 0.05
        self.away = np.where(self.rest[:, :1] > self.parting, 1.0, -1.0)

    def grow(self) -> Floats:
        """(N, K, 3)."""
        style, rng = self.style, self.rng
        count, joints = len(self.roots), style.joints
        flow = self._flow()
        length = style.length_dm * self.traits.hair.length * rng.uniform(0.75, 1.1, count)
        length = length * self._shorter()
        step = length[:, None] / (joints - 1)
        direction = _unit(style.lift * self.normals + flow + rng.normal(0, 0.10, (count, 3)))
        clearance = 0.012 + style.body_dm * rng.random(count) * np.clip(0.25 + self.edge, 0, 1)
        phase = rng.uniform(0, 2 * np.pi, count)
        points, place = [self.roots - 0.01 * self.normals], self.roots
        for joint in range(1, joints):
            along = joint / (joints - 1)
            down = np.array([0.0, -1.0, 0.0]) * style.fall * (0.35 + 1.1 * along)
            direction = direction + down + 0.35 * flow * (1 - along) ** 2
            direction = _unit(direction + rng.normal(0, 0.04, (count, 3)))
            if style.curl:
                direction = self._curled(direction, phase, joint)
            place = self._gathered(place + direction * step)
            lifted = clearance * min(1, 0.25 + 1.3 * along) + self._over_ears(place)
            place = self._off_skin(place, lifted)
            place = self._off_face(place)
            place = place + self._waves(place, along)
            points.append(place)
        grown = np.stack(points, axis=1)
        return grown[~self._astray(grown)]

    def _astray(self, points_NK3: Floats) -> NDArray[np.bool_]:
        """Single hairs of long, open hair that would lie across the face."""
        if not self.style.free or self.traits.hair.fringe:
            return np.zeros(len(points_NK3), bool)
        x, y, z = np.abs(points_NK3[..., 0]), points_NK3[..., 1], points_NK3[..., 2]
        return np.asarray(((x < _FOREHEAD_X_DM) & (y < _FOREHEAD_Y_DM) & (z > 1.0)).any(axis=1))

    def _flow(self) -> Floats:
        """The way hair is combed at each root."""
        rest = self.rest
        front = smoothstep(0.3, 1.3, rest[:, 2])[:, None]
        flat = np.ones((len(rest), 1))
        match self.traits.hair.style:
            case "side part":
                across = np.where(self.away > 0, 0.45, -0.9) * (1 if self.parting >= 0 else -1)
                return np.concatenate([across * flat, 0.15 * flat, 0.2 * front - 0.35], axis=1)
            case "swept back":
                return np.concatenate([0.15 * self.away, 0.25 * front, -0.95 * flat], axis=1)
            case "ponytail" | "bun":
                return _unit(_TIE - rest) * 1.4
            case "bob" | "long":
                fringe = self.traits.hair.fringe * front * (np.abs(rest[:, :1]) < 0.42)
                sides = np.concatenate(
                    [0.9 * self.away, 0.1 - 0.3 * (1 - front), -0.55 * front - 0.15], axis=1
                )
                forward = np.concatenate([0.1 * self.away, 0.05 * flat, 0.9 * flat], axis=1)
                return sides * (1 - fringe) + forward * fringe
            case "short" | "curly":
                whorl = rest - np.array(CROWN)
                return _unit(whorl * (1, 0.3, 1)) * 0.5 + np.concatenate(
                    [0.2 * self.away * np.abs(rest[:, :1]), 0.1 * flat, 0.3 * front - 0.1], axis=1
                )
            case "bald":
                return np.concatenate([0.2 * self.away, -0.4 * flat, -0.5 * flat], axis=1)
            case _:
                return np.zeros((len(rest), 3))

    def _shorter(self) -> Floats:
        """Factor on the length: sides and napes are cut shorter, a fringe over the brows."""
        height = self.rest[:, 1]
        match self.traits.hair.style:
            case "side part" | "swept back":
                return 0.26 + 0.74 * smoothstep(7.65, 8.15, height)
            case "short":
                return 0.35 + 0.65 * smoothstep(7.4, 7.9, height)
            case "bob" | "long" if self.traits.hair.fringe:
                front = (self.rest[:, 2] > 0.75) & (np.abs(self.rest[:, 0]) < 0.42)
                return np.where(front, 0.45 if self.style.length_dm < 2 else 0.30, 1.0)
            case _:
                return np.ones(len(self.rest))

    def _curled(self, direction: Floats, phase: Floats, joint: int) -> Floats:
        aside = _unit(np.cross(self.normals, [0.3, 0.2, 1.0]))
        beside = np.cross(self.normals, aside)
        turn = (phase + 2.1 * joint)[:, None]
        spiral = aside * np.cos(turn) + beside * np.sin(turn)
        outward = 0.75 * self.normals + 1.1 * spiral
        loose = direction + 1.3 * spiral
        return _unit(self.style.curl * outward + (1 - self.style.curl) * 2 * loose)

    def _gathered(self, place: Floats) -> Floats:
        """Lengths hang from where the head is widest, round the neck, and do not stand off."""
        if not self.style.free:
            return place
        widest = np.interp(place[:, 1], *_HANG_DM)
        arm = place[:, [0, 2]] - _NECK_XZ
        away = np.hypot(arm[:, 0], arm[:, 1] * 0.85)
        kept = np.where(away > widest, (widest + 0.55 * (away - widest)) / (away + 1e-9), 1.0)
        out = place.copy()
        out[:, [0, 2]] = _NECK_XZ + arm * kept[:, None]
        return out

    def _over_ears(self, place: Floats) -> Floats:
        """What hair that hangs keeps from the head's side, so that it goes over the ears."""
        if not self.style.free:
            return np.zeros(len(place))
        _, y, z = place.T
        return _EAR_DM * bump(y, 7.08, 0.42) * smoothstep(0.95, 0.70, z) * smoothstep(-0.2, 0.2, z)

    def _off_skin(self, place: Floats, clearance: Floats) -> Floats:
        """Push out what came nearer than the clearance; hold down what stands off too far."""
        distance, nearest = self.tree.query(place)
        normals = self.skin_normals[nearest]
        height = ((place - self.skin[nearest]) * normals).sum(axis=1)
        near = np.asarray(distance) < 0.6
        push = np.where(near, np.clip(clearance - height, 0, 0.25), 0)
        held = ~np.asarray(self.style.free and (place[:, 1] < 7.1))
        pull = np.where(
            near & held & (self.style.curl < 0.9), np.clip(height - clearance - 0.02, 0, 0.2), 0
        )
        return place + (push - 0.5 * pull)[:, None] * normals

    def _off_face(self, place: Floats) -> Floats:
        """Long hair hangs beside the face, not over it; a fringe ends above the eyes."""
        if not self.style.free:
            return place
        before = smoothstep(0.95, 1.25, place[:, 2]) * smoothstep(7.75, 7.45, place[:, 1])
        side = np.where(place[:, 0] > 0.2 * self.parting, 1.0, -1.0)
        short = np.clip(_FOREHEAD_X_DM + 0.06 - np.abs(place[:, 0]), 0, 0.3) * before
        moved = place.copy()
        moved[:, 0] += 0.8 * side * short
        moved[:, 2] -= 0.08 * before
        return moved

    def _waves(self, place: Floats, along: float) -> Floats:
        """Noise that neighbours share, so that strands run in locks."""
        strength = (0.008 + 0.016 * self.traits.hair.wave) * along * self.style.length_dm**0.5
        seed = self.traits.seed * 3
        return strength * np.stack(
            [
                fbm(place, _CLUMP_FREQUENCY, 2, seed + 1),
                0.3 * fbm(place, _CLUMP_FREQUENCY, 2, seed + 2),
                fbm(place, _CLUMP_FREQUENCY, 2, seed + 3),
            ],
            axis=1,
        )


def _tail(traits: Traits, joints: int, rng: np.random.Generator) -> Floats:
    """A hanging tail, or a coil, behind the tie."""
    count = 1800
    along = np.linspace(0, 1, joints)[None, :, None]
    spread = rng.normal(0, 1, (count, 1, 3))
    start = _TIE + 0.06 * spread
    if traits.hair.style == "ponytail":
        arc = np.concatenate(
            [0 * along, 0.10 * np.sin(np.pi * along) - 1.5 * along**1.3, -0.40 * along**0.6], axis=2
        )
        width = 0.06 + 0.10 * np.sin(np.pi * along**0.8)
        return start + arc + spread * width
    turn = 2 * np.pi * along * 1.4 + rng.uniform(0, 2 * np.pi, (count, 1, 1))
    radius = 0.20 + 0.06 * spread[..., :1]
    coil = np.concatenate(
        [radius * np.cos(turn), radius * np.sin(turn), 0 * turn - 0.10 + 0.09 * spread[..., 2:]],
        axis=2,
    )
    return _TIE + coil


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9))
