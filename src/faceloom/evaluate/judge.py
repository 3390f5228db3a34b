"""The identity judge: dlib's face recognition ResNet, which no loss ever sees.

128 numbers a face (King 2017, CC0); faces of one person lie within .6 of each other. It needs the
extra `faceloom[judge]`. Chips are cut from the mesh's eyes and nose, so that judge and mesh agree
on where the face is.
"""

from __future__ import annotations

from collections.abc import Sequence

import dlib
import numpy as np
from numpy.typing import NDArray

from faceloom.faces.face import Mesh
from faceloom.image import RGB
from faceloom.weights import DLIB_IDENTITY

# The order of dlib's five-point model: both corners of the eye in the picture's right, of the other
# eye, and the base of the nose.
_FIVE_POINTS = (263, 362, 33, 133, 2)


class DlibJudge:
    """Callable on a frame and the mesh of a face in it."""

    def __init__(self) -> None:
        self._net = dlib.face_recognition_model_v1(str(DLIB_IDENTITY.path()))

    def __call__(self, rgb: RGB, mesh_4683: Mesh) -> NDArray[np.float32]:
        """The identity vector (128,), not normalised."""
        points = mesh_4683[list(_FIVE_POINTS), :2]
        low, high = mesh_4683[:, :2].min(axis=0), mesh_4683[:, :2].max(axis=0)
        box = dlib.rectangle(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
        parts = dlib.points([dlib.point(round(float(x)), round(float(y))) for x, y in points])
        shape = dlib.full_object_detection(box, parts)
        found = self._net.compute_face_descriptor(np.ascontiguousarray(rgb), shape)
        return np.array(found, np.float32)


def mean_cosine(
    ones: Sequence[NDArray[np.float32]], others: Sequence[NDArray[np.float32]]
) -> float:
    """The mean cosine over all pairs of two groups of vectors, -1 to 1."""
    a, b = np.stack(ones).astype(np.float64), np.stack(others).astype(np.float64)
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    return float((a @ b.T).mean())


def identity_gain(
    swapped: Sequence[NDArray[np.float32]],
    footage: Sequence[NDArray[np.float32]],
    face: Sequence[NDArray[np.float32]],
    face_again: Sequence[NDArray[np.float32]],
) -> float:
    """(sim(swap, B) - sim(A, B)) / (sim(B', B) - sim(A, B)): 0 is the footage's person, 1 as like
    the face as its own other pictures. `face_again` are pictures of B from other clips.

    Raises ValueError if A and B cannot be told apart.
    """
    before = mean_cosine(footage, face)
    best = mean_cosine(face_again, face)
    if best - before < 1e-3:
        raise ValueError("the judge cannot tell the two people apart")
    return (mean_cosine(swapped, face) - before) / (best - before)
