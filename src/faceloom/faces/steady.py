"""Steadies over time what shakes from frame to frame: the crop of a face, and its mesh therein.

Both by One-Euro filters (Casiez et al. 2012): firm where a face is still, quick where it moves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from faceloom.faces.align import crop_transform, reference_points
from faceloom.faces.face import Face, Mesh
from faceloom.faces.mask import INNER_MOUTH, LIPS
from faceloom.geometry import Similarity

Number = TypeVar("Number", float, NDArray[np.floating[Any]])
Values = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class SteadyConfig:
    """A One-Euro filter.

    `min_cutoff_hz` rules how firmly a still face is held, `speed_gain` how readily a moving one is
    followed; speeds are in face sizes (or radians) a second.
    """

    min_cutoff_hz: float = 1.0
    speed_gain: float = 12.0
    speed_cutoff_hz: float = 2.0

    def speed(self, before: Values, now: Values, dt_s: float) -> Values:
        """The speed, smoothed."""
        return before + _share(self.speed_cutoff_hz, dt_s) * (now - before)

    def followed(self, speed: Values, dt_s: float) -> Values:
        """How much of the way to a new value is gone at these speeds (not negative), 0 to 1."""
        return _share(self.min_cutoff_hz + self.speed_gain * speed, dt_s)


class CropSteadier:
    """Steadies the alignment of one face over time: transforms of crops that do not shake."""

    def __init__(
        self, size_px: int, coverage: float = 1.0, config: SteadyConfig | None = None
    ) -> None:
        self._size_px = size_px
        self._coverage = coverage
        self._config = config or SteadyConfig()
        self._value: NDArray[np.float64] | None = None
        self._speed: Values = np.zeros(4)
        self._time_s = 0.0

    def __call__(self, face: Face, time_s: float) -> Similarity:
        """The steadied frame-to-crop transform of the face at this time; times must rise.

        Raises ValueError if the face has no mesh.
        """
        if face.mesh_4683 is None:
            raise ValueError("steadying needs a face with a mesh")
        raw = crop_transform(face.mesh_4683, self._size_px, self._coverage)
        value = self._parameters(raw)
        dt_s = time_s - self._time_s
        self._time_s = time_s
        if self._value is None or dt_s <= 0:
            self._value, self._speed = value, np.zeros(4)
            return raw
        # Angles wrap: take the short way round.
        value[3] = self._value[3] + math.remainder(value[3] - self._value[3], 2 * math.pi)
        unit = np.array([self._face_px, self._face_px, 1.0, 1.0])
        speed = (value - self._value) / unit / dt_s
        self._speed = self._config.speed(self._speed, speed, dt_s)
        # Centre and size move together, or a lagging part would shear the motion.
        shares = self._config.followed(np.abs(self._speed), dt_s)
        shares[:2] = shares[:2].max()
        self._value = self._value + shares * (value - self._value)
        return self._transform(self._value)

    @property
    def _face_px(self) -> float:
        assert self._value is not None
        return float(self._size_px / math.exp(self._value[2]))

    def _parameters(self, transform: Similarity) -> NDArray[np.float64]:
        """Crop centre in the frame (px), log scale, angle (rad)."""
        middle = (self._size_px - 1) / 2
        x, y = transform.inverse().apply(np.array([[middle, middle]]))[0]
        angle = math.radians(transform.angle_deg)
        return np.array([x, y, math.log(transform.scale), angle])

    def _transform(self, value: NDArray[np.float64]) -> Similarity:
        turn = Similarity.from_parts(math.exp(value[2]), math.degrees(value[3]))
        x, y = turn.apply(value[None, :2])[0].tolist()
        middle = (self._size_px - 1) / 2
        return Similarity(turn.a, turn.b, middle - x, middle - y)


def _share(cutoff_hz: Number, dt_s: float) -> Number:
    """The weight of a new value in a first-order low pass."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * dt_s))


_MESH = SteadyConfig(speed_gain=20.0)
"""Meshes shake less than they move: speeds are in crops a second."""
_FREE = 1 / 4
"""Points nearer to the lips than this, over the crop's side, follow more quickly, lips at once."""


class MeshSteadier:
    """Steadies the mesh of one face within its crops: what is laid onto its features by it, and
    where its outline runs, does not shake. Lips move too fast to be held: they stay as seen."""

    def __init__(self) -> None:
        self._value: NDArray[np.float32] | None = None
        self._speed: Values = np.zeros((468, 2), np.float32)
        self._time_s = 0.0

    def __call__(self, mesh_4683: Mesh, size_px: int, time_s: float) -> Mesh:
        """The steadied mesh, in pixels of a crop of this side; times must rise."""
        dt_s = time_s - self._time_s
        self._time_s = time_s
        if self._value is None or dt_s <= 0:
            self._value, self._speed = mesh_4683, np.zeros((468, 2), np.float32)
            return mesh_4683
        step = mesh_4683 - self._value
        speed = step[:, :2] / (size_px * dt_s)
        self._speed = _MESH.speed(self._speed, speed, dt_s)
        share = _MESH.followed(np.linalg.norm(self._speed, axis=1, keepdims=True), dt_s)
        followed = self._value + np.maximum(share, _freedom()) * step
        self._value = np.asarray(followed, np.float32)
        return self._value


@cache
def _freedom() -> NDArray[np.float64]:
    """Of each mesh point (468, 1): 1 on the lips, 0 away from them."""
    points = reference_points(1)
    near = cdist(points, points[list(LIPS + INNER_MOUTH)]).min(axis=1)
    return np.asarray(np.clip(1 - near / _FREE, 0, 1)[:, None])
