"""The answers to a face set: the same moments with other faces, in the very same crops.

Row n of the new set is row n of the old one as another picture shows it: pictures of the same
names, in folders of the same names (`synth.crowd` renders both).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from faceloom.data.faceset import FaceRecord, FaceSet, write_faceset
from faceloom.errors import UserError
from faceloom.extract.shard import JPEG_QUALITY, stored_hull
from faceloom.faces.align import transform_mesh
from faceloom.faces.face import Face, Mesh
from faceloom.faces.find import PRESENT, Landmarker, MeshLandmarker
from faceloom.faces.identity import embed, load_identity
from faceloom.files import write_bytes
from faceloom.geometry import Box, Similarity
from faceloom.image import RGB, encode_image, read_image, warp
from faceloom.video.info import image_files

_IDENTITY_BATCH = 16


def extract_answers(
    faces: FaceSet,
    answers: Path,
    output: Path,
    lenders: Mapping[str, Sequence[str]] | None = None,
) -> FaceSet:
    """Cut the faces of `answers` as those of `faces` were cut, into a face set of as many rows.

    `answers` holds the same folders of pictures, of the same size, as the input of `faces`;
    `lenders` says whose faces the pictures of a folder show in turn (`FaceRecord.shows`), each by
    their own folder. A complete set is left as it is. A face that cannot be seen in the answer
    keeps the mesh of the one it answers. Raises UserError for a missing picture.
    """
    if (output / "faces.jsonl").is_file():
        return FaceSet.open(output)
    landmarker, net = MeshLandmarker(), load_identity()
    listed = cache(_pictures)
    (output / "crops").mkdir(parents=True, exist_ok=True)
    records, meshes, crops, identities = [], [], [], []
    for row, record in enumerate(faces.records):
        folder = answers / record.source
        picture = _picture(folder, listed(folder), record.index)
        crop, mesh, presence = _cut(picture, record, faces.meshes_N4683[row], faces, landmarker)
        write_bytes(output / "crops" / record.crop, encode_image(crop, ".jpg", JPEG_QUALITY))
        seen = round(presence, 4)
        in_turn = (lenders or {}).get(record.source, ("",))
        shows = in_turn[record.index % len(in_turn)]
        hull = stored_hull(mesh)
        records.append(replace(record, presence=seen, identity_row=row, mask=hull, shows=shows))
        meshes.append(mesh)
        crops.append(crop)
        if len(crops) == _IDENTITY_BATCH or row + 1 == len(faces):
            identities.append(embed(net, np.stack(crops), np.stack(meshes[-len(crops) :])))
            crops.clear()
    info = replace(faces.info, input=str(answers.resolve()))
    write_faceset(output, info, records, np.stack(meshes), np.concatenate(identities))
    return FaceSet.open(output)


def _pictures(folder: Path) -> list[Path]:
    """In the order in which extraction counted them."""
    return image_files(folder) if folder.is_dir() else []


def _picture(folder: Path, pictures: list[Path], index: int) -> RGB:
    if index >= len(pictures):
        raise UserError(f"{folder}: has no picture {index}; render the answers again")
    return read_image(pictures[index])


def _cut(
    picture: RGB, record: FaceRecord, known: Mesh, faces: FaceSet, landmarker: Landmarker
) -> tuple[RGB, Mesh, float]:
    """The crop, the mesh in its pixels, and how surely a face is seen."""
    to_crop = Similarity(*record.transform)
    crop = warp(picture, to_crop, (faces.size_px, faces.size_px), "area")
    there = transform_mesh(known, to_crop.inverse())
    seen = landmarker(picture, Face(Box.around(there), record.score, None, there))
    if seen.mesh_4683 is None or seen.presence < PRESENT:
        return crop, known, seen.presence
    return crop, transform_mesh(seen.mesh_4683, to_crop), seen.presence
