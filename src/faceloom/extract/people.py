"""Who is who: grouping the faces of a set by identity, and choosing one person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from faceloom.errors import UserError
from faceloom.faces.align import align
from faceloom.faces.find import PRESENT, Detector, Landmarker
from faceloom.faces.identity import IdentityNet, embed
from faceloom.files import write_bytes
from faceloom.image import RGB, draw_grid, encode_image, read_image

SAME_PERSON = 0.45
"""Mean cosine between two groups from which they are one person. Photographs of one person lie at
.76 to .83, of two at .03 (.48 at most); hard frames of one person come down to about .5."""
_AMBIGUOUS = 0.6
"""Where a second person has this share of the first one's faces, neither is plainly the main."""
_THUMBNAIL_PX = 128


def group(identities_M512: NDArray[np.float32]) -> NDArray[np.int64]:
    """The person, numbered from 0, of each unit vector: average linkage on cosine distance."""
    if len(identities_M512) < 2:
        return np.zeros(len(identities_M512), np.int64)
    tree = linkage(identities_M512.astype(np.float64), "average", metric="cosine")
    return fcluster(tree, 1 - SAME_PERSON, "distance").astype(np.int64) - 1


def choose(
    person_of_face: NDArray[np.int64],
    identities_N512: NDArray[np.float32],
    like: NDArray[np.float32] | None,
    folder: Path,
) -> int:
    """The person to keep: the one most like `like`, else the one with most faces.

    Raises UserError if nobody is like the photo, or two are seen about equally often.
    """
    people, counts = np.unique(person_of_face, return_counts=True)
    if like is not None:
        means = [identities_N512[person_of_face == person].mean(axis=0) for person in people]
        cosines = [float(m @ like / max(1e-9, np.linalg.norm(m))) for m in means]
        best = int(np.argmax(cosines))
        if cosines[best] < SAME_PERSON:
            raise UserError(
                f"{folder / 'people.png'}: none of the {len(people)} people there is the one of the"
                f" --like photo (best likeness {cosines[best]:.2f}); give another photo"
            )
        return int(people[best])
    order = np.argsort(-counts)
    if len(people) > 1 and counts[order[1]] >= _AMBIGUOUS * counts[order[0]]:
        raise UserError(
            f"{folder / 'people.png'}: {len(people)} people are seen, two of them about equally"
            f" often ({counts[order[0]]} and {counts[order[1]]} faces); choose with --like PHOTO"
        )
    return int(people[order[0]])


def identity_of_photo(
    path: Path, detector: Detector, landmarker: Landmarker, net: IdentityNet
) -> NDArray[np.float32]:
    """The identity (512,) of the one face in a photo. Raises UserError for none or several."""
    rgb = read_image(path)
    faces = [landmarker(rgb, face) for face in detector(rgb)]
    faces = [face for face in faces if face.presence >= PRESENT]
    if len(faces) != 1:
        found = "no face" if not faces else f"{len(faces)} faces"
        raise UserError(f"{path}: shows {found}; give a photo of the one person")
    aligned = align(rgb, faces[0], 256, 1.25)
    return embed(net, aligned.crop_HWC[None], aligned.mesh_4683[None])[0]


def write_people(path: Path, thumbnails: list[list[RGB]]) -> None:
    """One row of thumbnails a person, the most frequent first."""
    width = max(len(row) for row in thumbnails)
    blank = np.full_like(thumbnails[0][0], 255)
    rows = [row + [blank] * (width - len(row)) for row in thumbnails]
    write_bytes(path, encode_image(draw_grid(rows), ".png"))
