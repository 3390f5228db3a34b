"""The networks that say who somebody looks like, each from a frame and the mesh of a face in it.

`judge` reports: dlib's ResNet (extra `faceloom[judge]`), which no training sees. `training` is the
network that our own losses use, and `third` a MobileNet that they do not use; both are there for
agreement.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from faceloom.evaluate.distances import pooled_features
from faceloom.evaluate.keyscores import load_judge
from faceloom.evaluate.third_opinion import third_opinion
from faceloom.faces.face import Mesh
from faceloom.faces.identity import IDENTITY_PX, identity_transform, load_identity
from faceloom.image import RGB, to_tensor, warp

Vector = NDArray[np.float32]
IdentityReader = Callable[[RGB, Mesh], Vector]
"""A unit vector; its length is the reader's own."""

NETS = ("judge", "third", "training")
"""By how far they are to be believed: what training sees can be pleased without looking alike."""
JUDGE_MISSING = "the judge is not installed; pip install 'faceloom[judge]'"


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


@cache
def load_readers() -> dict[str, IdentityReader]:
    """The readers at hand by name: the judge only where it is installed."""
    readers: dict[str, IdentityReader] = {}
    judge = load_judge()
    if judge is not None:
        readers["judge"] = lambda rgb, mesh: unit(judge(rgb, mesh))
    readers["training"] = lambda rgb, mesh: read_crop(rgb, mesh).identity_D
    readers["third"] = third_opinion
    return readers


def most_honest(readers: Container[str]) -> str:
    """The one of these readers to go by."""
    return next(net for net in NETS if net in readers)


def unit(vector_D: NDArray[np.floating]) -> Vector:
    """At unit length."""
    return np.asarray(vector_D / max(1e-9, float(np.linalg.norm(vector_D))), np.float32)
