"""An evaluation in one line that a person understands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from faceloom.evaluate.evaluation import Clip, Figure
from faceloom.evaluate.identity_readers import NETS
from faceloom.evaluate.measures import MEASURES, SHORT_NAMES
from faceloom.evaluate.moments import flicker_series
from faceloom.evaluate.observe import Observed

_FLICKER_LEVELS = 2.0
_MUCH_FLICKER = 6.0
_MOST_STRETCHES = 3
_JOIN_S = 0.7
_MUCH_CHANGED = 0.003
"""Share of the pixels; encoding old footage again alters up to a thousandth."""
_SOFT, _VERY_SOFT = 0.75, 0.5
_OUT_OF_STEP_S = 0.06
"""From here on lips are seen to be late, or the sound to be."""
_EYES_FOLLOW = 0.5
_FAULTS = (
    ("seam_energy", 5.0, "an edge shows around the face"),
    ("colour_excess", 8.0, "its colour does not fit the surroundings"),
    ("specks", 2.0, "a coloured speck shows"),
    ("checkerboard_db", 8.0, "a fine pattern shows"),
    ("jitter_ratio", 1.6, "the face shakes"),
)
"""Figures, what is plainly too much, and what to say then."""


def summary_of(
    figures: Mapping[str, Figure], seen: Sequence[Observed], clips: Sequence[Clip]
) -> str:
    """One line that a person understands."""
    parts = [
        _identity_words(figures),
        _lips_words(figures),
        *_fault_words(figures),
        *_flicker_words(seen, clips),
    ]
    lost = sum(int(one.missed_T.sum()) for one in seen)
    if lost:
        parts.append(f"the face is lost in {lost} frame{'s' if lost > 1 else ''}")
    changed = figures["outside_changed"].value
    if changed is not None and changed > _MUCH_CHANGED:
        parts.append(f"{100 * changed:.1f}% of the picture outside the face changed")
    kept = figures["sound_kept"].value
    if kept is not None and kept < 1:
        parts.append("the sound was changed")
    delay = figures["sound_delay_s"].value
    if delay is not None and abs(delay) >= _OUT_OF_STEP_S:
        parts.append(f"the sound is {abs(delay):.2f} s {'late' if delay > 0 else 'early'}")
    return "; ".join(part for part in parts if part)


def _identity_words(figures: Mapping[str, Figure]) -> str:
    for net in NETS:
        name = "identity_gain" if net == "judge" else f"identity_gain_{net}"
        gain = figures[name].value
        if gain is not None:
            addition = "" if net == "judge" else f" (by {SHORT_NAMES[net]}; there is no judge)"
            return f"looks like B: {MEASURES[name].text(gain)} of a real photo{addition}"
    return "whether it looks like B cannot be told"


def _lips_words(figures: Mapping[str, Figure]) -> str:
    mouth, lag = figures["mouth_correlation"].value, figures["lip_lag_s"].value
    if mouth is None:
        return "the footage's lips hardly move"
    if lag is not None and abs(lag) >= _OUT_OF_STEP_S:
        return f"lips are {abs(lag):.2f} s {'late' if lag > 0 else 'early'}"
    if mouth >= 0.85:
        return "lips follow"
    return "lips follow roughly" if mouth >= 0.6 else "lips do not follow"


def _fault_words(figures: Mapping[str, Figure]) -> list[str]:
    """What anybody would see at once, but for flicker."""

    def beyond(name: str, limit: float) -> bool:
        value = figures[name].value if name in figures else None
        return value is not None and value > limit

    sharpness = figures["sharpness_ratio"].value if "sharpness_ratio" in figures else None
    eyes = figures["eye_correlation"].value if "eye_correlation" in figures else None
    found = []
    if eyes is not None and eyes < _EYES_FOLLOW:
        found.append("blinks do not follow")
    if sharpness is not None and sharpness < _SOFT:
        how = "very soft" if sharpness < _VERY_SOFT else "soft"
        found.append(f"{how} ({100 * sharpness:.0f}% of the footage's sharpness)")
    for name, limit, words in _FAULTS:
        if beyond(name, limit):
            found.append(words)
    return found


def _flicker_words(seen: Sequence[Observed], clips: Sequence[Clip]) -> list[str]:
    """Where it flickers; times only where there is one clip."""
    series = [flicker_series(one) for one in seen]
    known = np.concatenate(series) if series else np.zeros(0)
    known = known[np.isfinite(known)]
    if not known.size:
        return []
    bad = known > _FLICKER_LEVELS
    if not bad.any():
        return ["steady"]
    amount = "strong" if np.median(known[bad]) > _MUCH_FLICKER else "slight"
    flickering = sum(bool(np.nanmax(one, initial=0) > _FLICKER_LEVELS) for one in series)
    if bad.mean() > 0.3 and flickering == len(clips):
        return [f"{amount} flicker throughout"]
    if len(clips) > 1:
        return [f"{amount} flicker in {flickering} of {len(clips)} clips"]
    stretches = _stretches(series[0] > _FLICKER_LEVELS, seen[0].rate)
    times = ", ".join(_clock_range(*stretch) for stretch in stretches[:_MOST_STRETCHES])
    more = " and more" if len(stretches) > _MOST_STRETCHES else ""
    return [f"{amount} flicker at {times}{more}"]


def _stretches(bad_T: NDArray[np.bool_], rate: float) -> list[tuple[float, float]]:
    """Beginnings and ends, seconds, of the bad stretches; longest first, then in order of time."""
    joined: list[list[int]] = []
    for k in np.flatnonzero(bad_T).tolist():
        if joined and (k - joined[-1][1]) / rate <= _JOIN_S:
            joined[-1][1] = k
        else:
            joined.append([k, k])
    longest = sorted(joined, key=lambda s: s[0] - s[1])[:_MOST_STRETCHES]
    rest = [s for s in joined if s not in longest]
    return [(s[0] / rate, s[1] / rate) for s in [*sorted(longest), *rest]]


def _clock_range(start_s: float, end_s: float) -> str:
    first, last = (f"{int(t) // 60}:{int(t) % 60:02d}" for t in (start_s, end_s))
    return first if first == last else f"{first}-{last}"
