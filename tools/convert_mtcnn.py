"""Maintainer's tool: facenet-pytorch's three MTCNN files (MIT) -> `assets/mtcnn.safetensors`.

    pip download --no-deps facenet-pytorch==2.6.0     # holds data/pnet.pt, rnet.pt, onet.pt
    python tools/convert_mtcnn.py FOLDER_WITH_THE_THREE

The only place that opens a pickle, and that with torch's weights-only reader.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

ASSET = Path(__file__).parents[1] / "src/faceloom/assets/mtcnn.safetensors"


def main(folder: str) -> None:
    weights: dict[str, torch.Tensor] = {}
    for net in ("pnet", "rnet", "onet"):
        state = torch.load(Path(folder) / f"{net}.pt", weights_only=True, map_location="cpu")
        weights |= {f"{net}.{name}": tensor.contiguous() for name, tensor in state.items()}
    save_file(weights, ASSET)
    for name, tensor in weights.items():
        print(name, tuple(tensor.shape))


if __name__ == "__main__":
    main(sys.argv[1])
