"""What happens when: curves over the frames, and the worst of them with the reason.

A frame is as bad as it is far from the clip's ordinary: (value - median) over the deviation of the
middle of the clip (1.4826 MAD), which is never taken to be smaller than what a reader's own noise
makes of a perfect result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceloom.evaluate.evaluation import Clip, Curve, Spectrum, WorstFrame
from faceloom.evaluate.figures import (
    brightness_change,
    expression_series,
    gaze_errors_deg,
    pose_errors_deg,
)
from faceloom.evaluate.identity_readers import most_honest
from faceloom.evaluate.likeness import GainScale, Pictures, mean_cosines
from faceloom.evaluate.measures import SHORT_NAMES
from faceloom.evaluate.observe import Observed
from faceloom.evaluate.steadiness import brightness_spectrum, fast_changes

Series = NDArray[np.float64]

MOST_WORST = 12
_WORTH_A_LOOK = 3.5
_LEAST_SHOWN, _LEAST_SEVERITY = 4, 2.0
"""A clip without bad frames shows its least good ones, if they stand out at all."""
_LOST_SEVERITY = 20.0
_APART_S, _OTHERWISE_APART_S = 0.4, 0.1
"""Of the frames that are bad for one reason within this time the worst is shown; of those that are
bad for different ones, within the shorter time."""
_SIGNIFICANT = 5


@dataclass(frozen=True)
class _Watch:
    """A series in which high values (or low ones) are bad, and how to say so."""

    values_T: Series
    floor: float
    """The least deviation that is taken for ordinary."""
    reason: Callable[[int], str]
    usual: float | None = None
    """What is ordinary, where that is known; the median if None."""


def curves_of(
    seen: Sequence[Observed], face: Mapping[str, Pictures], scales: Mapping[str, GainScale]
) -> tuple[Curve, ...]:
    """Curves over all clips, in the order of their use."""
    curves = []
    gains = identity_series(seen, face, scales)
    if gains is not None:
        title = f"looks like the face, by {SHORT_NAMES[most_honest(scales)]}"
        curves.append(_curve("identity", title, "", "higher", gains))
    for name, title in (("mouth", "mouth opening"), ("eyes", "eye opening")):
        both = [one.pairs[name] for one in seen]
        curves.append(_curve(name, title, "", "neither", [pair.result for pair in both],
                             [pair.footage for pair in both]))  # fmt: skip
    curves.append(_curve("expression", "expression's error", "% of the eye span", "lower",
                         [100 * expression_series(one) for one in seen]))  # fmt: skip
    curves.append(_curve("pose", "head pose's error", "°", "lower",
                         [pose_errors_deg(one) for one in seen]))  # fmt: skip
    for name, title, unit in (
        ("warp_error", "change beside the optical flow", "levels"),
        ("jitter", "landmark jitter", "eye spans"),
        ("sharpness", "sharpness", "levels"),
        ("colour", "colour against the surroundings", "CIEDE2000"),
    ):
        both = [one.pairs[name] for one in seen]
        better = "neither" if name == "sharpness" else "lower"
        curves.append(_curve(name, title, unit, better, [pair.result for pair in both],
                             [pair.footage for pair in both]))  # fmt: skip
    curves.append(_curve("flicker", "fast changes of brightness", "levels", "lower",
                         [flicker_series(one) for one in seen]))  # fmt: skip
    for name, title, unit in (
        ("seam", "edge around the face", "levels"),
        ("specks", "coloured specks", "a*b*"),
        ("outside_error", "outside the face", "levels"),
    ):
        curves.append(_curve(name, title, unit, "lower",
                             [one.singles[name] for one in seen]))  # fmt: skip
    return tuple(curves)


def identity_series(
    seen: Sequence[Observed], face: Mapping[str, Pictures], scales: Mapping[str, GainScale]
) -> list[Series] | None:
    """The identity gain of every frame of each clip, by the most honest network; None where the
    two people cannot be told apart."""
    net = most_honest(scales) if scales else ""
    if not net or not scales[net].known:
        return None
    return [_gain_series(one, net, face[net], scales[net]) for one in seen]


def spectrum_of(seen: Sequence[Observed]) -> Spectrum | None:
    """The spectrum of the face's brightness, result and footage; of the clips that have the first
    one's rates. None for clips that are too short."""
    found = []
    for one in seen:
        both = [brightness_spectrum(side, one.rate) for side in one.brightness_TB]
        if both[0] is not None and both[1] is not None:
            found.append((both[0].hz_F, both[0].levels_F, both[1].levels_F))
    if not found:
        return None
    hz = found[0][0]
    alike = [row for row in found if len(row[0]) == len(hz) and np.allclose(row[0], hz, rtol=0.01)]
    sides = [np.sqrt(np.mean([row[side] ** 2 for row in alike], axis=0)) for side in (1, 2)]
    return Spectrum(*(tuple(float(f"{x:.4g}") for x in values) for values in (hz, *sides)))


def flicker_series(one: Observed) -> Series:
    """Size of the fast changes of brightness, the root mean square over the blocks."""
    fast = fast_changes(brightness_change(one), one.rate)
    return np.asarray(np.sqrt((fast**2).mean(axis=1)), np.float64)


def worst_frames(
    seen: Sequence[Observed], clips: Sequence[Clip], gains: Sequence[Series] | None = None
) -> tuple[WorstFrame, ...]:
    """Frames worth a look over all clips, worst first, of neighbours only the worst.

    `gains` are the `identity_series`, where there are any.
    """
    found = []
    for number, (one, clip) in enumerate(zip(seen, clips, strict=True)):
        gain = gains[number] if gains is not None else None
        found += [WorstFrame(clip.first_frame + k, reason, round(severity, 2))
                  for k, reason, severity in _worst_of_clip(one, gain)]  # fmt: skip
    found.sort(key=lambda moment: (-moment.severity, moment.frame))
    bad = sum(moment.severity >= _WORTH_A_LOOK for moment in found)
    return tuple(found[: min(MOST_WORST, max(bad, _LEAST_SHOWN))])


# -- worst frames ---------------------------------------------------------------------------------


def _worst_of_clip(one: Observed, gain: Series | None) -> list[tuple[int, str, float]]:
    severity = np.zeros(one.frames)
    reasons: list[Callable[[int], str] | None] = [None] * one.frames
    watches = _watches(one)
    if gain is not None:
        watches.append(_Watch(-gain, 0.1, lambda _: "it looks less like B"))
    for watch in watches:
        for k, value in enumerate(_deviations(watch)):
            if value > severity[k]:
                severity[k], reasons[k] = value, watch.reason
    for k in np.flatnonzero(one.missed_T).tolist():
        severity[k], reasons[k] = _LOST_SEVERITY, _lost
    reaches = [max(1, round(apart * one.rate)) for apart in (_OTHERWISE_APART_S, _APART_S)]
    chosen: list[tuple[int, Callable[[int], str]]] = []
    for k in np.argsort(-severity, kind="stable").tolist():
        reason = reasons[k]
        if severity[k] < _LEAST_SEVERITY or reason is None or len(chosen) == MOST_WORST:
            break
        if all(abs(k - other) > reaches[reason is why] for other, why in chosen):
            chosen.append((k, reason))
    return [(k, reason(k), float(severity[k])) for k, reason in chosen]


def _lost(_: int) -> str:
    return "the face is lost"


def _watches(one: Observed) -> list[_Watch]:
    def excess(name: str) -> Series:
        pair = one.pairs[name]
        return (pair.result - pair.footage).astype(np.float64)

    sharp = one.pairs["sharpness"]
    mouth, eyes = one.pairs["mouth"], one.pairs["eyes"]
    softness = -np.log2(np.maximum(sharp.result, 1e-3) / np.maximum(sharp.footage, 1e-3))
    return [
        _Watch(_off_ordinary(excess("mouth")), 0.03, lambda k: _opening_words(
            "mouth", mouth.result[k], mouth.footage[k], 0.05), 0.0),
        _Watch(_off_ordinary(excess("eyes")), 0.05, lambda k: _opening_words(
            "eyes", eyes.result[k], eyes.footage[k], 0.15), 0.0),
        _Watch(expression_series(one), 0.0025, lambda _: "the expression is another", 0.0),
        _Watch(pose_errors_deg(one), 1.5, lambda k: "the head is turned"
               f" {pose_errors_deg(one)[k]:.0f}° away from the footage's", 0.0),
        _Watch(gaze_errors_deg(one), 4.0, lambda k: "the eyes look"
               f" {gaze_errors_deg(one)[k]:.0f}° elsewhere"),
        _Watch(excess("jitter"), 0.01, lambda _: "the face jumps where the footage's does not"),
        _Watch(excess("warp_error"), 1.5, lambda _: "the face changes all at once"),
        _Watch(flicker_series(one), 1.0, lambda _: "the face flickers"),
        _Watch(softness.astype(np.float64), 0.25, lambda _: "the face is blurred"),
        _Watch(one.singles["colour_cast"].astype(np.float64), 1.0, lambda _: "the face's colour"
               " does not fit its surroundings"),
        _Watch(one.singles["seam"].astype(np.float64), 2.0, lambda _: "an edge shows around the"
               " face"),
        _Watch(one.singles["specks"].astype(np.float64), 0.5, lambda _: "a coloured speck shows"),
        _Watch(100 * one.singles["outside_changed"].astype(np.float64), 0.3, lambda _: "something"
               " changed outside the face", 0.0),
    ]  # fmt: skip


def _off_ordinary(values_T: Series) -> Series:
    """Distance from the median: another face may have another mouth."""
    known = values_T[np.isfinite(values_T)]
    return np.abs(values_T - np.median(known)) if known.size else values_T


def _deviations(watch: _Watch) -> Series:
    values = np.asarray(watch.values_T, np.float64)
    known = values[np.isfinite(values)]
    if known.size < _SIGNIFICANT:
        return np.zeros(len(values))
    middle = float(np.median(known))
    spread = 1.4826 * float(np.median(np.abs(known - middle)))
    usual = middle if watch.usual is None else watch.usual
    return np.nan_to_num((values - usual) / max(watch.floor, spread), nan=0.0)


def _opening_words(what: str, result: float, footage: float, shut: float) -> str:
    verb = "is" if what == "mouth" else "are"
    if result < shut <= footage:
        return f"the {what} {verb} shut where the footage's {verb} open"
    if footage < shut <= result:
        return f"the {what} {verb} open where the footage's {verb} shut"
    return f"the {what} {verb} {'wider' if result > footage else 'less'} open than the footage's"


# -- curves ---------------------------------------------------------------------------------------


def _gain_series(one: Observed, net: str, face: Pictures, scale: GainScale) -> Series:
    """The gain of every frame, between judged frames in a straight line."""
    vectors = one.identities[net]
    if not len(vectors):
        return np.full(one.frames, np.nan)
    cosines = mean_cosines(vectors.result_ND, face.identities_ND)
    gains = np.array([scale.gain(float(cosine)) for cosine in cosines])
    between = np.interp(np.arange(one.frames), vectors.frames_N, gains)
    return np.where(one.face_T & ~one.missed_T, between, np.nan)


def _curve(
    name: str, title: str, unit: str, better: str,
    result: Sequence[NDArray[np.floating]], footage: Sequence[NDArray[np.floating]] | None = None,
) -> Curve:  # fmt: skip
    return Curve(name, title, unit, better, _values(result),  # type: ignore[arg-type]
                 _values(footage) if footage is not None else None)  # fmt: skip


def _values(series: Sequence[NDArray[np.floating]]) -> tuple[float | None, ...]:
    """JSON-ready, rounded to five digits that mean something."""
    return tuple(
        float(f"{value:.5g}") if np.isfinite(value) else None
        for part in series for value in part.tolist()
    )  # fmt: skip
