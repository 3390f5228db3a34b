"""Some faces of one side in their surroundings, painted as the other person and put back.

For whoever looks at swaps while a run is trained: the score of held-out faces (`score`), and where
features lie before the first step (`places`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from faceloom.data.faceset import FaceSet
from faceloom.data.reference import FacePlaces
from faceloom.faces.align import recrop_transform, transform_mesh
from faceloom.faces.face import Face, Mesh
from faceloom.faces.find import PRESENT, MeshLandmarker
from faceloom.faces.mask import mesh_mask
from faceloom.geometry import Box
from faceloom.image import RGB, to_tensor, to_uint8, warp
from faceloom.models.base import ShownFaces, Side, Swapper

Autocast = Callable[[], AbstractContextManager[Any]]


class InPlace:
    """The faces of a set's rows, in pictures with the model's own pixel size and as much around
    the model's crop as the set has."""

    def __init__(self, faces: FaceSet, rows: NDArray[np.int64], size_px: int) -> None:
        self._landmarker = MeshLandmarker()
        # The widest frame with the model's own pixel size that the stored crop fills.
        edge_px = int(size_px * (faces.coverage - 1) / 2)
        wide_px = size_px + 2 * edge_px
        widen = recrop_transform(faces.size_px, faces.coverage, wide_px, wide_px / size_px)
        self.pictures = [
            warp(crop, widen, (wide_px, wide_px), "area") for crop in faces.crops(rows)
        ]
        self.meshes: list[Mesh] = [transform_mesh(faces.meshes_N4683[row], widen) for row in rows]
        """In pixels of the pictures."""
        inner = slice(edge_px, edge_px + size_px)
        self.inner = (inner, inner)
        """Where the model's crop lies: `tight`."""
        self.tight = to_tensor(np.stack([picture[self.inner] for picture in self.pictures]))
        self._places = FacePlaces.of(np.stack(self.meshes), wide_px).widened(size_px / wide_px)
        hulls = [mesh_mask(mesh, "hull", (wide_px, wide_px)) for mesh in self.meshes]
        self.hulls = np.stack([hull[self.inner] for hull in hulls])

    def swapped(
        self, swapper: Swapper, side: Side, to: Side, device: torch.device, autocast: Autocast
    ) -> tuple[list[RGB], NDArray[np.float32]]:
        """The pictures with the other person's face, and the model's alpha (N, S, S)."""
        tight = self.tight.to(device)
        with torch.inference_mode(), autocast():
            rgb, alpha, _ = swapper.swap(tight, to, ShownFaces(self._places.to(device), side))
            blended = alpha * rgb + (1 - alpha) * tight
        pictures = []
        for picture, painted in zip(self.pictures, to_uint8(blended), strict=True):
            whole = picture.copy()
            whole[self.inner] = painted
            pictures.append(whole)
        return pictures, alpha.float().cpu().numpy()[:, 0]

    def meshes_in(self, pictures: Sequence[RGB]) -> list[Mesh | None]:
        """What the mesh network sees in such pictures, one look from where the face was; None where
        it sees none."""
        found = []
        for picture, known in zip(pictures, self.meshes, strict=True):
            face = self._landmarker(picture, Face(Box.around(known), 1.0, mesh_4683=known))
            found.append(face.mesh_4683 if face.presence >= PRESENT else None)
        return found
