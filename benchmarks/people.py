"""Synthetic people as the networks see them: are they faces, are they different people, is the
truth true? And how fast are they rendered.

    python -m benchmarks.people                     # 24 people, none chosen
    python -m benchmarks.people --seeds 101..124
    python -m benchmarks.people --only-speed        # the last row again, on an idle machine

Prints a table and writes `docs/people.md`. Legend: N pictures.
"""

from __future__ import annotations

import argparse
import itertools
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from faceloom.evaluate.judge import DlibJudge
from faceloom.faces.find import FullRangeDetector, MeshLandmarker, make_detector
from faceloom.files import write_bytes
from faceloom.synth.assets import load_head
from faceloom.synth.people import make_person
from faceloom.synth.render import Renderer
from faceloom.synth.scene import Camera, FaceState, HeadPose, Person, Rendered, Shot
from faceloom.synth.settings import make_setting
from faceloom.synth.swapped import swapped_person
from faceloom.synth.truth import mesh_places, visible

DOCS = Path(__file__).parents[1] / "docs" / "people.md"
SIZE_PX = 256
YAWS_DEG = (-45.0, -30.0, -15.0, 0.0, 15.0, 30.0, 45.0)
MESH_YAW_DEG = 30.0
FACES: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 0.3, "mouthLowerDownLeft": 0.2, "mouthLowerDownRight": 0.2},
    {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6},
    {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
)
TIMED_PEOPLE = 6
SPEED = f"rendering a {SIZE_PX} px picture (median, two cores, nothing else running)"
DETECTORS = ("full-range", "mtcnn")
Seen = tuple[NDArray[np.float32], NDArray[np.float32]] | None
"""A picture's measured mesh and the judge's vector."""
console = Console(width=100)


@dataclass
class Findings:
    """What was measured."""

    found: dict[str, list[bool]]
    mesh_errors: list[float]
    """Mean distance of measured to true mesh points over the eye span, a picture each."""
    within: list[float]
    between: list[float]
    key_to_face: list[float]
    key_to_footage: list[float]


def shot_of(number: int, yaw_deg: float) -> Shot:
    """A place of its own, with one of a few expressions."""
    setting = make_setting(number)
    state = FaceState(FACES[number % len(FACES)], HeadPose(yaw_deg), (-0.5 * yaw_deg, 0.0))
    return Shot(
        state, setting.camera, setting.light, setting.background_HWC, setting.sensor, seed=number
    )


def shows_face(rendered: Rendered, boxes: list[tuple[float, float]]) -> bool:
    """Whether the middle of a box lies on the face."""
    height, width = rendered.face_mask_HW.shape
    rows, columns = np.nonzero(rendered.face_mask_HW > 0.5)
    for x, y in boxes:
        inside = 0 <= x < width and 0 <= y < height
        if inside and columns.min() <= x <= columns.max() and rows.min() <= y <= rows.max():
            return True
    return False


def mesh_error(rendered: Rendered, camera: Camera, mesh_4683: NDArray[np.float32]) -> float:
    """Mean distance of the seen mesh points to the truth, over the eye span of a face turned to
    the front at the same distance."""
    places = mesh_places()
    points = places.points(rendered.vertices_V3)
    flat = camera.project(points, SIZE_PX)[:, :2] - 0.5
    shown = visible(points, camera, rendered.depth_HW)
    eyes = rendered.vertices_V3[load_head().landmarks_68[[36, 45]]]
    span = np.linalg.norm(eyes[0] - eyes[1]) * camera.focal * SIZE_PX
    span /= -camera.to_camera(eyes)[:, 2].mean()
    away = np.linalg.norm(flat - mesh_4683[places.ids_M, :2], axis=1) / span
    return float(away[shown].mean())


def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def measure(seeds: list[int]) -> Findings:
    """Every person at every yaw, and every person's face on the next one's head."""
    findings = Findings({name: [] for name in DETECTORS}, [], [], [], [], [])
    renderer, landmarker, judge = Renderer(SIZE_PX), MeshLandmarker(), DlibJudge()
    detectors = {name: make_detector(name) for name in DETECTORS}
    first = FullRangeDetector()

    def look(person: Person, shot: Shot) -> tuple[Rendered, Seen]:
        rendered = renderer.render(person, shot)
        faces = first(rendered.rgb_HWC)
        seen = landmarker(rendered.rgb_HWC, faces[0]) if faces else None
        if seen is None or seen.mesh_4683 is None:
            return rendered, None
        return rendered, (seen.mesh_4683, judge(rendered.rgb_HWC, seen.mesh_4683))

    vectors: dict[int, list[NDArray[np.float32]]] = {}
    bare: dict[int, list[NDArray[np.float32]]] = {}
    """Without glasses, which belong to the head and not to the face that is swapped."""
    for place, seed in enumerate(track(seeds, "people", console=console)):
        person = make_person(seed)
        vectors[seed], bare[seed] = [], []
        for turn, yaw_deg in enumerate(YAWS_DEG):
            shot = shot_of(1000 + len(YAWS_DEG) * place + turn, yaw_deg)
            rendered, seen = look(person, shot)
            for name, detector in detectors.items():
                middles = [face.box.center for face in detector(rendered.rgb_HWC)]
                findings.found[name].append(shows_face(rendered, middles))
            if abs(yaw_deg) > MESH_YAW_DEG:
                continue
            if seen is not None:
                findings.mesh_errors.append(mesh_error(rendered, shot.camera, seen[0]))
                vectors[seed].append(seen[1])
            if person.glasses is not None:
                seen = look(replace(person, glasses=None), shot)[1]
            if seen is not None:
                bare[seed].append(seen[1])
    for ones in vectors.values():
        findings.within += [cosine(a, b) for a, b in itertools.combinations(ones, 2)]
    for one, other in itertools.combinations(seeds, 2):
        findings.between += [cosine(a, b) for a in vectors[one] for b in vectors[other]]
    for place, seed in enumerate(track(seeds, "answers", console=console)):
        into = seeds[(place + 1) % len(seeds)]
        key = replace(swapped_person(make_person(seed), make_person(into)), glasses=None)
        seen = look(key, shot_of(5000 + place, 0.0))[1]
        if seen is None:
            continue
        to_face, to_footage = (
            float(np.mean([cosine(seen[1], other) for other in bare[one]])) for one in (seed, into)
        )
        findings.key_to_face.append(to_face)
        findings.key_to_footage.append(to_footage)
        if to_face <= to_footage:
            console.print(f"{seed} on {into}: nearer to {into}, {to_face:.4f} {to_footage:.4f}")
    return findings


def area_under_curve(higher: list[float], lower: list[float]) -> float:
    """How often one of `higher` lies above one of `lower`; ties count half (Mann & Whitney)."""
    order = np.sort(lower)
    below = np.searchsorted(order, higher, "left") + np.searchsorted(order, higher, "right")
    return float(below.mean() / 2 / len(lower))


def rows_of(findings: Findings, people: int) -> list[tuple[str, str, str]]:
    """Measurement, figure, target."""
    rows = [
        (
            f"{name} finds the face, to 45 degrees of yaw",
            f"{100 * np.mean(found):.1f}% of {len(found)} pictures",
            "at least 98%",
        )
        for name, found in findings.found.items()
    ]
    nearer = np.greater(findings.key_to_face, findings.key_to_footage)
    rows += [
        (
            f"judge tells {people} people apart (AUC, to 30 degrees)",
            f"{area_under_curve(findings.within, findings.between):.4f}",
            "at least 0.99",
        ),
        (
            "cosine within a person, between people",
            f"{np.mean(findings.within):.3f}, {np.mean(findings.between):.3f}",
            "",
        ),
        (
            "the answer is nearer to the face's person than to the footage's, all without glasses",
            f"{nearer.sum()} of {people} pairs",
            "all",
        ),
        (
            "cosine of the answer to the face's person, to the footage's",
            f"{np.mean(findings.key_to_face):.3f}, {np.mean(findings.key_to_footage):.3f}",
            "",
        ),
        (
            "measured mesh from the truth, to 30 degrees",
            f"{100 * np.mean(findings.mesh_errors):.2f}% of the eye span",
            "at most 4%",
        ),
    ]
    return rows


def speed_row(seeds: list[int]) -> tuple[str, str, str]:
    """Frames of the first few people, as in a clip: person and place are made, code is compiled."""
    renderer, seconds = Renderer(SIZE_PX), []
    for place, seed in enumerate(seeds[:TIMED_PEOPLE]):
        person = make_person(seed)
        for turn, yaw_deg in enumerate(YAWS_DEG):
            shot = shot_of(1000 + len(YAWS_DEG) * place + turn, yaw_deg)
            if turn == 0:
                renderer.render(person, shot)
            started = time.perf_counter()
            renderer.render(person, shot)
            seconds.append(time.perf_counter() - started)
    return SPEED, f"{np.median(seconds):.3f} s", "at most 0.08 s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", default="1..24")
    parser.add_argument(
        "--only-speed", action="store_true", help="measure the time alone; the page keeps the rest"
    )
    options = parser.parse_args()
    low, high = options.seeds.split("..")
    seeds = list(range(int(low), int(high) + 1))
    speed = speed_row(seeds)
    rows = [speed] if options.only_speed else [*rows_of(measure(seeds), len(seeds)), speed]
    table = Table("measurement", "figure", "target")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    written = ["| " + " | ".join(row) + " |" for row in rows]
    if options.only_speed:
        before = DOCS.read_text().splitlines()
        lines = [line for line in before if not line.startswith("| rendering")] + written
    else:
        lines = [
            "# Synthetic people, as networks see them",
            "",
            f"Made by `python -m benchmarks.people --seeds {options.seeds}`: people by number,",
            "none chosen, each at seven turns of the head, every picture with light, camera and",
            "background of its own. Shut eyes, open mouths and smiles are among them. The judge is",
            "dlib's network, which no loss uses. The time is that of a frame of a clip, person and",
            "place made; `--only-speed` measures it again on an idle machine.",
            "",
            "| measurement | figure | target |",
            "|---|---|---|",
            *written,
        ]
    write_bytes(DOCS, ("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    main()
