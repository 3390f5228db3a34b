"""The evaluation of swapped clips: footage, result and real pictures in, all figures out.

Every clip is read once, frame by frame, so that it may be longer than memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceloom import __version__
from faceloom.errors import UserError
from faceloom.evaluate import figures as take
from faceloom.evaluate.evaluation import EVALUATION_VERSION, Clip, Evaluation, Figure
from faceloom.evaluate.identity_readers import (
    JUDGE_MISSING,
    IdentityReader,
    load_readers,
    most_honest,
)
from faceloom.evaluate.intervals import CLIPS_NEEDED
from faceloom.evaluate.keyed_pair import KeyedPair
from faceloom.evaluate.keyscores import load_judge, score_result
from faceloom.evaluate.likeness import GainScale, Pictures
from faceloom.evaluate.material import PICTURES, FaceMaterial, read_gallery, read_material
from faceloom.evaluate.measures import MEASURES, SHORT_NAMES
from faceloom.evaluate.moments import curves_of, identity_series, spectrum_of, worst_frames
from faceloom.evaluate.observe import Observed, observe
from faceloom.evaluate.paired_frames import ClipPair, check_pair, check_same, sha256_of
from faceloom.evaluate.resemblance import Resemblance
from faceloom.evaluate.sound import kept_share, loudness_db, sound_delay_s
from faceloom.evaluate.summary import summary_of
from faceloom.evaluate.vggface2 import IdentityPredictor
from faceloom.video import probe

JUDGED_FRAMES = 64
_LEAST_JUDGED = 6
_REPORT_S = 0.2
_READ, _SEEN = 0.05, 0.9
"""Shares of the work done once the face's pictures, and the clips, were read."""
_LOUDNESS_FRAMES = 2.0


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """What is compared beyond the clips themselves."""

    gallery: Path | None = None
    """A folder with one photo, or one folder of photos, a person."""
    vggface2: Path | None = None
    """Weights of the Inception-ResNet, safetensors (see `vggface2`)."""
    key: KeyedPair | None = None
    """The pair whose exact answer is known; for a single clip."""
    judged_frames: int = JUDGED_FRAMES
    """So many frames in all are judged, but at least a few of each clip."""
    face_pictures: int = PICTURES
    """About so many real pictures of the face are looked at."""
    labels: Mapping[str, str] | None = None
    """More settings to note, such as the run."""


@dataclass(frozen=True)
class EvaluateStatus:
    """One progress report: the share done, 0 to 1, and a few words."""

    progress: float
    detail: str


Report = Callable[[EvaluateStatus], None]


def evaluate_clips(
    pairs: Sequence[ClipPair],
    face: Path,
    options: EvaluateOptions | None = None,
    folder: Path | None = None,
    report: Report | None = None,
) -> Evaluation:
    """Evaluate results beside their footage and real pictures of the face.

    Thumbnails of look-alikes are written into `folder`, where one is given. Raises UserError, one
    line, for clips that do not match, show no face, or cannot be read.
    """
    options = options or EvaluateOptions()
    tell = _Teller(report)
    check_same(pairs)
    expected = [check_pair(pair) for pair in pairs]
    tell(0.0, "pictures of the face")
    readers = load_readers()
    predictor = IdentityPredictor(options.vggface2) if options.vggface2 else None
    material = read_material(face, readers, predictor, options.face_pictures)
    net = most_honest(readers)
    tell(_READ / 2, "pictures of the face" if options.gallery is None else "gallery")
    gallery = read_gallery(options.gallery, readers[net]) if options.gallery else None
    seen = _observe_all(pairs, expected, options, readers, predictor, tell)
    tell(_SEEN, "figures")
    clips = _clips(pairs, seen)
    found = Resemblance(seen, material, net, gallery, predictor)
    figures, scales = found.figures()
    figures |= other_figures(pairs, seen, material)
    if options.key is not None:
        tell(0.93, "the exact answer")
        scored = score_result(options.key, pairs[0].result, load_judge())
        figures |= take.key_figures(scored.scores)
    tell(0.97, "map of identities")
    points, method = found.map()
    evaluation = Evaluation(
        faceloom=__version__,
        version=EVALUATION_VERSION,
        summary=summary_of(figures, seen, clips),
        clips=clips,
        figures={name: figures[name] for name in MEASURES if name in figures},
        curves=curves_of(seen, material.by_reader, scales),
        worst=worst_frames(seen, clips, identity_series(seen, material.by_reader, scales)),
        heat_maps=found.heat_maps(),
        map=points,
        map_note=found.map_note(),
        spectrum=spectrum_of(seen),
        likenesses=found.likenesses(folder),
        warnings=_warnings(seen, pairs, material.by_reader[net], net, figures),
        settings=_settings(face, options, net, scales, method),
    )
    tell(1.0, "done")
    return evaluation


class _Teller:
    """Progress reports, not too many of them."""

    def __init__(self, report: Report | None) -> None:
        self._report, self._last = report, 0.0

    def __call__(self, progress: float, detail: str) -> None:
        now = time.monotonic()
        if self._report is not None and (progress >= 1 or now - self._last >= _REPORT_S):
            self._last = now
            self._report(EvaluateStatus(progress, detail))


# -- parts ----------------------------------------------------------------------------------------


def _observe_all(
    pairs: Sequence[ClipPair],
    expected: Sequence[int | None],
    options: EvaluateOptions,
    readers: Mapping[str, IdentityReader],
    predictor: IdentityPredictor | None,
    tell: _Teller,
) -> list[Observed]:
    judged = max(_LEAST_JUDGED, options.judged_frames // len(pairs))
    total = max(1, sum(count or 0 for count in expected))
    seen: list[Observed] = []
    done = 0
    for pair, count in zip(pairs, expected, strict=True):

        def told(frames: int, before: int = done, name: str = pair.name) -> None:
            share = min(1.0, (before + frames) / total)
            tell(_READ + (_SEEN - _READ) * share, f"{name}, {before + frames} frames")

        one = observe(pair, readers, count, judged, told, predictor)
        _check_seen(pair, one)
        seen.append(one)
        done += one.frames
    return seen


def other_figures(
    pairs: Sequence[ClipPair], seen: Sequence[Observed], material: FaceMaterial
) -> dict[str, Figure]:
    """All but those of identity and of an exact answer."""
    sounds = [_sound(pair, one) for pair, one in zip(pairs, seen, strict=True)]
    return (
        take.kept_figures(seen, sounds)
        | take.look_figures(seen, material.features_NF)
        | take.video_figures(seen)
        | take.unchanged_figures(seen, sounds)
    )


def _check_seen(pair: ClipPair, one: Observed) -> None:
    if one.frames == 0:
        raise UserError(f"{pair.result}: holds no frames; replace it")
    if not one.face_T.any():
        raise UserError(
            f"{pair.footage}: shows no face in {one.frames} frames; give footage that shows one"
        )
    if not (one.face_T & ~one.missed_T).any():
        raise UserError(
            f"{pair.result}: shows no face where its footage does; give the swapped clip"
        )


def _clips(pairs: Sequence[ClipPair], seen: Sequence[Observed]) -> tuple[Clip, ...]:
    clips, first = [], 0
    for pair, one in zip(pairs, seen, strict=True):
        info = probe(pair.footage)
        clips.append(
            Clip(pair.name, pair.footage.name, pair.result.name, one.frames, first, one.rate,
                 info.width_px, info.height_px, sha256_of(pair.result), sha256_of(pair.footage))
        )  # fmt: skip
        first += one.frames
    return tuple(clips)


def _sound(pair: ClipPair, one: Observed) -> take.Sound:
    times = one.times_s.astype(np.float64)
    loudness = loudness_db(pair.footage, times, _LOUDNESS_FRAMES / one.rate)
    return take.Sound(
        loudness,
        kept_share(pair.footage, pair.result),
        sound_delay_s(pair.footage, pair.result),
    )


def _warnings(
    seen: Sequence[Observed],
    pairs: Sequence[ClipPair],
    face: Pictures,
    net: str,
    figures: Mapping[str, Figure],
) -> tuple[str, ...]:
    found = []
    if net != "judge":
        found.append(
            f"{JUDGE_MISSING}. Who it looks like is told by {SHORT_NAMES[net]} instead"
            + (", which flatters methods that train on it." if net == "training" else ".")
        )
    if len(pairs) < CLIPS_NEEDED:
        clips = "one clip" if len(pairs) == 1 else f"{len(pairs)} clips"
        found.append(
            f"Intervals come from stretches of {clips}: they say how sure the figures are of"
            " this footage, not of any other."
        )
    if face.single_source:
        found.append(
            "The face's pictures all come from one clip, and are more alike than photographs of"
            " different days: the identity gain is harder to reach."
        )
    if figures["identity_gain"].note.startswith(take.ALIKE):
        found.append("The face and the footage's person look alike to the judge: no identity gain.")
    damaged = sum(int(one.damaged_T.sum()) for one in seen)
    if damaged:
        found.append(f"{damaged} frames could not be decoded whole; they are left out.")
    for pair, one in zip(pairs, seen, strict=True):
        if one.extra_frames:
            more = "more" if one.extra_frames > 0 else "fewer"
            found.append(f"{pair.name}: the result has one frame {more} than its footage.")
    return tuple(found)


def _settings(
    face: Path,
    options: EvaluateOptions,
    net: str,
    scales: Mapping[str, GainScale],
    map_method: str,
) -> dict[str, str]:
    settings = dict(options.labels or {})
    settings |= {
        "face": face.name,
        "gallery": options.gallery.name if options.gallery else "none",
        "answer key": options.key.name if options.key else "none",
        "look-alikes, heat maps and map by": SHORT_NAMES[net],
        "map": map_method,
    }
    for name, scale in scales.items():
        settings[f"{name}: face's photos among themselves"] = f"{scale.best:.3f}"
        settings[f"{name}: footage's person and face"] = f"{scale.before:.3f}"
    return settings
