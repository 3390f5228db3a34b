"""MTCNN, the origin's detector: three small networks in a cascade.

Zhang et al. 2016, "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks" (arXiv:1604.02878). Weights of facenet-pytorch 2.6.0 (MIT), see `tools/convert_mtcnn.py`;
they expect RGB as (x - 127.5) / 128 and flatten maps column by column.
"""

from __future__ import annotations

from importlib.resources import as_file, files

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from faceloom.faces.face import Face
from faceloom.faces.find import suppress
from faceloom.geometry import Box
from faceloom.image import RGB, resize

_CELL_PX, _STRIDE_PX = 12, 2
_PYRAMID_STEP = 0.709


class _Layer(nn.Module):
    """A convolution or dense layer with its rectifier, and an optional pooling."""

    def __init__(self, layer: nn.Module, width: int, pool: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.layer, self.prelu, self.pool = layer, nn.PReLU(width), pool

    def forward(self, x: Tensor) -> Tensor:
        x = self.prelu(self.layer(x))
        return F.max_pool2d(x, *self.pool, ceil_mode=True) if self.pool else x


class _Net(nn.Module):
    """One stage: layers, then heads for the face's probability, box offsets and points."""

    def __init__(self, layers: dict[str, nn.Module], heads: dict[str, nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(layers)
        self.heads = nn.ModuleDict(heads)

    def forward(self, x: Tensor) -> list[Tensor]:
        for name, layer in self.layers.items():
            if name.startswith("dense"):
                x = x.permute(0, 3, 2, 1).flatten(1)
            x = layer(x)
        probability, *others = [head(x) for head in self.heads.values()]
        return [probability.softmax(dim=1)[:, 1], *others]


def _build() -> dict[str, _Net]:
    conv, dense = nn.Conv2d, nn.Linear
    return {
        "pnet": _Net(
            {"1": _Layer(conv(3, 10, 3), 10, (2, 2)), "2": _Layer(conv(10, 16, 3), 16),
             "3": _Layer(conv(16, 32, 3), 32)},
            {"4_1": conv(32, 2, 1), "4_2": conv(32, 4, 1)},
        ),
        "rnet": _Net(
            {"1": _Layer(conv(3, 28, 3), 28, (3, 2)), "2": _Layer(conv(28, 48, 3), 48, (3, 2)),
             "3": _Layer(conv(48, 64, 2), 64), "dense4": _Layer(dense(576, 128), 128)},
            {"5_1": dense(128, 2), "5_2": dense(128, 4)},
        ),
        "onet": _Net(
            {"1": _Layer(conv(3, 32, 3), 32, (3, 2)), "2": _Layer(conv(32, 64, 3), 64, (3, 2)),
             "3": _Layer(conv(64, 64, 3), 64, (2, 2)), "4": _Layer(conv(64, 128, 2), 128),
             "dense5": _Layer(dense(1152, 256), 256)},
            {"6_1": dense(256, 2), "6_2": dense(256, 4), "6_3": dense(256, 10)},
        ),
    }  # fmt: skip


def _load() -> dict[str, _Net]:
    nets = _build()
    with as_file(files("faceloom.assets") / "mtcnn.safetensors") as path:
        weights = load_file(path)
    for stage, net in nets.items():
        state: dict[str, Tensor] = {}
        for key in net.layers:
            number = key.removeprefix("dense")
            source = f"{stage}.{'dense' if key != number else 'conv'}{number}"
            state[f"layers.{key}.layer.weight"] = weights[f"{source}.weight"]
            state[f"layers.{key}.layer.bias"] = weights[f"{source}.bias"]
            state[f"layers.{key}.prelu.weight"] = weights[f"{stage}.prelu{number}.weight"]
        for key in net.heads:
            source = f"{stage}.{'conv' if stage == 'pnet' else 'dense'}{key}"
            state[f"heads.{key}.weight"] = weights[f"{source}.weight"]
            state[f"heads.{key}.bias"] = weights[f"{source}.bias"]
        net.load_state_dict(state)
        net.eval().requires_grad_(False)
    return nets


class MtcnnDetector:
    """The cascade; best on small and odd faces, slower than the full-range detector."""

    def __init__(
        self, min_face_px: int = 35, thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    ) -> None:
        self._nets = _load()
        self._min_face_px = min_face_px
        self._thresholds = thresholds

    @torch.inference_mode()
    def __call__(self, rgb: RGB) -> list[Face]:
        boxes = self._propose(rgb)
        for stage, side_px, threshold in (
            ("rnet", 24, self._thresholds[1]),
            ("onet", 48, self._thresholds[2]),
        ):
            if len(boxes) == 0:
                return []
            boxes = _squared(boxes)
            outputs = [o.numpy() for o in self._nets[stage](_cut(rgb, boxes, side_px))]
            sure = outputs[0] > threshold
            boxes, scores, offsets = boxes[sure], outputs[0][sure], outputs[1][sure]
            points = outputs[2][sure] if len(outputs) == 3 else None
            if len(boxes) == 0:
                return []
            sizes = np.tile(boxes[:, 2:] - boxes[:, :2] + 1, 2)
            refined = boxes + offsets * sizes
            kept = suppress(refined, scores)
            if points is None:
                boxes = refined[kept]
        assert points is not None
        return [_face(refined[i], boxes[i], float(scores[i]), points[i]) for i in kept]

    def _propose(self, rgb: RGB) -> NDArray[np.float64]:
        """Candidate boxes from an image pyramid."""
        height, width = rgb.shape[:2]
        scale = _CELL_PX / self._min_face_px
        boxes, scores = [np.empty((0, 4))], [np.empty(0)]
        while min(height, width) * scale >= _CELL_PX:
            small = resize(rgb, (int(width * scale + 1), int(height * scale + 1)))
            probability, offsets = self._nets["pnet"](_normalised(small[None]))
            rows, columns = np.nonzero(probability[0].numpy() > self._thresholds[0])
            corner = np.stack([columns, rows], axis=1) * float(_STRIDE_PX)
            found = np.column_stack([corner + 1, corner + _CELL_PX]) / scale
            moved = found + offsets[0].numpy()[:, rows, columns].T * (_CELL_PX - 1) / scale
            found_scores = probability[0].numpy()[rows, columns]
            kept = suppress(moved, found_scores) if len(moved) else []
            boxes.append(moved[kept])
            scores.append(found_scores[kept])
            scale *= _PYRAMID_STEP
        together, all_scores = np.concatenate(boxes), np.concatenate(scores)
        return together[suppress(together, all_scores)] if len(together) else together


def _normalised(images_BHWC: NDArray[np.uint8]) -> Tensor:
    x = torch.from_numpy(np.ascontiguousarray(images_BHWC)).permute(0, 3, 1, 2).float()
    return (x - 127.5) / 128


def _squared(boxes_N4: NDArray[np.float64]) -> NDArray[np.float64]:
    centers = (boxes_N4[:, :2] + boxes_N4[:, 2:]) / 2
    half = (boxes_N4[:, 2:] - boxes_N4[:, :2]).max(axis=1, keepdims=True) / 2
    return np.column_stack([centers - half, centers + half])


def _cut(rgb: RGB, boxes_N4: NDArray[np.float64], side_px: int) -> Tensor:
    """Square crops of the boxes, black beyond the image."""
    margin = int(max(0.0, -boxes_N4.min(), (boxes_N4[:, 2:] - rgb.shape[1::-1]).max())) + 2
    border = cv2.copyMakeBorder(rgb, *(margin,) * 4, cv2.BORDER_CONSTANT)
    padded = np.asarray(border, np.uint8)
    crops = []
    for box in boxes_N4:
        x0, y0, x1, y1 = (np.round(box).astype(int) + margin).tolist()
        crop = padded[y0 : max(y0 + 1, y1), x0 : max(x0 + 1, x1)]
        crops.append(resize(np.ascontiguousarray(crop), (side_px, side_px)))
    return _normalised(np.stack(crops))


def _face(
    box_4: NDArray[np.float64],
    seen_4: NDArray[np.float64],
    score: float,
    points_10: NDArray[np.float32],
) -> Face:
    """Points are shares of the box that the last network saw, x first, then y."""
    size = seen_4[2:] - seen_4[:2] + 1
    points_52 = np.stack([points_10[:5], points_10[5:]], axis=1) * size + seen_4[:2]
    return Face(Box(*box_4.tolist()), score, points_52[:2].astype(np.float32))
