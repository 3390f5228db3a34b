"""Real pictures of people: of the face that was put in, and of a gallery's people.

Convention: pictures are uint8 RGB (H, W, 3); meshes in their pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceloom.errors import UserError
from faceloom.evaluate.identity_readers import IdentityReader, Vector, read_crop
from faceloom.evaluate.likeness import Pictures, Vectors
from faceloom.faces.face import Mesh
from faceloom.faces.find import PRESENT, FullRangeDetector, MeshLandmarker
from faceloom.faces.track import SceneCut
from faceloom.geometry import Box
from faceloom.image import IMAGE_SUFFIXES, RGB, encode_image, read_image, resize
from faceloom.video import find_clips, probe, read_frames
from faceloom.video.info import image_files

PICTURES = 24
"""As many pictures of a person are looked at."""
_CLIPS = 24
_THUMBNAIL_PX = 128
_THUMBNAIL_GROWTH = 0.35


@dataclass(frozen=True)
class Picture:
    """A real picture of a person, and the clip or scene it comes from."""

    rgb: RGB
    mesh_4683: Mesh
    source: int


class FaceFinder:
    """The largest face of single pictures."""

    def __init__(self) -> None:
        self._detector, self._landmarker = FullRangeDetector(), MeshLandmarker()

    def __call__(self, rgb: RGB) -> Mesh | None:
        faces = sorted(self._detector(rgb), key=lambda face: -face.box.area)
        for face in faces:
            seen = self._landmarker(rgb, face)
            if seen.mesh_4683 is not None and seen.presence >= PRESENT:
                return seen.mesh_4683
        return None


def pictures_of(path: Path, count: int = PICTURES) -> Iterator[Picture]:
    """About `count` pictures of the largest face, spread over all clips and photographs of an
    input; one clip is read at a time, frame by frame.

    Raises UserError for what cannot be read.
    """
    clips = _clips_of(path)
    step = max(1, -(-len(clips) // _CLIPS))
    chosen = clips[::step]
    each = max(1, -(-count // len(chosen)))
    finder, source = FaceFinder(), -1
    for clip in chosen:
        single = clip.is_file() and clip.suffix.lower() in IMAGE_SUFFIXES
        length = 1 if single else probe(clip).frame_count or 1
        wanted = set(np.linspace(0, length - 1, min(length, each)).round().astype(int).tolist())
        cut = SceneCut(clip.is_dir())
        stream = [(0, read_image(clip))] if single else (
            (frame.index, frame.rgb) for frame in read_frames(clip) if not frame.damaged
        )  # fmt: skip
        for index, rgb in stream:
            source += cut(rgb)
            mesh = finder(rgb) if index in wanted else None
            if mesh is not None:
                yield Picture(rgb, mesh, source)


@dataclass(frozen=True)
class FaceMaterial:
    """What the readers say of the face's real pictures."""

    by_reader: dict[str, Pictures]
    features_NF: Vectors
    prediction_D: Vector | None = None
    """Mean logits of the predictor, where there is one."""


def read_material(
    path: Path,
    readers: Mapping[str, IdentityReader],
    predictor: IdentityReader | None = None,
    count: int = PICTURES,
) -> FaceMaterial:
    """About `count` real pictures of the face, as the readers see them.

    Raises UserError if the input shows no face, or only one picture of it."""
    vectors: dict[str, list[Vector]] = {name: [] for name in readers}
    sources, features, logits = [], [], []
    for picture in pictures_of(path, count):
        for name, reader in readers.items():
            vectors[name].append(reader(picture.rgb, picture.mesh_4683))
        features.append(read_crop(picture.rgb, picture.mesh_4683).features_F)
        sources.append(picture.source)
        if predictor is not None:
            logits.append(predictor(picture.rgb, picture.mesh_4683))
    if not sources:
        raise UserError(f"{path}: shows no face to compare with; give other pictures of the face")
    if len(sources) < 2:
        raise UserError(
            f"{path}: holds one picture of the face only; give two or more, so that it can be said"
            " how alike real pictures of it are"
        )
    order = np.array(sources, np.int64)
    return FaceMaterial(
        {name: Pictures(np.stack(rows), order) for name, rows in vectors.items()},
        np.stack(features),
        np.mean(logits, axis=0).astype(np.float32) if logits else None,
    )


@dataclass(frozen=True)
class Gallery:
    """People to be mistaken for: one mean identity each, and a picture to show."""

    names: tuple[str, ...]
    identities_PD: Vectors
    portraits: tuple[Path, ...]


def read_gallery(folder: Path, reader: IdentityReader) -> Gallery:
    """A gallery folder: each photograph in it is a person, each folder in it a person with several.

    Pictures without a face are left out. Raises UserError if fewer than two people are left.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: is no folder; give a gallery, one photo or folder a person")
    people: dict[str, list[Path]] = {file.stem: [file] for file in image_files(folder)}
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.name.startswith("."):
            people[entry.name] = image_files(entry)
    finder = FaceFinder()
    names, vectors, portraits = [], [], []
    for name, files in people.items():
        seen = [(file, reader(rgb, mesh)) for file in files
                for rgb in (read_image(file),) if (mesh := finder(rgb)) is not None]  # fmt: skip
        if seen:
            mean = np.mean([vector for _, vector in seen], axis=0)
            names.append(name)
            vectors.append((mean / np.linalg.norm(mean)).astype(np.float32))
            portraits.append(seen[0][0])
    if len(names) < 2:
        raise UserError(f"{folder}: shows faces of {len(names)} people; give a gallery of more")
    return Gallery(tuple(names), np.stack(vectors), tuple(portraits))


def write_thumbnail(portrait: Path, target: Path) -> None:
    """Write the face of a photograph as a small JPEG."""
    rgb = read_image(portrait)
    mesh = FaceFinder()(rgb)
    height, width = rgb.shape[:2]
    box = Box.around(mesh, _THUMBNAIL_GROWTH) if mesh is not None else Box(0, 0, width, height)
    side = min(max(box.width, box.height), float(min(width, height)))
    x0 = int(np.clip(box.center[0] - side / 2, 0, width - side))
    y0 = int(np.clip(box.center[1] - side / 2, 0, height - side))
    part = rgb[y0 : y0 + int(side), x0 : x0 + int(side)]
    small = resize(np.ascontiguousarray(part), (_THUMBNAIL_PX, _THUMBNAIL_PX))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(encode_image(small, ".jpg"))


def _clips_of(path: Path) -> list[Path]:
    """The clips of an input; a single photograph is one."""
    if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES:
        return [path]
    return find_clips(path)
