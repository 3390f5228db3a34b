"""The 68 landmarks' vertices on the head at rest, found once by where they lie.

Convention: iBUG order (Sagonas et al. 2013, "300 Faces in-the-Wild"); the first point of each pair
lies on the picture's left, which is the person's right (negative x).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from faceloom.synth.scene import Floats

if TYPE_CHECKING:
    from faceloom.synth.assets import Head

_JAW = (
    (0.74, 7.25, 0.64), (0.745, 7.06, 0.64), (0.73, 6.88, 0.66), (0.70, 6.70, 0.70),
    (0.62, 6.52, 0.80), (0.50, 6.38, 0.98), (0.36, 6.28, 1.15), (0.18, 6.22, 1.35),
)  # fmt: skip
_CHIN = (0.0, 6.19, 1.42)
_BROW_X = (0.53, 0.44, 0.34, 0.23, 0.13)
_NOSE_BRIDGE_Y = (7.29, 7.18, 7.07, 6.95)
_NOSE_BASE = ((-0.135, 6.885), (-0.07, 6.862), (0.0, 6.85), (0.07, 6.862), (0.135, 6.885))
_UPPER_LIP = ((-0.15, 6.695), (-0.06, 6.727), (0.0, 6.715), (0.06, 6.727), (0.15, 6.695))
_LOWER_LIP = ((0.15, 6.53), (0.07, 6.495), (0.0, 6.488), (-0.07, 6.495), (-0.15, 6.53))
_MOUTH_CORNER, _INNER_CORNER = (0.255, 6.642), (0.225, 6.642)
_INNER_LIP_X = (-0.1, 0.0, 0.1)
_UPPER_LASHES, _LOWER_LASHES = {"left": 6, "right": 8}, {"left": 7, "right": 9}


def find_landmarks(head: Head) -> NDArray[np.intp]:
    """Vertex ids (68,)."""
    return _Finder(head).all()


def lash_rows(head: Head, part: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Vertices of a lash strip's root (by the lid) and of its tips, running the same way."""
    triangles = head.triangles_T3[head.part_T == part]
    sides = np.sort(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    )
    edges, counts = np.unique(sides, axis=0, return_counts=True)
    neighbours: dict[int, list[int]] = {}
    for a, b in edges[counts == 1].tolist():
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    loop = [min(neighbours)]
    before = -1
    while True:
        onward = [v for v in neighbours[loop[-1]] if v != before and v != loop[0]]
        if not onward or len(loop) >= len(neighbours):
            break
        before = loop[-1]
        loop.append(onward[0])
    # The strip is two long rows with three points across each end.
    count = len(loop)
    last = (count - 8) // 2
    skin = cKDTree(head.base_V3[head.body_vertices])
    distance = np.asarray(skin.query(head.base_V3[loop])[0])
    start = min(range(count), key=lambda k: sum(distance[(k + q) % count] for q in range(last + 1)))
    root = [loop[(start + q) % count] for q in range(last + 1)]
    tip = [loop[(start + last + 4 + q) % count] for q in range(last + 1)][::-1]
    return np.array(root, np.intp), np.array(tip, np.intp)


class _Finder:
    """Takes the nearest vertex of a region to each wanted place, none twice."""

    def __init__(self, head: Head) -> None:
        from faceloom.synth.assets import vertex_normals

        self._head, self._rest = head, head.base_V3
        body = np.zeros(len(self._rest), bool)
        body[head.body_vertices] = True
        opened = np.zeros_like(self._rest)
        head.morph(opened, "expr/jawOpen", 1.0)
        falls = -opened[:, 1]
        normals = vertex_normals(self._rest, head.solid_triangles)
        outer = body & (head.masks_V["inside-mouth"] < 0.3)
        front = outer & (normals[:, 2] > 0.05) & (self._rest[:, 2] > 0.9)
        lips = body & (self._rest[:, 2] > 1.35) & (head.masks_V["lips"] > 0.5)
        self._skin, self._front = np.nonzero(outer)[0], np.nonzero(front)[0]
        self._above = np.nonzero(front & (falls < 0.08))[0]
        self._below = np.nonzero(
            body & (falls > 0.10) & (self._rest[:, 2] > 1.3) & (head.masks_V["inside-mouth"] < 0.35)
        )[0]
        self._upper_lip = np.nonzero(lips & (falls < 0.08))[0]
        self._lower_lip = np.nonzero(lips & (falls > 0.10))[0]
        self._used: set[int] = set()

    def all(self) -> NDArray[np.intp]:
        corner_x, corner_y = _MOUTH_CORNER
        inner_x, inner_y = _INNER_CORNER
        found = [self._solid((-x, y, z)) for x, y, z in _JAW] + [self._solid(_CHIN)]
        found += [self._solid(place) for place in _JAW[::-1]]
        found += [self._flat((-x, _brow_y(x)), self._front) for x in _BROW_X]
        found += [self._flat((x, _brow_y(x)), self._front) for x in _BROW_X[::-1]]
        found += [self._flat((0.0, y), self._front) for y in _NOSE_BRIDGE_Y]
        found += [self._flat(place, self._front) for place in _NOSE_BASE]
        found += self._eye("right") + self._eye("left")
        corners = [self._flat((side * corner_x, corner_y), self._front) for side in (-1, 1)]
        upper = [self._flat(place, self._above) for place in _UPPER_LIP]
        lower = [self._flat(place, self._below) for place in _LOWER_LIP]
        found += [corners[0], *upper, corners[1], *lower]
        inner = [self._flat((side * inner_x, inner_y), self._front) for side in (-1, 1)]
        upper = [self._lip_edge(self._upper_lip, x, 1) for x in _INNER_LIP_X]
        lower = [self._lip_edge(self._lower_lip, x, -1) for x in _INNER_LIP_X[::-1]]
        found += [inner[0], *upper, inner[1], *lower]
        return np.array(found, np.intp)

    def _solid(self, place: Iterable[float]) -> int:
        return self._nearest(np.array(list(place)), self._skin, 3)

    def _flat(self, place: tuple[float, float], among: NDArray[np.intp]) -> int:
        return self._nearest(np.array(place), among, 2)

    def _nearest(self, place: Floats, among: NDArray[np.intp], axes: int) -> int:
        free = np.array([v for v in among.tolist() if v not in self._used], np.intp)
        distance = np.linalg.norm(self._rest[free, :axes] - place[:axes], axis=1)
        found = int(free[np.argmin(distance)])
        self._used.add(found)
        return found

    def _eye(self, side: str) -> list[int]:
        """Six points of an eye, from the picture's left corner over the upper lid."""
        sign = 1 if side == "left" else -1
        offset = self._rest[:, :2] - (sign * 0.31, 7.28)
        near = (np.abs(offset) < (0.2, 0.15)).all(axis=1) & (self._rest[:, 2] > 1.2)
        lids = self._skin[near[self._skin]]
        upper, lower = (
            self._outwards(lash_rows(self._head, parts[side])[0])
            for parts in (_UPPER_LASHES, _LOWER_LASHES)
        )
        inner_place = (upper[0] + lower[0]) / 2 - (sign * 0.012, 0, 0)
        inner = self._nearest(inner_place, lids, 3)
        outer = self._nearest((upper[-1] + lower[-1]) / 2, lids, 3)
        places = [_along(row, share) for row in (upper, lower) for share in (0.36, 0.68)]
        up_in, up_out, low_in, low_out = (self._nearest(place, lids, 3) for place in places)
        if side == "right":
            return [outer, up_out, up_in, inner, low_in, low_out]
        return [inner, up_in, up_out, outer, low_out, low_in]

    def _outwards(self, row: NDArray[np.intp]) -> Floats:
        places = self._rest[row]
        return places[np.argsort(np.abs(places[:, 0]))]

    def _lip_edge(self, among: NDArray[np.intp], x: float, sign: int) -> int:
        """The lip's vertex nearest to the slit of the mouth."""
        here = among[np.abs(self._rest[among, 0] - x) < 0.03]
        return int(here[np.argmin(sign * self._rest[here, 1] - 0.5 * self._rest[here, 2])])


def _brow_y(x: float) -> float:
    t = (x - 0.115) / 0.44
    fall = np.clip((t - 0.55) / 0.45, 0, 1)
    return float(7.462 + 0.075 * np.sin(np.pi * t * 0.78) - 0.075 * fall * fall * (3 - 2 * fall))


def _along(row_N3: Floats, share: float) -> Floats:
    """A point of a polyline, by share of its points."""
    at = np.linspace(0, 1, len(row_N3))
    return np.array([np.interp(share, at, row_N3[:, axis]) for axis in range(3)])
