"""Maintainer's tool: the mean face of the 468-point mesh, `src/faceloom/assets/mean_face.json`.

Generalised Procrustes over the meshes of a folder of frontal portraits (the London set, CC BY 4.0;
see NOTICE). Only the averaged coordinates are kept.

    python tools/build_mean_face.py meshes.npy        # (N, 468, 3) or (N, 468, 2), pixels
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from faceloom.files import write_json
from faceloom.geometry import Similarity, umeyama

ASSET = Path(__file__).parents[1] / "src/faceloom/assets/mean_face.json"


def main(meshes_path: str) -> None:
    meshes_N4682 = np.load(meshes_path)[:, :, :2].astype(np.float64)
    mean = meshes_N4682[0]
    for _ in range(20):
        mean = np.mean([umeyama(mesh, mean).apply(mesh) for mesh in meshes_N4682], axis=0)
        mean = (mean - mean.mean(axis=0)) / np.ptp(mean[:, 1])
    across = mean[263] - mean[33]  # Outer eye corners: level them.
    mean = Similarity.from_parts(1.0, -float(np.rad2deg(np.arctan2(*across[::-1])))).apply(mean)
    mean = mean / np.ptp(mean[:, 1])
    centre = (mean.min(axis=0) + mean.max(axis=0)) / 2
    write_json(
        ASSET,
        {
            "about": "mean 468-point face mesh; x right, y down; height 1, centred on its box",
            "points": (mean - centre).round(5).tolist(),
        },
    )


if __name__ == "__main__":
    main(sys.argv[1])
