"""A result beside the exact answer: every score of the benchmark, with its meaning.

Pixels are compared inside the key's inner face, coded values (see `evaluate.pixels`). Meshes are
fitted to result and key from the same starting place (the face as followed through the key), so
that a difference between them comes from the pictures alone; the same reader looks at both, so
its own bias cancels.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from faceloom.errors import UserError
from faceloom.evaluate.keyed_pair import KeyedFrame, KeyedPair
from faceloom.evaluate.pixels import change_error, outside_change, psnr_db, squared_error, ssim
from faceloom.faces.align import rigid_indices, transform_mesh
from faceloom.faces.expression import eye_span_px, mouth_opening
from faceloom.faces.eyes import EyeReader
from faceloom.faces.face import Face, Mesh
from faceloom.faces.find import PRESENT, FullRangeDetector, MeshLandmarker
from faceloom.faces.mask import BROWS, LEFT_EYE, LIPS, RIGHT_EYE
from faceloom.faces.pose import pose_of
from faceloom.faces.track import FaceTracker
from faceloom.geometry import umeyama
from faceloom.image import RGB
from faceloom.video import read_frames

if TYPE_CHECKING:
    from faceloom.evaluate.judge import DlibJudge

SCORES_VERSION = 1
"""Rises whenever a score's definition changes: figures of different versions do not compare."""
LEAK_REACH = 1 / 32
"""The masks are dilated by this share of the picture's side before anything counts as leakage."""
_JUDGED_FRAMES = 24
_EYES_OPEN = 0.15
"""Below this opening (see `faces.eyes`) no gaze can be read."""
_EXPRESSIVE = sorted({*LIPS, *BROWS, *LEFT_EYE, *RIGHT_EYE})
_REPORT_S = 0.2


@dataclass(frozen=True)
class KeyScores:
    """What a method scored on one pair. Everything is a mean over the pair's frames unless it says
    otherwise; None where it could not be measured."""

    gain: float
    """1 - MSE(result, key) / MSE(footage, key) in the key's mask, the key in the footage's skin
    tone; sums over all frames. The main score. 1 is the exact answer, 0 no better than doing
    nothing, below 0 worse; above 0.5 is good."""
    gain_own_tone: float
    """The same against the key in the face's own skin tone, for methods that carry it over."""
    psnr_db: float
    """Peak signal to noise ratio to the key in its mask, dB, from the mean error of all frames.
    Untouched footage has 16 to 24; 30 is hard to tell from the key."""
    ssim: float
    """Structural similarity to the key in its mask, -1 to 1; 1 is the same, above 0.85 good."""
    identity_margin: float | None
    """Cosine to the face's person minus cosine to the footage's, by a judge that no loss uses.
    Above 0: more like the face's person. Compare with the key's own, shown beside: the most that
    can be had. None without the extra `judge`."""
    identity_share: float | None
    """The margin on the way from the footage's (0) to the key's (1); above 0.8 is good."""
    landmark_error: float | None
    """Mean distance of the 468 mesh points to the key's, over the key's eye span (outer corners).
    0 is exact, 0.02 good, 0.06 a visibly different face or pose."""
    pose_error_deg: float | None
    """Mean absolute difference of yaw, pitch and roll to the key's, degrees; below 1.5 is good."""
    gaze_error_deg: float | None
    """Angle between the eyes' gaze and the key's, degrees, where the key's eyes are open; below 4
    is good. A reader's figure: the same network reads both, so the key itself has 0."""
    expression_error: float | None
    """Mean distance of lips, lids and brows to the key's after the rest of the face was laid onto
    it by a similarity, over the eye span. 0 is exact, below 0.025 good."""
    mouth_error: float | None
    """Mean absolute difference of the mouth's opening to the key's, over the eye span; below 0.02
    is good."""
    eye_error: float | None
    """Mean absolute difference of the eyes' opening (lid gap over eye width) to the key's; below
    0.04 is good."""
    leakage: float
    """Mean absolute difference to the footage outside both masks, dilated; levels of 255. 0 where
    nothing but the face changed; a clip (not PNG frames) has its encoder's error on top."""
    temporal_error: float
    """Mean absolute difference of frame-to-frame changes to the key's, in the mask; levels of 255.
    Untouched footage's says how much the two faces move apart; below it is good."""
    seconds_per_frame: float | None
    """The method's own time a frame, training left out; None where it is not known."""
    frames: int
    frames_missed: int
    """Frames in which the key shows a face and the result does not: they are left out of all that
    is measured on meshes, so they should be 0."""
    nearer_tone: Literal["footage", "own"]
    """Which key the result is nearer to."""


@dataclass(frozen=True)
class FrameGains:
    """The gain of every frame, for choosing which to show."""

    gain_T: NDArray[np.float64]

    @property
    def worst(self) -> int:
        return int(np.argmin(self.gain_T))

    @property
    def median(self) -> int:
        return int(np.argsort(self.gain_T, kind="stable")[(len(self.gain_T) - 1) // 2])


@dataclass(frozen=True)
class Scored:
    """A result's scores and the frames they came from."""

    scores: KeyScores
    per_frame: FrameGains


@dataclass(frozen=True)
class BenchStatus:
    """One progress report: the share done, 0 to 1, and a few words."""

    progress: float
    detail: str


Report = Callable[[BenchStatus], None]


@dataclass(frozen=True)
class People:
    """What the judge knows of a pair: the mean vector of each person, unit length."""

    face_D: NDArray[np.float64]
    footage_D: NDArray[np.float64]

    def margin(self, pictures: list[NDArray[np.float32]]) -> float:
        """Mean cosine to the face's person minus that to the footage's."""
        units = np.stack(pictures).astype(np.float64)
        units /= np.linalg.norm(units, axis=1, keepdims=True)
        return float((units @ (self.face_D - self.footage_D)).mean())


@cache
def load_judge() -> DlibJudge | None:
    """The identity judge; None where the extra `judge` is not installed."""
    try:
        from faceloom.evaluate.judge import DlibJudge
    except ModuleNotFoundError:
        return None
    return DlibJudge()


def score_result(
    pair: KeyedPair,
    result: Path,
    judge: DlibJudge | None,
    *,
    seconds_per_frame: float | None = None,
    report: Report | None = None,
) -> Scored:
    """Compare a clip or a folder of frames with a pair's answer key.

    Raises UserError if it is not as long or as large as the footage.
    """
    pixels, looks = _PixelSums(pair), _Looks(pair, judge)
    last = time.monotonic()
    for moment in pair.keyed_frames(result):
        pixels.add(moment)
        looks.add(moment)
        now = time.monotonic()
        if report is not None and now - last >= _REPORT_S:
            last = now
            report(BenchStatus((moment.index + 1) / pair.frames, f"{moment.index + 1} frames"))
    values = pixels.scores() | looks.scores() | {"seconds_per_frame": seconds_per_frame}
    return Scored(KeyScores(**values), FrameGains(np.array(pixels.gains)))


def to_dict(scores: KeyScores) -> dict[str, Any]:
    """As JSON-ready values, rounded to what is meant."""
    values = dataclasses.asdict(scores)
    return {n: round(v, 5) if isinstance(v, float) else v for n, v in values.items()}


class _PixelSums:
    """Everything that is read off pixels."""

    def __init__(self, pair: KeyedPair) -> None:
        self._reach_px = max(1, round(LEAK_REACH * pair.size_px))
        self._before: KeyedFrame | None = None
        self._squares = dict.fromkeys(("result", "footage", "result_own", "footage_own"), 0.0)
        self._weight = 0.0
        self._ssim: list[float] = []
        self._leakage: list[float] = []
        self._changes: list[float] = []
        self._frames = 0
        self.gains: list[float] = []

    def add(self, now: KeyedFrame) -> None:
        self._frames += 1
        mask = now.mask
        self._leakage.append(
            outside_change(now.result, now.footage, mask, now.footage_mask, reach_px=self._reach_px)
        )
        if mask.any():
            pairs = {
                "result": (now.result, now.key),
                "footage": (now.footage, now.key),
                "result_own": (now.result, now.key_own),
                "footage_own": (now.footage, now.key_own),
            }
            sums = {name: squared_error(*pictures, mask)[0] for name, pictures in pairs.items()}
            self._weight += 3 * float(mask.sum(dtype=np.float64))
            for name, value in sums.items():
                self._squares[name] += value
            self.gains.append(_gain(sums["result"], sums["footage"]))
            self._ssim.append(ssim(now.result, now.key, mask))
            if self._before is not None and self._before.mask.any():
                before = self._before
                self._changes.append(
                    change_error(
                        (before.result, now.result), (before.key, now.key), (before.mask, mask)
                    )
                )
        else:
            self.gains.append(1.0)  # Nothing to swap, nothing to get wrong.
        self._before = now

    def scores(self) -> dict[str, Any]:
        if self._weight == 0:
            raise UserError("the pair's key: shows no face in any frame; make the pair again")
        squares = self._squares
        nearer = "footage" if squares["result"] <= squares["result_own"] else "own"
        return {
            "gain": _gain(squares["result"], squares["footage"]),
            "gain_own_tone": _gain(squares["result_own"], squares["footage_own"]),
            "psnr_db": psnr_db(squares["result"] / self._weight),
            "ssim": float(np.mean(self._ssim)),
            "leakage": float(np.mean(self._leakage)),
            "temporal_error": float(np.mean(self._changes)) if self._changes else 0.0,
            "frames": self._frames,
            "nearer_tone": nearer,
        }


def _gain(squares: float, untouched: float) -> float:
    return 1 - squares / max(1e-9, untouched) if squares else 1.0


@dataclass
class _Looks:
    """Everything that is read off faces: meshes, eyes, identity."""

    pair: KeyedPair
    judge: DlibJudge | None
    values: dict[str, list[float]] = field(default_factory=dict)
    missed: int = 0

    def __post_init__(self) -> None:
        self._tracker = FaceTracker(FullRangeDetector(), MeshLandmarker())
        self._landmarker, self._eyes = MeshLandmarker(), EyeReader()
        count = self.pair.frames
        self._judged = set(np.linspace(0, count - 1, min(count, _JUDGED_FRAMES)).astype(int))
        self._vectors: dict[str, list[NDArray[np.float32]]] = {
            "result": [], "footage": [], "key": []
        }  # fmt: skip

    def add(self, now: KeyedFrame) -> None:
        followed = self._tracker.update(now.key)
        if not followed:
            return
        start = followed[0].face
        key = self._mesh(now.key, start)
        result = self._mesh(now.result, start)
        if key is None:
            return
        if result is None:
            self.missed += 1
            return
        for name, value in mesh_errors(result, key).items():
            self._note(name, value)
        self._compare_eyes(now, result, key)
        if self.judge is not None and now.index in self._judged:
            self._vectors["result"].append(self.judge(now.result, result))
            self._vectors["key"].append(self.judge(now.key, key))
            footage = self._mesh(now.footage, start)
            if footage is not None:
                self._vectors["footage"].append(self.judge(now.footage, footage))

    def scores(self) -> dict[str, Any]:
        names = ("landmark_error", "pose_error_deg", "gaze_error_deg", "expression_error",
                 "mouth_error", "eye_error")  # fmt: skip
        means = {n: float(np.mean(self.values[n])) if n in self.values else None for n in names}
        return means | self._identity() | {"frames_missed": self.missed}

    def _identity(self) -> dict[str, float | None]:
        nothing: dict[str, float | None] = {"identity_margin": None, "identity_share": None}
        if self.judge is None or not all(self._vectors.values()):
            return nothing
        face = material_vectors(self.judge, self.pair.face)
        if not face:
            return nothing
        people = People(_mean_unit(face), _mean_unit(self._vectors["footage"]))
        margins = {name: people.margin(vectors) for name, vectors in self._vectors.items()}
        way = margins["key"] - margins["footage"]
        share = (margins["result"] - margins["footage"]) / way if way > 1e-3 else None
        return {"identity_margin": margins["result"], "identity_share": share}

    def _mesh(self, picture: RGB, start: Face) -> Mesh | None:
        face = self._landmarker(picture, start)
        return face.mesh_4683 if face.presence >= PRESENT else None

    def _compare_eyes(self, now: KeyedFrame, result: Mesh, key: Mesh) -> None:
        seen, wanted = self._eyes.look(now.result, result), self._eyes.look(now.key, key)
        self._note("eye_error", abs(seen.opening - wanted.opening))
        if min(seen.opening, wanted.opening) >= _EYES_OPEN:
            yaw = seen.gaze_yaw_deg - wanted.gaze_yaw_deg
            pitch = seen.gaze_pitch_deg - wanted.gaze_pitch_deg
            self._note("gaze_error_deg", float(np.hypot(yaw, pitch)))

    def _note(self, name: str, value: float) -> None:
        self.values.setdefault(name, []).append(value)


def mesh_errors(result: Mesh, key: Mesh) -> dict[str, float]:
    """The figures of one frame that are read off both meshes, in pixels of the picture."""
    span_px = float(eye_span_px(key))
    apart = np.linalg.norm(result[:, :2].astype(np.float64) - key[:, :2], axis=1)
    rigid = rigid_indices()
    laid = transform_mesh(result, umeyama(result[rigid], key[rigid]))
    moved = np.linalg.norm(laid[_EXPRESSIVE, :2].astype(np.float64) - key[_EXPRESSIVE, :2], axis=1)
    one, other = pose_of(result), pose_of(key)
    turns = (one.yaw_deg - other.yaw_deg, one.pitch_deg - other.pitch_deg,
             one.roll_deg - other.roll_deg)  # fmt: skip
    return {
        "landmark_error": float(apart.mean()) / span_px,
        "expression_error": float(moved.mean()) / span_px,
        "pose_error_deg": float(np.mean(np.abs(turns))),
        "mouth_error": abs(float(mouth_opening(result) - mouth_opening(key))),
    }


def material_vectors(judge: DlibJudge, clip: Path) -> list[NDArray[np.float32]]:
    """The judge's vectors of frames spread over a clip of one person."""
    tracker = FaceTracker(FullRangeDetector(), MeshLandmarker())
    seen = []
    for frame in read_frames(clip):
        found = tracker.update(frame.rgb)
        mesh = found[0].face.mesh_4683 if found else None
        if mesh is not None and frame.index % 8 == 0:
            seen.append((frame.rgb, mesh))
    picked = np.linspace(0, len(seen) - 1, min(len(seen), _JUDGED_FRAMES)).astype(int)
    return [judge(*seen[index]) for index in picked]


def _mean_unit(vectors: list[NDArray[np.float32]]) -> NDArray[np.float64]:
    units = np.stack(vectors).astype(np.float64)
    mean = (units / np.linalg.norm(units, axis=1, keepdims=True)).mean(axis=0)
    return mean / np.linalg.norm(mean)
