"""Find where the points of the 468-point mesh lie on the synthetic head: a maintainer's script.

People are rendered in several poses and expressions, the landmarker looks at the pictures, and each
of its points is followed along the ray of its pixel onto the skin. Of the places found so, each
point gets the one that fits all pictures best; points that no place fits well are left out.

    python tools/fit_mesh_subset.py [--people 1..24] [--check 101..108]

writes src/faceloom/synth/assets/mesh468.npz and prints how far the landmarker is from the truth on
people that the fit did not see.

Legend: F pictures, M mesh points, C candidates. Distances are over the eye span.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceloom.faces.face import Mesh
from faceloom.faces.find import FullRangeDetector, MeshLandmarker
from faceloom.faces.mask import INNER_MOUTH, LIPS
from faceloom.synth.assets import BODY, Head, load_head
from faceloom.synth.people import make_person
from faceloom.synth.render import Renderer
from faceloom.synth.scene import Camera, FaceState, Floats, HeadPose, Shot
from faceloom.synth.settings import make_setting
from faceloom.synth.truth import MeshPlaces, visible

ASSET = Path(__file__).parents[1] / "src/faceloom/synth/assets/mesh468.npz"
SIZE_PX = 320
MESH_POINTS = 468
MOST_ERROR = 0.055
"""Over the eye span, mean over pictures: points that lie further off are left out."""
CANDIDATES = 24
LIPS_APART = 0.2
"""Opening of the jaw from which a ray tells the upper lip from the lower."""
AROUND_MOUTH = {*LIPS, *INNER_MOUTH}
"""A shut mouth leaves these on either side of one line."""
POSES = ((0, 0), (0, 0), (0, 0), (15, 0), (-15, 0), (28, 0), (-28, 0), (0, 10), (0, -10), (20, -8))
FACES: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 0.3, "mouthLowerDownLeft": 0.3, "mouthLowerDownRight": 0.3},
    {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6, "jawOpen": 0.1},
    {"jawOpen": 0.25},
    {"jawOpen": 0.35},
    {},
    {"jawOpen": 0.3},
    {"jawOpen": 0.25},
    {},
    {"jawOpen": 0.4},
)


@dataclass(frozen=True, eq=False)
class Look:
    """A picture as the landmarker saw it."""

    mesh_4683: Mesh
    vertices_V3: Floats
    camera: Camera
    depth_HW: NDArray[np.float32]
    jaw: float
    eye_span_px: float


def looks(seeds: range) -> list[Look]:
    """Render and measure; pictures in which no face is found are left out."""
    detector, landmarker, renderer = FullRangeDetector(), MeshLandmarker(), Renderer(SIZE_PX)
    corners = load_head().landmarks_68[[36, 45]]
    found = []
    for seed in seeds:
        person = make_person(seed)
        for number, ((yaw, pitch), face) in enumerate(zip(POSES, FACES, strict=True)):
            setting = make_setting(100 * seed + number, light=("studio", "office")[number % 2])
            state = FaceState(face, HeadPose(yaw, pitch), (-0.5 * yaw, -0.5 * pitch))
            shot = Shot(state, setting.camera, setting.light, setting.background_HWC)
            rendered = renderer.render(person, shot)
            faces = detector(rendered.rgb_HWC)
            seen = landmarker(rendered.rgb_HWC, faces[0]) if faces else None
            if seen is None or seen.mesh_4683 is None or seen.presence < 0.5:
                continue
            eyes = rendered.vertices_V3[corners]
            # The span of a face turned to the front at the same distance.
            span = np.linalg.norm(eyes[0] - eyes[1]) * setting.camera.focal * SIZE_PX
            span /= -setting.camera.to_camera(eyes)[:, 2].mean()
            found.append(
                Look(
                    seen.mesh_4683, rendered.vertices_V3, setting.camera, rendered.depth_HW,
                    face.get("jawOpen", 0.0), float(span),
                )
            )  # fmt: skip
    return found


def fit(head: Head, seen: list[Look]) -> tuple[MeshPlaces, Floats]:
    """A place for every mesh point, and its mean error."""
    skin_T = (head.part_T == BODY) & (head.masks_V["inside-mouth"][head.triangles_T3] < 0.6).all(1)
    triangles_T3 = head.triangles_T3[skin_T & (head.base_V3[head.triangles_T3, 1] > 5.9).all(1)]
    hits = [ray_hits(look, triangles_T3) for look in seen]
    vertices, weights, errors = [], [], []
    for point in range(MESH_POINTS):
        found = [
            hit[point]
            for hit, look in zip(hits, seen, strict=True)
            if hit[point] is not None and (point not in AROUND_MOUTH or look.jaw >= LIPS_APART)
        ]
        corners_C3, weights_C3 = candidates(head, triangles_T3, [hit for hit in found if hit])
        errors_C = reprojection_errors(seen, point, corners_C3, weights_C3)
        best = int(np.argmin(errors_C))
        vertices.append(corners_C3[best])
        weights.append(weights_C3[best])
        errors.append(errors_C[best])
    return MeshPlaces(np.arange(MESH_POINTS), np.array(vertices), np.array(weights)), np.array(
        errors
    )


Hit = tuple[int, Floats]
"""A triangle's row, and weights of its corners."""


def ray_hits(look: Look, triangles_T3: NDArray[np.int32]) -> list[Hit | None]:
    """The front-most triangle under each mesh point."""
    flat = look.camera.project(look.vertices_V3, SIZE_PX)
    corners_T32 = flat[triangles_T3][:, :, :2] - 0.5
    first, one, two = corners_T32[:, 0], *(corners_T32[:, k] - corners_T32[:, 0] for k in (1, 2))
    twice_area = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    nearness = flat[triangles_T3][:, :, 2].mean(axis=1)
    found: list[Hit | None] = []
    for point in look.mesh_4683[:, :2].astype(np.float64):
        away = point - first
        with np.errstate(divide="ignore", invalid="ignore"):
            b = (away[:, 0] * two[:, 1] - away[:, 1] * two[:, 0]) / twice_area
            c = (one[:, 0] * away[:, 1] - one[:, 1] * away[:, 0]) / twice_area
        inside = np.flatnonzero((b >= 0) & (c >= 0) & (b + c <= 1))
        if not len(inside):
            found.append(None)
            continue
        front = int(inside[np.argmax(nearness[inside])])
        found.append((front, np.array([1 - b[front] - c[front], b[front], c[front]])))
    return found


def candidates(
    head: Head, triangles_T3: NDArray[np.int32], hits: list[Hit]
) -> tuple[NDArray[np.intp], Floats]:
    """The hits nearest to their median place on the head at rest."""
    if not hits:  # Nothing was hit: any place, which its error will throw out.
        return triangles_T3[:1].astype(np.intp), np.full((1, 3), 1 / 3)
    corners = triangles_T3[[row for row, _ in hits]].astype(np.intp)
    weights = np.stack([share for _, share in hits])
    places = np.einsum("ck,ckx->cx", weights, head.base_V3[corners])
    away = np.linalg.norm(places - np.median(places, axis=0), axis=1)
    near = np.argsort(away)[:CANDIDATES]
    return corners[near], weights[near]


def reprojection_errors(
    seen: list[Look], point: int, corners_C3: NDArray[np.intp], weights_C3: Floats
) -> Floats:
    """Mean distance (C,) of candidates to a mesh point over the pictures that show them."""
    total, count = np.zeros(len(corners_C3)), np.zeros(len(corners_C3))
    for look in seen:
        places = np.einsum("ck,ckx->cx", weights_C3, look.vertices_V3[corners_C3])
        flat = look.camera.project(places, SIZE_PX)[:, :2] - 0.5
        shown = visible(places, look.camera, look.depth_HW)
        away = np.linalg.norm(flat - look.mesh_4683[point, :2], axis=1) / look.eye_span_px
        total += np.where(shown, away, 0)
        count += shown
    return np.where(count >= len(seen) / 8, total / np.maximum(count, 1), np.inf)


def report(seen: list[Look], places: MeshPlaces) -> None:
    """Print the landmarker's distance from the truth, over the eye span."""
    errors, by_point = [], np.zeros((2, len(places.ids_M)))
    for look in seen:
        points = places.points(look.vertices_V3)
        flat = look.camera.project(points, SIZE_PX)[:, :2] - 0.5
        shown = visible(points, look.camera, look.depth_HW)
        away = np.linalg.norm(flat - look.mesh_4683[places.ids_M, :2], axis=1) / look.eye_span_px
        errors.append(float(away[shown].mean()))
        by_point += np.stack([np.where(shown, away, 0), shown])
    worst = np.sort(by_point[0] / np.maximum(by_point[1], 1))[::-1][:5]
    print(
        f"{len(seen)} pictures: mean {100 * np.mean(errors):.2f}% of the eye span, worst picture"
        f" {100 * max(errors):.2f}%, worst points {np.round(100 * worst, 1)}%"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", default="1..24")
    parser.add_argument("--check", default="101..108")
    options = parser.parse_args()
    head = load_head()
    seen = looks(seeds(options.people))
    places, errors = fit(head, seen)
    kept = errors < MOST_ERROR
    places = MeshPlaces(places.ids_M[kept], places.vertices_M3[kept], places.weights_M3[kept])
    np.savez_compressed(
        ASSET,
        ids=places.ids_M.astype(np.int16),
        vertices=places.vertices_M3.astype(np.int16),
        weights=places.weights_M3.astype(np.float32),
    )
    print(f"{kept.sum()} of {MESH_POINTS} points kept: {ASSET}")
    report(seen, places)
    report(looks(seeds(options.check)), places)


def seeds(text: str) -> range:
    """`1..24` as a range that includes both."""
    first, last = text.split("..")
    return range(int(first), int(last) + 1)


if __name__ == "__main__":
    main()
