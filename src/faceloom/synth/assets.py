"""The head that every person is a morph of: MakeHuman's CC0 mesh, its targets, masks and chart.

Legend: V base vertices, R render vertices (one for each pair of base vertex and chart point), T
triangles, X texels of the chart. Lengths are decimetres, axes as in `scene`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from faceloom.synth.kernels import normals as kernel
from faceloom.synth.kernels.raster import Target, draw_triangles
from faceloom.synth.scene import Floats, Floats32, Indices

BODY, LEFT_EYE, RIGHT_EYE, UPPER_TEETH, LOWER_TEETH, TONGUE = range(6)
"""Parts of the mesh; 6 to 9 are strips from which lashes grow: left upper, lower, right upper..."""
RENDERED_PARTS = (BODY, UPPER_TEETH, LOWER_TEETH, TONGUE)
MASKS = ("face", "lips", "eyelids", "ears", "inside-mouth")
CHART_SIZE_PX = (1024, 2304)
"""Width and height of the chart's maps."""
_CHART_LEFT, _CHART_TOP = 0.6, 0.9
"""The head's part of MakeHuman's chart: u from .6 to 1, v from 0 to .9."""
TURN_PIVOT = (0.0, 6.55, 0.25)
"""The point about which the head turns."""


@dataclass(frozen=True, eq=False)
class Chart:
    """The texels that show skin."""

    size_px: tuple[int, int]
    rows_X: NDArray[np.intp]
    columns_X: NDArray[np.intp]
    rest_X3: Floats32
    """Each texel's place on the head at rest."""
    normals_X3: Floats32
    masks_X: Mapping[str, Floats32]


@dataclass(frozen=True, eq=False)
class Head:
    """The mesh and what is known about it."""

    base_V3: Floats
    triangles_T3: Indices
    part_T: NDArray[np.uint8]
    masks_V: Mapping[str, Floats32]
    chart_U2: Floats
    """Chart points, u and v of the head's part in [0, 1], v downwards; -1 outside that part."""
    chart_triangles_T3: Indices
    targets: Mapping[str, tuple[NDArray[np.intp], Floats]]

    @property
    def target_names(self) -> tuple[str, ...]:
        return tuple(self.targets)

    def morph(self, vertices_V3: Floats, name: str, weight: float) -> None:
        """Add a target, in place. Raises KeyError for an unknown one."""
        rows, moves = self.targets[name]
        if weight:
            vertices_V3[rows] += weight * moves

    # -- render vertices --------------------------------------------------------------------------

    @cached_property
    def _pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp], Indices, NDArray[np.bool_]]:
        shown_T = np.isin(self.part_T, RENDERED_PARTS)
        pairs = np.stack(
            [self.triangles_T3[shown_T].ravel(), self.chart_triangles_T3[shown_T].ravel()], axis=1
        )
        unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
        triangles = inverse.reshape(-1, 3).astype(np.int32)
        return unique[:, 0].astype(np.intp), unique[:, 1].astype(np.intp), triangles, shown_T

    @property
    def render_vertex_R(self) -> NDArray[np.intp]:
        """The base vertex of each render vertex."""
        return self._pairs[0]

    @property
    def render_triangles_T3(self) -> Indices:
        return self._pairs[2]

    @cached_property
    def render_part_T(self) -> NDArray[np.uint8]:
        return self.part_T[self._pairs[3]]

    @cached_property
    def uv_R2(self) -> Floats32:
        """Place on the chart, 0 to 1; -1 where a vertex (or a triangle of it) lies outside."""
        uv = self.chart_U2[self._pairs[1]].copy()
        outside_T = (uv[self.render_triangles_T3] < 0).any(axis=(1, 2))
        uv[np.unique(self.render_triangles_T3[outside_T])] = -1
        return uv.astype(np.float32)

    @cached_property
    def masks_R(self) -> dict[str, Floats32]:
        return {name: mask[self.render_vertex_R] for name, mask in self.masks_V.items()}

    # -- regions ----------------------------------------------------------------------------------

    @cached_property
    def body_triangles(self) -> Indices:
        return self.triangles_T3[self.part_T == BODY]

    @cached_property
    def body_vertices(self) -> NDArray[np.intp]:
        return np.unique(self.body_triangles).astype(np.intp)

    @cached_property
    def solid_triangles(self) -> Indices:
        """Of everything that has a surface of its own: skin, teeth, tongue."""
        return self.triangles_T3[np.isin(self.part_T, RENDERED_PARTS)]

    @cached_property
    def eye_vertices(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The eyeballs' vertices: the person's left, then right."""
        left, right = (
            np.unique(self.triangles_T3[self.part_T == part]).astype(np.intp)
            for part in (LEFT_EYE, RIGHT_EYE)
        )
        return left, right

    @cached_property
    def neck_turn_V(self) -> Floats:
        """How far each vertex follows the head's turns: 0 at the shoulders, 1 from the jaw up."""
        height = self.base_V3[:, 1] + 0.45 * (self.base_V3[:, 2] - 0.3)
        share = np.clip((height - 5.75) / (6.62 - 5.75), 0, 1)
        return share * share * (3 - 2 * share)

    @cached_property
    def collar_V(self) -> Floats:
        """Height over the shirt's neckline; negative is under the shirt."""
        x, y, z = self.base_V3.T
        return y - (5.80 - 0.42 * (z - 0.15) + 0.10 * np.clip(np.abs(x) - 0.45, 0, 0.6))

    @cached_property
    def landmarks_68(self) -> NDArray[np.intp]:
        """Vertices of the 68 iBUG landmarks (Sagonas et al. 2013); 0 lies on the picture's left."""
        from faceloom.synth.landmarks import find_landmarks

        return find_landmarks(self)

    @cached_property
    def chart(self) -> Chart:
        """The chart, rasterised once."""
        width, height = CHART_SIZE_PX
        points_R3 = np.ones((len(self.uv_R2), 3), np.float32)
        points_R3[:, :2] = self.uv_R2 * (width, height)
        skin_T = (self.render_part_T == BODY) & (self.uv_R2[self.render_triangles_T3] >= 0).all(
            axis=(1, 2)
        )
        triangles_T3 = self.render_triangles_T3[skin_T]
        target = Target.blank(width, height)
        draw_triangles(points_R3, triangles_T3, target, first=0)
        rows, columns = np.nonzero(target.index_HW >= 0)
        corners_X3 = triangles_T3[target.index_HW[rows, columns]]
        weights_X2 = target.weights_HW2[rows, columns]
        weights_X3 = np.column_stack([1 - weights_X2.sum(axis=1), weights_X2])

        def spread(values_R: NDArray[np.floating]) -> Floats32:
            return np.einsum("xk,xk...->x...", weights_X3, values_R[corners_X3]).astype(np.float32)

        normals = vertex_normals(self.base_V3, self.solid_triangles)[self.render_vertex_R]
        return Chart(
            CHART_SIZE_PX,
            rows,
            columns,
            spread(self.base_V3[self.render_vertex_R]),
            _unit(spread(normals)).astype(np.float32),
            {name: spread(mask) for name, mask in self.masks_R.items()},
        )


def vertex_normals(vertices_V3: Floats, triangles_T3: Indices) -> Floats:
    """Unit normals (V, 3), faces weighted by area; zero at vertices of no triangle."""
    return np.asarray(kernel.vertex_normals(np.ascontiguousarray(vertices_V3), triangles_T3))


def _unit(vectors: NDArray[np.floating]) -> Floats:
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9))


@cache
def load_head() -> Head:
    """The head that ships with the package; loaded once."""
    with (files(__package__) / "assets" / "head.npz").open("rb") as file:
        data = np.load(file, allow_pickle=False)
        arrays = {name: data[name] for name in data.files}
    triangles_T3 = arrays["triangles"].astype(np.int32)
    chart_triangles_T3 = arrays["chart_triangles"].astype(np.int32)
    base_V3 = arrays["base"].astype(np.float64)
    starts, rows = arrays["target_starts"], arrays["target_rows"].astype(np.intp)
    moves = arrays["target_moves"].astype(np.float64)
    targets = {
        str(name): (rows[start:stop], moves[start:stop])
        for name, start, stop in zip(arrays["target_names"], starts, starts[1:], strict=False)
    }
    masks_V = {}
    for name in MASKS:
        mask = np.zeros(len(base_V3), np.float32)
        mask[triangles_T3] = arrays[f"mask_{name.replace('-', '_')}"][chart_triangles_T3]
        masks_V[name] = mask
    u, v = arrays["chart"].astype(np.float64).T
    chart_U2 = np.stack([(u - _CHART_LEFT) / (1 - _CHART_LEFT), (_CHART_TOP - v) / _CHART_TOP], 1)
    chart_U2[(u < _CHART_LEFT) | (v > _CHART_TOP)] = -1
    return Head(
        base_V3, triangles_T3, arrays["part"], masks_V, chart_U2, chart_triangles_T3, targets
    )
