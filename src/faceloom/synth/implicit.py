"""Smooth bodies out of rounded rods: their implicit surface as triangles.

Convention: a rod is two end points with a radius each; a negative distance is inside. The surface
is found by naive surface nets (Gibson 1998, "Constrained elastic surface nets"): one vertex a cell
that the surface crosses, one quad an edge. Legend: V vertices, T triangles, N points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faceloom.synth.scene import Floats, Indices, Vector

_MARGIN_CELLS = 2


@dataclass(frozen=True)
class Rod:
    """A rounded cone: a capsule whose radius changes from one end to the other."""

    start: Vector
    end: Vector
    start_radius: float
    end_radius: float


def surface_of(rods: Sequence[Rod], cell: float, blend: float) -> tuple[Floats, Indices]:
    """Vertices (V, 3) and triangles (T, 3), outside facing, of the rods' union.

    `cell` is the grid's step, `blend` how far from each other surfaces begin to flow together.
    """
    reach = max(max(rod.start_radius, rod.end_radius) for rod in rods) + blend
    ends = np.array([point for rod in rods for point in (rod.start, rod.end)])
    low = ends.min(axis=0) - reach - _MARGIN_CELLS * cell
    counts = np.ceil((ends.max(axis=0) + reach - low) / cell).astype(int) + _MARGIN_CELLS
    axes = [low[axis] + cell * np.arange(counts[axis]) for axis in range(3)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    field_XYZ = _smooth_union([_distance(grid, rod) for rod in rods], blend)
    return _surface_net(field_XYZ, low, cell)


def _distance(points: Floats, rod: Rod) -> Floats:
    """To the surface of a rod, approximately: exact where both radii are the same."""
    start, along = np.asarray(rod.start), np.subtract(rod.end, rod.start)
    share = np.clip((points - start) @ along / max(1e-12, float(along @ along)), 0, 1)
    away = np.linalg.norm(points - start - share[..., None] * along, axis=-1)
    return np.asarray(away - rod.start_radius - share * (rod.end_radius - rod.start_radius))


def _smooth_union(fields: list[Floats], blend: float) -> Floats:
    """Quilez's polynomial minimum, which rounds the crease where two bodies meet."""
    union = fields[0]
    for field in fields[1:]:
        share = np.maximum(blend - np.abs(union - field), 0) / blend
        union = np.minimum(union, field) - share * share * blend / 4
    return union


def _surface_net(field_XYZ: Floats, low: Floats, cell: float) -> tuple[Floats, Indices]:
    inside = field_XYZ < 0
    shape = np.array(field_XYZ.shape) - 1
    total = np.zeros((*shape, 3))
    crossings = np.zeros(shape)
    for axis in range(3):
        others = [a for a in range(3) if a != axis]
        before, after = _ends_along(field_XYZ, axis)
        crossed = (before < 0) != (after < 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            place = np.where(crossed, before / (before - after), 0.0)
        # Each edge touches four cells.
        for shift_a in (0, 1):
            for shift_b in (0, 1):
                part = [slice(None)] * 3
                part[others[0]] = slice(shift_a, shift_a + shape[others[0]])
                part[others[1]] = slice(shift_b, shift_b + shape[others[1]])
                here = crossed[tuple(part)]
                crossings += here
                total[..., axis] += place[tuple(part)]
                total[..., others[0]] += shift_a * here
                total[..., others[1]] += shift_b * here
    used = crossings > 0
    cells = np.argwhere(used)
    vertices_V3 = low + cell * (cells + total[used] / crossings[used][:, None])
    number = np.full(shape, -1, np.int64)
    number[used] = np.arange(len(cells))
    return vertices_V3, _quads(inside, number)


def _quads(inside: np.ndarray, number: np.ndarray) -> Indices:
    """Two triangles for each grid edge that crosses the surface, wound to face outwards."""
    triangles = []
    for axis in range(3):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        before, after = _ends_along(inside, axis)
        edges = np.argwhere(before != after)
        edges = edges[(edges[:, a] > 0) & (edges[:, b] > 0)]
        corners = []
        for shift_a, shift_b in ((0, 0), (1, 0), (1, 1), (0, 1)):
            cell = edges.copy()
            cell[:, a] -= shift_a
            cell[:, b] -= shift_b
            corners.append(number[tuple(cell.T)])
        quad = np.stack(corners, axis=1)
        leaving = before[tuple(edges.T)]
        quad = np.where(leaving[:, None], quad, quad[:, ::-1])
        triangles += [quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]]
    return np.concatenate(triangles).astype(np.int32)


def _ends_along(field_XYZ: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Values at both ends of every grid edge along an axis."""
    first, last = [slice(None)] * 3, [slice(None)] * 3
    first[axis], last[axis] = slice(None, -1), slice(1, None)
    return field_XYZ[tuple(first)], field_XYZ[tuple(last)]
