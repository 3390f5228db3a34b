"""Who somebody is and what they look like, in one row of numbers: what a trunk is told.

A description is the mean identity vector of somebody's pictures (512 values), their mean shape and
their colouring. Shape are the places of the mesh's points in the face's own crop, turned to the
front; colouring is the colour of the skin at these points, less the mean of all, over the mean
brightness: lips, brows, beard, freckles, and a little of the light. An identity vector alone says
what somebody of this kind looks like on the average; the rest says what this one does.

Shapes: N faces, P people, E values of a description.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from faceloom.data.faceset import FaceSet
from faceloom.data.sampling import evenly
from faceloom.data.shape_match import front_shapes
from faceloom.data.traits import LUMA
from faceloom.image import RGB

IDENTITY_SIZE = 512
"""Of the identity vectors that face sets hold."""
_POINTS = 468
SHAPE_SIZE, COLOUR_SIZE = 2 * _POINTS, 3 * _POINTS
DESCRIPTION_SIZE = IDENTITY_SIZE + SHAPE_SIZE + COLOUR_SIZE

_BLUR = 1 / 128
"""Standard deviation over the crop's side, before colours are read."""
_TURNED_DEG = 25.0
"""From here on (yaw or pitch) a face does not show its far side."""
_LEAST = 4
"""Pictures that a description is taken from, where there are as many."""
_MOST = 64
_CHUNK = 512
SAME_PERSON = 0.4
"""Least cosine of two pictures' identities."""
_STREAM = 6_043


def person_description(faces: FaceSet) -> Tensor:
    """Of a set's person (E,)."""
    looks = _Looks(faces, evenly(len(faces), _MOST))
    return looks.description(np.arange(len(looks.shapes)))


def descriptions(faces: FaceSet, lenders: FaceSet | None = None, seed: int = 0) -> Tensor:
    """Of the person that each face of a set shows (N, E), from other draws of half of this person's
    pictures for each, as nobody's pictures show the same twice.

    A face that wears another's (`FaceRecord.shows`) is described by that person's own pictures in
    `lenders`, as a pair's face will be by its own material.
    """
    own = _Gallery(faces)
    lent = own if lenders is faces else _Gallery(lenders) if lenders is not None else None
    random = np.random.default_rng([seed, _STREAM])
    found = []
    for row, record in enumerate(faces.records):
        gallery, pictures = own, own.like(row)
        if record.shows and lent is not None and len(lent.by_source.get(record.shows, ())):
            gallery, pictures = lent, lent.by_source[record.shows]
        count = min(len(pictures), max(_LEAST, len(pictures) // 2))
        found.append(gallery.looks.description(random.choice(pictures, count, replace=False)))
    return torch.stack(found)


class _Gallery:
    """All pictures of a set, by source."""

    def __init__(self, faces: FaceSet) -> None:
        self.looks = _Looks(faces, np.arange(len(faces)))
        sources = np.array([record.source for record in faces.records])
        self.by_source: Mapping[str, NDArray[np.int64]] = {
            source: np.flatnonzero(sources == source) for source in set(sources.tolist())
        }
        self._sources = sources

    def like(self, row: int) -> NDArray[np.int64]:
        """What this face's source shows of the same person."""
        rows = self.by_source[self._sources[row]]
        identities = self.looks.identities
        return rows[identities[rows] @ identities[row] > SAME_PERSON]


class _Looks:
    """Identity, shape and colouring of each of some faces."""

    def __init__(self, faces: FaceSet, rows: NDArray[np.int64]) -> None:
        self.identities = faces.identities_N512[rows]
        meshes = faces.meshes_N4683[rows]
        self.shapes = front_shapes(meshes, faces.size_px, faces.coverage).astype(np.float32)
        colours = []
        for start in range(0, len(rows), _CHUNK):
            crops = faces.crops(rows[start : start + _CHUNK])
            some = meshes[start : start + _CHUNK]
            colours += [colouring(*one) for one in zip(crops, some, strict=True)]
        self.colours = np.stack(colours)
        turns = [(faces.records[row].yaw_deg, faces.records[row].pitch_deg) for row in rows]
        self.frontal = np.abs(np.array(turns)).max(axis=1) < _TURNED_DEG

    def description(self, among: NDArray[np.int64]) -> Tensor:
        """Of the person (E,) whom some of these faces show."""
        identity = F.normalize(torch.from_numpy(self.identities[among].mean(axis=0)), dim=0)
        frontal = among[self.frontal[among]]
        shown = frontal if len(frontal) >= min(_LEAST, len(among)) else among
        shape = np.median(self.shapes[among], axis=0).ravel()
        colours = np.median(self.colours[shown], axis=0).ravel()
        return torch.cat([identity, torch.from_numpy(shape), torch.from_numpy(colours)])


def colouring(crop_HWC: RGB, mesh_4683: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours (468, 3) of the face at the mesh's points, in units of its mean brightness, less
    their mean. 0 in all is a face of one colour."""
    soft = cv2.GaussianBlur(crop_HWC, (0, 0), crop_HWC.shape[0] * _BLUR)
    x_px, y_px = mesh_4683[:, :2].T.astype(np.float32)
    read = cv2.remap(soft, x_px, y_px, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    colours = read.reshape(-1, 3).astype(np.float64)
    mean = colours.mean(axis=0)
    return ((colours - mean) / max(1.0, float(mean @ LUMA))).astype(np.float32)


class LooksSpace(torch.nn.Module):
    """Shape and colouring as a few independent numbers of unit deviation among those it was fitted
    to (principal components, whitened); 0 for everybody until then."""

    mean_L: Tensor
    rows_KL: Tensor
    SHAPE_PARTS, COLOUR_PARTS = 32, 48
    SIZE = SHAPE_PARTS + COLOUR_PARTS
    _LIMIT = 3.0
    """Nobody is further from the mean than this: what lies beyond was not learned from."""

    def __init__(self) -> None:
        super().__init__()
        size = SHAPE_SIZE + COLOUR_SIZE
        self.register_buffer("mean_L", torch.zeros(size))
        self.register_buffer("rows_KL", torch.zeros(self.SIZE, size))

    @property
    def fitted(self) -> bool:
        return bool(self.rows_KL.any())

    def fit(self, people_PE: Tensor) -> None:
        """From the descriptions of many people."""
        looks_PL = people_PE[:, IDENTITY_SIZE:].double()
        self.mean_L.copy_(looks_PL.mean(dim=0))
        self.rows_KL.zero_()
        blocks = ((0, SHAPE_SIZE, 0, self.SHAPE_PARTS),
                  (SHAPE_SIZE, SHAPE_SIZE + COLOUR_SIZE, self.SHAPE_PARTS, self.SIZE))  # fmt: skip
        for first, last, top, bottom in blocks:
            centred = looks_PL[:, first:last] - looks_PL[:, first:last].mean(dim=0)
            _, strength, axes = torch.linalg.svd(centred, full_matrices=False)
            deviation = strength / max(1, len(people_PE) - 1) ** 0.5
            count = min(bottom - top, int((deviation > 1e-4).sum()))
            whitened = axes[:count] / deviation[:count, None]
            self.rows_KL[top : top + count, first:last] = whitened.float()

    def forward(self, people_BE: Tensor) -> Tensor:
        """Descriptions (B, E) to (B, K)."""
        looks = people_BE[:, IDENTITY_SIZE:] - self.mean_L
        return (looks @ self.rows_KL.T).clamp(-self._LIMIT, self._LIMIT)
