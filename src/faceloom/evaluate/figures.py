"""From what was seen to the figures of an evaluation; see `measures` for what each one is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceloom.evaluate import kept, looks, steadiness
from faceloom.evaluate.distances import frechet_distance, kernel_distance
from faceloom.evaluate.evaluation import Figure
from faceloom.evaluate.identity_readers import JUDGE_MISSING
from faceloom.evaluate.intervals import Samples, Statistic, mean_of, measured, worst_tenth_of
from faceloom.evaluate.keyscores import KeyScores
from faceloom.evaluate.likeness import GainScale, Pictures, gain_scale, mean_cosines, ranks
from faceloom.evaluate.measures import IDENTITY_NETS, KEY_PREFIX, MEASURES
from faceloom.evaluate.observe import Observed, Vectors
from faceloom.evaluate.sound import best_lag

ALIKE = "the two people look too alike to this network: there is no way to go"
_NOT_JUDGED = "no frame could be judged"
_ENOUGH_CROPS = 2000
_LEAST_MOVED = {"mouth": 0.01, "eyes": 0.015}
"""Deviation of an opening below which there is nothing to follow: speech has 0.016 and more, a clip
with a blink 0.03, and the readers' own noise on a mouth that is all but shut, or on eyes that do
not blink, 0.006."""
_NOTHING = (np.zeros(0), np.zeros(0))
_HARDLY_MOVES = {
    "mouth": "the footage's mouth hardly moves: there is nothing to follow",
    "eyes": "the footage's eyes hardly move: there is nothing to follow",
}
_LEAST_FRAMES = 5
"""Of fewer, a mean takes most of what there is with it."""
_LEAST_FOLLOWED = 0.3
"""Lips that follow less at any delay have none."""
_LEAST_AUDIO = 0.15
"""A weaker correlation of the footage's own lips with its sound tells nothing."""


@dataclass(frozen=True)
class Sound:
    """What one clip's sound says."""

    loudness_T: NDArray[np.float64] | None
    """dB at each frame; None without sound."""
    kept_share: float | None
    delay_s: float | None = None
    """Of the result's sound against the footage's."""


# -- identity -------------------------------------------------------------------------------------


def identity_figures(
    seen: Sequence[Observed], face: Mapping[str, Pictures]
) -> tuple[dict[str, Figure], dict[str, GainScale]]:
    """Cosines and gains by every reader, and the ends of the readers' scales."""
    figures: dict[str, Figure] = {}
    scales: dict[str, GainScale] = {}
    for net in IDENTITY_NETS:
        ending = "" if net == "judge" else f"_{net}"
        names = [f"identity_{what}{ending}" for what in ("gain", "face", "footage")]
        if net not in face:
            missing = JUDGE_MISSING if net == "judge" else "this network was not asked"
            figures |= {name: Figure(None, note=missing) for name in names}
            continue
        vectors = [one.identities[net] for one in seen]
        footage = [v.footage_ND for v in vectors if len(v)]
        if not footage:
            figures |= {name: Figure(None, note=_NOT_JUDGED) for name in names}
            continue
        scale = scales[net] = gain_scale(np.concatenate(footage), face[net])
        rows = [_cosine_samples(one, v, face[net]) for one, v in zip(seen, vectors, strict=True)]
        gain = measured(rows, _gain_of(scale))
        if not scale.known:
            gain = replace(gain, note=ALIKE)
        figures[names[0]] = gain
        figures[names[1]] = measured(rows, mean_of)
        figures[names[2]] = measured(rows, lambda r: float(r[:, 1].mean()))
    figures["identity_disagreement"] = _disagreement(figures)
    return figures, scales


def retrieval_figures(
    seen: Sequence[Observed], net: str, face: Pictures, people_PD: NDArray[np.floating]
) -> dict[str, Figure]:
    """Places of the face's person among a gallery's, the footage's and its own."""
    judged = [one.identities[net].footage_ND for one in seen if len(one.identities[net])]
    if not judged:
        nothing = Figure(None, note=_NOT_JUDGED)
        return {"retrieval_top1": nothing, "retrieval_top5": nothing}
    footage = np.concatenate(judged)
    mean = footage.mean(axis=0, dtype=np.float64)
    among = np.vstack([people_PD, mean / np.linalg.norm(mean), face.mean_D])
    rows = []
    for one in seen:
        vectors = one.identities[net]
        place = (
            ranks(vectors.result_ND, among, len(among) - 1)
            if len(vectors)
            else np.zeros(0, np.int64)
        )
        hits = np.stack([place < 1, place < 5], axis=1).astype(np.float64)
        rows.append(Samples(hits, vectors.frames_N, one.frames))
    note = f"among {len(among)} people"
    return {
        "retrieval_top1": measured(rows, mean_of, note=note),
        "retrieval_top5": measured(rows, lambda r: float(r[:, 1].mean()), note=note),
    }


def _cosine_samples(one: Observed, vectors: Vectors, face: Pictures) -> Samples:
    """Columns: cosine to the face's pictures, cosine to the footage's person."""
    if not len(vectors):
        return Samples(np.zeros((0, 2)), vectors.frames_N, one.frames)
    to_face = mean_cosines(vectors.result_ND, face.identities_ND)
    to_footage = mean_cosines(vectors.result_ND, vectors.footage_ND)
    return Samples(np.stack([to_face, to_footage], axis=1), vectors.frames_N, one.frames)


def _gain_of(scale: GainScale) -> Statistic:
    return lambda values_NK: scale.gain(float(values_NK[:, 0].mean()))


def _disagreement(figures: Mapping[str, Figure]) -> Figure:
    names = ["identity_gain", *(f"identity_gain_{net}" for net in ("training", "third"))]
    gains = {name: figures[name].value for name in names}
    judge = gains.pop("identity_gain")
    others = [value for value in gains.values() if value is not None]
    if judge is None or not others:
        return Figure(None, note="needs the judge and another network")
    return Figure(max(abs(judge - other) for other in others), sample=1 + len(others),
                  note="of networks, not of frames")  # fmt: skip


# -- kept -----------------------------------------------------------------------------------------


def kept_figures(seen: Sequence[Observed], sounds: Sequence[Sound]) -> dict[str, Figure]:
    """What the result keeps of the performance."""

    def of_opening(name: str, statistic: Statistic) -> Figure:
        rows = [Samples.of_series(*(one.pairs[name] if _moves(one, name) else _NOTHING))
                for one in seen]  # fmt: skip
        figure = measured(rows, statistic)
        return figure if figure.value is not None else replace(figure, note=_HARDLY_MOVES[name])

    def mean(errors: Callable[[Observed], NDArray[np.float64]]) -> Figure:
        return measured([Samples.of_series(errors(one)) for one in seen], mean_of)

    turned = [Samples.of_rows(_turned_deg(one)) for one in seen]
    return {
        "mouth_correlation": of_opening("mouth", kept.followed),
        "eye_correlation": of_opening("eyes", kept.followed),
        "expression_error": mean(expression_series),
        "pose_error_deg": mean(pose_errors_deg),
        "pose_offset_deg": measured(turned, kept.pose_offset_deg),
        "gaze_error_deg": mean(gaze_errors_deg),
        "mouth_range": of_opening("mouth", kept.range_ratio),
        "eye_range": of_opening("eyes", kept.range_ratio),
        "lip_lag_s": _of_clips([_lip_lag_s(one) for one in seen], seen,
                               "the mouth hardly moves, or follows at no delay"),
        "lip_audio_share": _of_clips(
            [_audio_share(one, sound) for one, sound in zip(seen, sounds, strict=True)], seen,
            "no sound, or the footage's own lips hardly follow it",
        ),
    }  # fmt: skip


def _moves(one: Observed, name: str) -> bool:
    """Whether an opening of the footage's face moves more than its reader's noise."""
    opening = one.pairs[name].footage
    known = opening[np.isfinite(opening)]
    return len(known) > 0 and float(known.std()) >= _LEAST_MOVED[name]


def expression_series(one: Observed) -> NDArray[np.float64]:
    """The expression's error of each frame, nan where there is none."""
    errors = np.full(one.frames, np.nan)
    if _has_mean(one):
        whole = np.isfinite(one.points_TP2.result).all(axis=(1, 2))
        errors[whole] = kept.expression_errors(
            one.points_TP2.result[whole], one.points_TP2.footage[whole]
        )
    return errors


def pose_errors_deg(one: Observed) -> NDArray[np.float64]:
    """How far the head is turned otherwise than it is all along, each frame; nan where unread."""
    return kept.pose_errors_deg(_turned_deg(one))


def _turned_deg(one: Observed) -> NDArray[np.float64]:
    """Yaw, pitch and roll of the result less the footage's, (T, 3); nan where unread."""
    if not _has_mean(one):
        return np.full((one.frames, 3), np.nan)
    turns = [one.pairs[name].result - one.pairs[name].footage for name in ("yaw", "pitch", "roll")]
    return np.stack(turns, axis=1).astype(np.float64)


def _has_mean(one: Observed) -> bool:
    """Whether there are frames enough that what changes can be told from what does not."""
    return int(np.isfinite(one.pairs["yaw"].result).sum()) >= _LEAST_FRAMES


def gaze_errors_deg(one: Observed) -> NDArray[np.float64]:
    """Angle between the directions of gaze where the eyes are open in both, each frame."""
    yaw, pitch, eyes = (one.pairs[name] for name in ("gaze_yaw", "gaze_pitch", "eyes"))
    errors = np.hypot(yaw.result - yaw.footage, pitch.result - pitch.footage).astype(np.float64)
    is_open = np.fmin(eyes.result, eyes.footage) >= kept.EYES_OPEN
    return np.where(is_open, errors, np.nan)


def _lip_lag_s(one: Observed) -> float:
    if not _moves(one, "mouth"):
        return float("nan")
    mouth = one.pairs["mouth"]
    lag_s, found = best_lag(
        mouth.footage.astype(np.float64), mouth.result.astype(np.float64), one.rate
    )
    return lag_s if found >= _LEAST_FOLLOWED else float("nan")


def _audio_share(one: Observed, sound: Sound) -> float:
    if sound.loudness_T is None or not _moves(one, "mouth"):
        return float("nan")
    mouth = one.pairs["mouth"]
    _, own = best_lag(sound.loudness_T, mouth.footage.astype(np.float64), one.rate)
    _, found = best_lag(sound.loudness_T, mouth.result.astype(np.float64), one.rate)
    return found / own if own >= _LEAST_AUDIO else float("nan")


# -- looks and video ------------------------------------------------------------------------------


def look_figures(seen: Sequence[Observed], face_NF: NDArray[np.floating]) -> dict[str, Figure]:
    """How real single frames look."""
    colour = [Samples.of_series(*one.pairs["colour"]) for one in seen]
    sharpness = [Samples.of_series(*one.pairs["sharpness"]) for one in seen]
    features = [_side_by_side(one.features, one.frames) for one in seen]
    width = max((one.features.result_ND.shape[1] for one in seen), default=0)
    crops = sum(len(one.features) for one in seen)
    few = f"{crops} crops of each, fewer than 2,000" if crops < _ENOUGH_CROPS else f"{crops} crops"
    face = np.asarray(face_NF, np.float64)
    spectra = [_side_by_side(one.spectra, one.frames) for one in seen]
    half = max((one.spectra.result_ND.shape[1] for one in seen), default=0)
    frechet = measured(features, lambda r: frechet_distance(r[:, width:], r[:, :width]),
                       repeats="jackknife", note=few, least=0.0)  # fmt: skip
    if frechet.value is None:
        frechet = replace(frechet, note="needs 32 frames of a clip")
    return {
        "sharpness_ratio": measured(sharpness, steadiness.ratio_of_means),
        "colour_difference": measured(colour, mean_of),
        "colour_excess": measured(
            [Samples.of_series(one.singles["colour_cast"]) for one in seen], mean_of
        ),
        "seam_energy": measured([Samples.of_series(one.singles["seam"]) for one in seen], mean_of),
        "specks": measured(
            [Samples.of_series(one.singles["specks"]) for one in seen], worst_tenth_of
        ),
        "checkerboard_db": measured(
            spectra, lambda r: looks.checkerboard_db(r[:, :half], r[:, half:]),
            repeats="jackknife", least=0.0, note="" if half else "the face is too small",
        ),
        "frechet_distance": frechet,
        "kernel_distance": measured(
            features, lambda r: kernel_distance(r[:, width:], r[:, :width], paired=True),
            repeats="jackknife", note=few,
        ),
        "kernel_distance_face": measured(
            features, lambda r: kernel_distance(face, r[:, :width], paired=False),
            repeats="jackknife", note=few,
        ),
    }  # fmt: skip


def video_figures(seen: Sequence[Observed]) -> dict[str, Figure]:
    """How steady the result is."""
    warp = [Samples.of_series(*one.pairs["warp_error"]) for one in seen]
    jitter = [Samples.of_series(*one.pairs["jitter"]) for one in seen]
    fast = [Samples.of_rows(steadiness.fast_changes(brightness_change(one), one.rate))
            for one in seen]  # fmt: skip
    rates = [steadiness.flicker_rate_hz(brightness_change(one), one.rate) for one in seen]
    missed = [
        Samples(one.missed_T[one.face_T, None].astype(np.float64), np.flatnonzero(one.face_T),
                one.frames)
        for one in seen
    ]  # fmt: skip
    spread = Figure(None, note=JUDGE_MISSING)
    if all("judge" in one.identities for one in seen):
        judged = [_side_by_side(one.identities["judge"], one.frames) for one in seen]
        # Repeated pictures would lessen the variance.
        spread = measured(judged, steadiness.spread_ratio, repeats="jackknife")
    return {
        "warp_error_ratio": measured(warp, steadiness.ratio_of_means),
        "flicker_levels": measured(fast, steadiness.flicker_levels),
        "flicker_hz": _of_clips(rates, seen, "nothing flickers, or the clip is too short"),
        "jitter_ratio": measured(jitter, steadiness.ratio_of_medians),
        "identity_spread_ratio": spread,
        "frames_missed": measured(missed, mean_of),
    }


def brightness_change(one: Observed) -> NDArray[np.float32]:
    """Result minus footage, blocks of brightness: (T, 16)."""
    return one.brightness_TB.result - one.brightness_TB.footage


def _side_by_side(vectors: Vectors, length: int) -> Samples:
    rows = np.concatenate([vectors.result_ND, vectors.footage_ND], axis=1).astype(np.float64)
    return Samples(rows, vectors.frames_N, length)


# -- unchanged and key ----------------------------------------------------------------------------


def unchanged_figures(seen: Sequence[Observed], sounds: Sequence[Sound]) -> dict[str, Figure]:
    """Whether anything but the face changed."""
    outside, changed = (
        measured([Samples.of_series(one.singles[name]) for one in seen], mean_of)
        for name in ("outside_error", "outside_changed")
    )
    return {
        "outside_error": outside,
        "outside_changed": changed,
        "sound_kept": _of_clips([_or_nan(sound.kept_share) for sound in sounds], seen,
                                "no sound, or frames without any"),
        "sound_delay_s": _of_clips([_or_nan(sound.delay_s) for sound in sounds], seen,
                                   "no sound to compare, or another one"),
        "time_error_s": _of_clips([float(np.max(one.singles["time_error_s"], initial=0))
                                   for one in seen], seen, "no frames"),
        "frames_differ": _of_clips([float(abs(one.extra_frames)) for one in seen], seen,
                                   "no frames"),
    }  # fmt: skip


def key_figures(scores: KeyScores) -> dict[str, Figure]:
    """The benchmark's figures against an answer key."""
    values: dict[str, Any] = {
        name: getattr(scores, name.removeprefix(KEY_PREFIX))
        for name in MEASURES if name.startswith(KEY_PREFIX)
    }  # fmt: skip
    return {
        name: Figure(value, sample=scores.frames, by_clip=(value,),
                     note="" if value is not None else JUDGE_MISSING
                     if "identity" in name else "could not be measured")
        for name, value in values.items()
    }  # fmt: skip


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _of_clips(values: Sequence[float], seen: Sequence[Observed], missing: str) -> Figure:
    """A figure that each clip has once."""
    rows = [Samples(np.array([[value]]) if np.isfinite(value) else np.zeros((0, 1)),
                    np.zeros(int(np.isfinite(value)), np.int64), one.frames)
            for value, one in zip(values, seen, strict=True)]  # fmt: skip
    figure = measured(rows, mean_of)
    if figure.value is None:
        return replace(figure, note=missing)
    if figure.low is None:
        return replace(figure, note="one value a clip", by_block=())
    return replace(figure, by_block=())
