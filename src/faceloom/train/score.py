"""How good the swap is on held-out faces, by what is at hand while training.

Each held-out face is painted as the other person and put back into its surroundings; the mesh, the
eyes' network and the identity network look at the result. The figures tell one moment of a run from
another. They are not for reporting: the identity network is the very one that losses use (the judge
of `evaluate` is another), and the faces are few.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from faceloom.data.faceset import FaceSet
from faceloom.data.sampling import evenly
from faceloom.faces.expression import mouth_opening
from faceloom.faces.eyes import EyeReader
from faceloom.faces.identity import embed, load_identity
from faceloom.faces.pose import pose_of
from faceloom.image import RGB
from faceloom.models.base import SIDES, Side, Swapper
from faceloom.train.in_place import Autocast, InPlace

FACES_A_SIDE = 24
"""Faces that are scored, spread evenly over the held-out ones."""
WEIGHTS = {"mouth": 0.3, "eyes": 0.25, "pose": 0.15, "sharpness": 0.2, "leak": 0.1}
_SWAPPED_SHARE = 0.4
"""What the identity gain is worth in the total if everything else is lost."""
_MOUTH_SPREAD, _EYE_SPREAD = 0.006, 0.02
"""Least deviation of openings that counts as motion; less is the readers' noise."""
_POSE_DEG = 15.0
"""A difference of pose that is worth nothing."""
_LEAST_SEEN = 3

Series = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """Figures of a moment, means over both directions."""

    total: float
    """All of them in one, 0 to 1: what is compared. See `total_of`."""
    identity_gain: float
    """0: as like the wanted person as the footage was; 1: as like as that person's own faces. By
    the identity network that losses use."""
    mouth: float
    """Correlation of the mouth's opening between swap and footage."""
    eyes: float
    pose_deg: float
    """Mean difference of yaw and pitch between swap and footage."""
    sharpness: float
    """Of the swap over that of the wanted person's own faces; 1 is as sharp."""
    leak: float
    """Share of the mask that lies outside the face."""
    unseen: float
    """Share of the swaps in which the mesh saw no face."""

    @classmethod
    def names(cls) -> list[str]:
        """Of all figures, in order."""
        return [field.name for field in fields(cls)]

    def as_dict(self) -> dict[str, float]:
        """Rounded, for logs."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class _Readings:
    """What was read off pictures with faces, one entry a face."""

    seen: NDArray[np.bool_]
    mouth: Series
    eyes: Series
    yaw_pitch_N2: Series
    identity_ND: NDArray[np.float32]
    sharpness: Series


class Scorer:
    """Scores a swapper on the held-out faces of both sides. Uses no random numbers."""

    def __init__(self, faces: dict[Side, FaceSet], rows: dict[Side, NDArray[np.int64]],
                 size_px: int) -> None:  # fmt: skip
        self._eyes, self._identity = EyeReader(), load_identity()
        self._held = {
            side: InPlace(faces[side], rows[side][evenly(len(rows[side]), FACES_A_SIDE)], size_px)
            for side in SIDES
        }
        self._real = {side: self._read(held.pictures, held) for side, held in self._held.items()}
        self._people = {side: faces[side].mean_identity for side in SIDES}

    def __call__(self, swapper: Swapper, device: torch.device, autocast: Autocast) -> Score:
        """Score a swapper whose weights are on the device; `autocast` gives the precision."""
        found = [
            self._direction(swapper, side, other, device, autocast)
            for side, other in zip(SIDES, SIDES[::-1], strict=True)
        ]
        means = {name: float(np.mean([each[name] for each in found])) for name in found[0]}
        return Score(total_of(means), **means)

    def _direction(
        self, swapper: Swapper, side: Side, to: Side, device: torch.device,
        autocast: Autocast,
    ) -> dict[str, float]:  # fmt: skip
        held, real = self._held[side], self._real[side]
        pictures, alpha_NHW = held.swapped(swapper, side, to, device, autocast)
        swap = self._read(pictures, held)
        person, seen = self._people[to], swap.seen
        before = float((real.identity_ND @ person).mean())
        wanted = float((self._real[to].identity_ND @ person).mean())
        got = float((swap.identity_ND @ person).mean())
        difference = np.abs(swap.yaw_pitch_N2[seen] - real.yaw_pitch_N2[seen])
        enough = int(seen.sum()) >= _LEAST_SEEN
        return {
            "identity_gain": (got - before) / max(1e-3, wanted - before),
            "mouth": follows(real.mouth[seen], swap.mouth[seen], _MOUTH_SPREAD) if enough else 0.0,
            "eyes": follows(real.eyes[seen], swap.eyes[seen], _EYE_SPREAD) if enough else 0.0,
            "pose_deg": float(difference.mean()) if enough else _POSE_DEG,
            "sharpness": float(
                np.median(swap.sharpness) / max(1e-6, np.median(self._real[to].sharpness))
            ),
            "leak": float((alpha_NHW * (1 - held.hulls)).sum() / max(1e-6, alpha_NHW.sum())),
            "unseen": float(1 - seen.mean()),
        }

    def _read(self, pictures: list[RGB], held: InPlace) -> _Readings:
        found = held.meshes_in(pictures)
        meshes = [known if m is None else m for m, known in zip(found, held.meshes, strict=True)]
        eyes = [self._eyes(picture, mesh) for picture, mesh in zip(pictures, meshes, strict=True)]
        poses = [pose_of(mesh) for mesh in meshes]
        return _Readings(
            np.array([mesh is not None for mesh in found]),
            mouth_opening(np.stack(meshes)),
            np.array(eyes),
            np.array([(pose.yaw_deg, pose.pitch_deg) for pose in poses]),
            embed(self._identity, np.stack(pictures), np.stack(held.meshes)),
            np.array([
                _sharpness(picture[held.inner], hull)
                for picture, hull in zip(pictures, held.hulls, strict=True)
            ]),
        )  # fmt: skip


def total_of(figures: dict[str, float]) -> float:
    """One figure of all, 0 to 1: the identity gain, times how well the rest is kept.

    A product, since footage that is left as it is keeps everything. Swaps that show no face count
    as lost.
    """
    sharp = max(0.0, figures["sharpness"])
    kept = {
        "mouth": figures["mouth"],
        "eyes": figures["eyes"],
        "pose": 1 - figures["pose_deg"] / _POSE_DEG,
        "sharpness": sharp if sharp <= 1 else 1 / sharp,
        "leak": 1 - figures["leak"],
    }
    rest = sum(WEIGHTS[name] * min(1.0, max(0.0, value)) for name, value in kept.items())
    gain = min(1.0, max(0.0, figures["identity_gain"]))
    return gain * (_SWAPPED_SHARE + (1 - _SWAPPED_SHARE) * rest) * (1 - figures["unseen"])


def follows(footage_N: Series, swap_N: Series, least_spread: float) -> float:
    """Correlation, with deviations of at least `least_spread`, so that readings of a face that
    hardly moves do not count as motion: -1 to 1. A footage that does not move gives 1 if the swap
    does not either."""
    if len(footage_N) < _LEAST_SEEN:
        return 0.0
    one, other = footage_N - footage_N.mean(), swap_N - swap_N.mean()
    if one.std() < least_spread:
        return float(min(1.0, least_spread / max(1e-9, other.std())))
    spread = one.std() * max(least_spread / 2, float(other.std()))
    return float((one * other).mean() / spread)


def _sharpness(picture_HWC: RGB, hull_HW: NDArray[np.float32]) -> float:
    """Variance of the Laplacian of the grey face (Pech-Pacheco et al. 2000), well within the
    hull, where neither outline nor seam counts."""
    grey = cv2.cvtColor(picture_HWC, cv2.COLOR_RGB2GRAY)
    size = max(3, picture_HWC.shape[0] // 12)
    inside = cv2.erode(hull_HW, np.ones((size, size), np.uint8)) > 0.5
    values = cv2.Laplacian(grey, cv2.CV_32F)[inside]
    return float(values.var()) if values.size else 0.0
