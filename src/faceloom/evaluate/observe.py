"""One pass over a result and its footage: everything that is read off each frame.

Only numbers are kept, some kilobytes a frame, and vectors of at most `MOST_VECTORS` frames, so that
a clip may be longer than memory. Both pictures are read from the same starting place, the face as
followed through the footage: what differs in the numbers comes from the pictures alone.

Convention: every series has one entry a frame, nan where it could not be read; index 0 of a pair is
the result, 1 the footage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faceloom.evaluate import looks
from faceloom.evaluate.identity_readers import IdentityReader, Vector, read_crop
from faceloom.evaluate.kept import EXPRESSIVE, expressive_points
from faceloom.evaluate.paired_frames import ClipPair, PairedFrame, PairReport, paired_frames
from faceloom.evaluate.specks import speck_contrast
from faceloom.evaluate.steadiness import BLOCKS, FlowWarp, block_brightness, point_jitter
from faceloom.evaluate.unchanged import outside_changes
from faceloom.faces.expression import mouth_opening
from faceloom.faces.eyes import EyeReader
from faceloom.faces.face import Face, Mesh
from faceloom.faces.find import PRESENT, FullRangeDetector, MeshLandmarker
from faceloom.faces.pose import pose_of
from faceloom.faces.track import FaceTracker, SceneCut
from faceloom.image import RGB
from faceloom.video.info import IMAGES_RATE

PREDICTOR = "predictor"
"""The name of the predictor's rows among the identities: logits, not unit vectors."""
MOST_VECTORS = 600
"""Frames of a clip that features are kept of."""
MOST_SPECTRA = 48

SERIES = (
    "mouth", "eyes", "gaze_yaw", "gaze_pitch", "yaw", "pitch", "roll", "jitter", "warp_error",
    "sharpness", "colour",
)  # fmt: skip
"""What is read off result and footage alike: a pair a frame."""
SINGLES = ("colour_cast", "seam", "specks", "outside_error", "outside_changed", "time_error_s")
"""What is read off both together: one number a frame."""


class Pair(NamedTuple):
    """Something of the result and of the footage."""

    result: NDArray[np.float32]
    footage: NDArray[np.float32]


@dataclass(frozen=True)
class Vectors:
    """Rows of chosen frames, of result and footage."""

    frames_N: NDArray[np.int64]
    result_ND: NDArray[np.float32]
    footage_ND: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.frames_N)


@dataclass(frozen=True)
class Observed:
    """What one clip showed."""

    frames: int
    extra_frames: int
    rate: float
    face_T: NDArray[np.bool_]
    """Where the footage shows a face."""
    missed_T: NDArray[np.bool_]
    """Where the footage shows one and the result does not."""
    damaged_T: NDArray[np.bool_]
    times_s: NDArray[np.float64]
    """Of the footage's frames, from its file's start."""
    pairs: dict[str, Pair]
    singles: dict[str, NDArray[np.float32]]
    points_TP2: Pair
    """Brows, lids and lips in their standard place (`kept.expressive_points`)."""
    brightness_TB: Pair
    identities: dict[str, Vectors]
    """By the reader's name."""
    features: Vectors
    spectra: Vectors


@dataclass
class _Rows:
    """Rows of chosen frames while they are gathered."""

    frames: list[int] = field(default_factory=list)
    rows: list[tuple[Vector, Vector]] = field(default_factory=list)

    def add(self, frame: int, result: Vector, footage: Vector) -> None:
        self.frames.append(frame)
        self.rows.append((result, footage))

    def done(self) -> Vectors:
        frames = np.array(self.frames, np.int64)
        if not self.rows:
            empty = np.zeros((0, 0), np.float32)
            return Vectors(frames, empty, empty)
        result, footage = (np.stack([row[side] for row in self.rows]) for side in (0, 1))
        return Vectors(frames, result, footage)


def observe(
    pair: ClipPair,
    readers: Mapping[str, IdentityReader],
    expected_frames: int | None,
    judged: int,
    tell: Callable[[int], None],
    predictor: IdentityReader | None = None,
) -> Observed:
    """Read both clips once; `judged` frames by each identity reader, `tell` gets frames done.

    Raises UserError as `paired_frames` does.
    """
    report = PairReport()
    observer = _Observer(readers, predictor, expected_frames or 1500, judged)
    last_s = 0.0
    for moment in paired_frames(pair, report):
        observer.add(moment)
        last_s = moment.footage_time_s
        tell(moment.index + 1)
    rate = (report.frames - 1) / last_s if last_s > 0 else float(IMAGES_RATE)
    return observer.done(report, rate)


class _Observer:
    def __init__(
        self,
        readers: Mapping[str, IdentityReader],
        predictor: IdentityReader | None,
        expected_frames: int,
        judged: int,
    ) -> None:
        self._tracker = FaceTracker(FullRangeDetector(), MeshLandmarker())
        self._landmarker, self._eyes = MeshLandmarker(), EyeReader()
        self._cut, self._flow = SceneCut(), FlowWarp()
        self._readers = dict(readers) | ({PREDICTOR: predictor} if predictor else {})
        self._judged = _places(expected_frames, judged)
        self._featured = _places(expected_frames, MOST_VECTORS)
        self._spectral = _places(expected_frames, MOST_SPECTRA)
        self._identities = {name: _Rows() for name in self._readers}
        self._features, self._spectra = _Rows(), _Rows()
        self._numbers: dict[str, list[tuple[float, float]]] = {name: [] for name in SERIES}
        self._singles: dict[str, list[float]] = {name: [] for name in SINGLES}
        self._points: list[tuple[Vector, Vector]] = []
        self._brightness: list[tuple[Vector, Vector]] = []
        self._state: list[tuple[bool, bool, bool]] = []
        self._meshes: list[tuple[Mesh, Mesh]] = []
        """Of the last two frames in a row."""
        self._track: int | None = None
        self._times: list[float] = []

    def add(self, moment: PairedFrame) -> None:
        self._times.append(moment.start_s + moment.footage_time_s)
        if self._cut(moment.footage):
            self._tracker.forget()
            self._lose()
        start = None if moment.damaged else self._follow(moment.footage)
        meshes = self._meshes_of(moment, start) if start is not None else None
        faced = meshes is not None and meshes[1] is not None
        missed = meshes is not None and faced and meshes[0] is None
        self._state.append((faced, missed, moment.damaged))
        if meshes is None or meshes[0] is None or meshes[1] is None:
            self._lose()
            self._skip(moment)
            return
        self._read(moment, (meshes[0], meshes[1]))

    def done(self, report: PairReport, rate: float) -> Observed:
        face, missed, damaged = np.array(self._state, np.bool_).reshape(-1, 3).T
        numbers = {n: np.array(rows, np.float32).reshape(-1, 2)
                   for n, rows in self._numbers.items()}  # fmt: skip
        return Observed(
            report.frames, report.extra_frames, rate, face, missed, damaged,
            np.array(self._times, np.float64),
            {name: Pair(rows[:, 0], rows[:, 1]) for name, rows in numbers.items()},
            {name: np.array(values, np.float32) for name, values in self._singles.items()},
            _sides(self._points), _sides(self._brightness),
            {name: rows.done() for name, rows in self._identities.items()},
            self._features.done(), self._spectra.done(),
        )  # fmt: skip

    def _follow(self, footage: RGB) -> Face | None:
        """The face that was followed before, or else the largest."""
        found = self._tracker.update(footage)
        if not found:
            return None
        same = next((one for one in found if one.track == self._track), found[0])
        if same.track != self._track:
            self._track = same.track
            self._lose()
        return same.face

    def _meshes_of(self, moment: PairedFrame, start: Face) -> tuple[Mesh | None, Mesh | None]:
        faces = [self._landmarker(rgb, start) for rgb in (moment.result, moment.footage)]
        return tuple(  # type: ignore[return-value]
            face.mesh_4683 if face.presence >= PRESENT else None for face in faces
        )

    def _lose(self) -> None:
        self._meshes.clear()
        self._flow.forget()

    def _skip(self, moment: PairedFrame) -> None:
        nothing = (np.nan, np.nan)
        for rows in self._numbers.values():
            rows.append(nothing)
        for name, values in self._singles.items():
            values.append(_time_error(moment) if name == "time_error_s" else np.nan)
        empty = np.full((len(EXPRESSIVE), 2), np.nan, np.float32)
        self._points.append((empty, empty))
        dark = np.full(BLOCKS * BLOCKS, np.nan, np.float32)
        self._brightness.append((dark, dark))

    def _read(self, moment: PairedFrame, meshes: tuple[Mesh, Mesh]) -> None:
        pictures = moment.result, moment.footage
        self._read_face(pictures, meshes)
        self._read_motion(pictures, meshes)
        self._read_looks(moment, meshes)
        self._read_vectors(moment.index, pictures, meshes)

    def _read_face(self, pictures: tuple[RGB, RGB], meshes: tuple[Mesh, Mesh]) -> None:
        note = self._numbers
        looks_2 = [self._eyes.look(rgb, mesh) for rgb, mesh in zip(pictures, meshes, strict=True)]
        poses = [pose_of(mesh) for mesh in meshes]
        note["mouth"].append(_two(float(mouth_opening(mesh)) for mesh in meshes))
        note["eyes"].append(_two(look.opening for look in looks_2))
        note["gaze_yaw"].append(_two(look.gaze_yaw_deg for look in looks_2))
        note["gaze_pitch"].append(_two(look.gaze_pitch_deg for look in looks_2))
        note["yaw"].append(_two(pose.yaw_deg for pose in poses))
        note["pitch"].append(_two(pose.pitch_deg for pose in poses))
        note["roll"].append(_two(pose.roll_deg for pose in poses))
        self._points.append((expressive_points(meshes[0]), expressive_points(meshes[1])))

    def _read_motion(self, pictures: tuple[RGB, RGB], meshes: tuple[Mesh, Mesh]) -> None:
        self._numbers["warp_error"].append(self._flow.update(*pictures, meshes[1]))
        jitter = (np.nan, np.nan)
        if len(self._meshes) == 2:
            first, second = self._meshes
            jitter = _two(point_jitter((first[k], second[k], meshes[k])) for k in (0, 1))
        self._numbers["jitter"].append(jitter)
        self._meshes = [*self._meshes[-1:], meshes]

    def _read_looks(self, moment: PairedFrame, meshes: tuple[Mesh, Mesh]) -> None:
        result, footage = moment.result, moment.footage
        bands = [looks.outline_band(rgb, meshes[1]) for rgb in (result, footage)]
        colour = looks.colour_step(*bands)
        self._numbers["colour"].append((colour.result, colour.footage))
        self._numbers["sharpness"].append(looks.sharpness_pair(result, footage, meshes[1]))
        error, changed = outside_changes(result, footage, meshes)
        values = {
            "colour_cast": colour.cast,
            "seam": looks.seam_energy(*bands),
            "specks": speck_contrast(result, footage, meshes[1]),
            "outside_error": error,
            "outside_changed": changed,
            "time_error_s": _time_error(moment),
        }
        for name, value in values.items():
            self._singles[name].append(value)
        if moment.index in self._spectral:
            spectra = [looks.face_spectrum(rgb, meshes[1]) for rgb in (result, footage)]
            if spectra[0] is not None and spectra[1] is not None:
                self._spectra.add(moment.index, spectra[0].ravel(), spectra[1].ravel())

    def _read_vectors(
        self, index: int, pictures: tuple[RGB, RGB], meshes: tuple[Mesh, Mesh]
    ) -> None:
        readings = [read_crop(rgb, mesh) for rgb, mesh in zip(pictures, meshes, strict=True)]
        one, other = readings
        self._brightness.append((block_brightness(one.crop_HWC), block_brightness(other.crop_HWC)))
        if index in self._featured:
            self._features.add(index, one.features_F, other.features_F)
        if index in self._judged:
            for name, reader in self._readers.items():
                vectors = (one.identity_D, other.identity_D) if name == "training" else tuple(
                    reader(rgb, mesh) for rgb, mesh in zip(pictures, meshes, strict=True)
                )  # fmt: skip
                self._identities[name].add(index, *vectors)


def _two(values: Iterable[float]) -> tuple[float, float]:
    result, footage = values
    return result, footage


def _places(count: int, most: int) -> frozenset[int]:
    """Frames spread evenly over a clip of about this length."""
    return frozenset(np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist())


def _time_error(moment: PairedFrame) -> float:
    return abs(moment.result_time_s - moment.footage_time_s)


def _sides(rows: list[tuple[Vector, Vector]]) -> Pair:
    if not rows:
        empty = np.zeros((0, 0), np.float32)
        return Pair(empty, empty)
    return Pair(np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows]))
