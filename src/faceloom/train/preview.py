"""The preview grid: source, reconstruction, swap, mask and blended, for faces of both sides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceloom.files import write_bytes
from faceloom.image import RGB, draw_grid, encode_image, to_uint8
from faceloom.models.base import SIDES, ShownFaces, Side, Swapper

FACES_A_SIDE = 8


def preview_grid(swapper: Swapper, faces: dict[Side, Tensor], shown: dict[Side, ShownFaces]) -> RGB:
    """`faces` are tight crops (N, 3, S, S) in [-1, 1] of each side, `shown` where their features
    lie; five rows a side."""
    rows: list[list[NDArray[np.uint8]]] = []
    for side, other in zip(SIDES, SIDES[::-1], strict=True):
        source = faces[side]
        with torch.inference_mode(), torch.autocast(source.device.type, torch.bfloat16):
            same, swapped = (swapper.swap(source, to, shown.get(side)) for to in (side, other))
        blended = swapped.alpha_B1HW * swapped.rgb_BCHW + (1 - swapped.alpha_B1HW) * source
        mask = swapped.alpha_B1HW.repeat(1, 3, 1, 1) * 2 - 1
        kinds = (source, same.rgb_BCHW, swapped.rgb_BCHW, mask, blended)
        rows += [list(to_uint8(images)) for images in kinds]
    return draw_grid(rows)


def write_preview(
    path: Path,
    swapper: Swapper,
    faces: dict[Side, Tensor],
    shown: dict[Side, ShownFaces],
    step: int,
) -> Path:
    """Write the grid as `previews/<step>.png` and `preview.png` of the run; gives the latter."""
    png = encode_image(preview_grid(swapper, faces, shown), ".png")
    write_bytes(path / "previews" / f"{step:08d}.png", png)
    write_bytes(path / "preview.png", png)
    return path / "preview.png"


@contextmanager
def using(module: torch.nn.Module, weights: dict[str, Tensor]) -> Iterator[None]:
    """Within the block the module has these weights, in evaluation mode; afterwards its own."""
    own = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    was_training = module.training
    module.load_state_dict(weights)
    module.eval()
    try:
        yield
    finally:
        module.load_state_dict(own)
        module.train(was_training)
