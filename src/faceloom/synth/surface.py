"""Places on a mesh: the nearest point of its surface, as a mix of three vertices.

Convention: a place is (vertices (N, 3) int64, weights (N, 3) float64), the weights adding up to 1;
it stays the same place of the skin when the mesh moves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from faceloom.synth.scene import Floats, Indices

_CANDIDATES = 8


class Places(NamedTuple):
    """Points of a surface."""

    vertices_N3: NDArray[np.int64]
    weights_N3: Floats

    def of(self, values_V: Floats) -> Floats:
        """Vertex values (V,) or (V, C) at the places."""
        return np.einsum("nk,nk...->n...", self.weights_N3, values_V[self.vertices_N3])


class Surface:
    """Triangles made ready for the search of nearest points."""

    def __init__(self, vertices_V3: Floats, triangles_T3: Indices) -> None:
        self._triangles_T3 = triangles_T3.astype(np.int64)
        self._corners_T33 = vertices_V3[self._triangles_T3]
        self._centres_T3 = self._corners_T33.mean(axis=1)
        self._by_centre = cKDTree(self._centres_T3)
        self._by_front = cKDTree(self._centres_T3[:, :2])

    def nearest(self, points_N3: Floats) -> Places:
        """The nearest places (points beyond a triangle's edge move onto the edge)."""
        found_NM = np.asarray(self._by_centre.query(points_N3, _CANDIDATES)[1])
        weights_NM3 = self._weights(points_N3, found_NM)
        shown_NM3 = np.einsum("nmk,nmkc->nmc", weights_NM3, self._corners_T33[found_NM])
        distance_NM = np.linalg.norm(shown_NM3 - points_N3[:, None], axis=2)
        return self._best(found_NM, weights_NM3, distance_NM)

    def from_front(self, xy_N2: Floats) -> Places:
        """The places hit by lines along z through (x, y); the surface must not fold over itself."""
        found_NM = np.asarray(self._by_front.query(xy_N2, _CANDIDATES)[1])
        points_N3 = np.concatenate([xy_N2, np.zeros((len(xy_N2), 1))], axis=1)
        weights_NM3 = self._weights(points_N3, found_NM, flat=True)
        shown_NM2 = np.einsum("nmk,nmkc->nmc", weights_NM3, self._corners_T33[found_NM, :, :2])
        distance_NM = np.linalg.norm(shown_NM2 - xy_N2[:, None], axis=2)
        return self._best(found_NM, weights_NM3, distance_NM)

    def _weights(self, points_N3: Floats, found_NM: NDArray[np.intp], flat: bool = False) -> Floats:
        """Barycentric weights of the points in their candidate triangles, clamped, (N, M, 3)."""
        size = 2 if flat else 3
        corners_NM3C = self._corners_T33[found_NM][..., :size]
        origin = corners_NM3C[:, :, 0]
        first, second = corners_NM3C[:, :, 1] - origin, corners_NM3C[:, :, 2] - origin
        offset = points_N3[:, None, :size] - origin
        a, b, c = (first * first).sum(-1), (first * second).sum(-1), (second * second).sum(-1)
        d, e = (offset * first).sum(-1), (offset * second).sum(-1)
        determinant = np.maximum(a * c - b * b, 1e-18)
        weight_1, weight_2 = (c * d - b * e) / determinant, (a * e - b * d) / determinant
        weights = np.clip(np.stack([1 - weight_1 - weight_2, weight_1, weight_2], -1), 0, 1)
        return weights / weights.sum(-1, keepdims=True)

    def _best(self, found_NM: NDArray[np.intp], weights_NM3: Floats, distance_NM: Floats) -> Places:
        best_N = np.argmin(distance_NM, axis=1)
        rows = np.arange(len(best_N))
        return Places(self._triangles_T3[found_NM[rows, best_N]], weights_NM3[rows, best_N])


def scatter(
    vertices_V3: Floats,
    triangles_T3: Indices,
    density_T: Floats,
    count: int,
    rng: np.random.Generator,
) -> Places:
    """Random places, spread evenly by area times density."""
    corners = vertices_V3[triangles_T3]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    chance = np.linalg.norm(normals, axis=1) * density_T
    chosen = rng.choice(len(triangles_T3), count, p=chance / chance.sum())
    weights = rng.dirichlet((1.0, 1.0, 1.0), count)
    return Places(triangles_T3[chosen].astype(np.int64), weights)
