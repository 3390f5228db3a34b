"""The scores as lines of a table: title, which way is better, what it means in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class ScoreLine:
    """How one figure of `KeyScores` is shown."""

    name: str
    title: str
    better: Literal["higher", "lower", "near the key's"]
    """A result that is more like the face's person than the exact answer is overdoes it."""
    digits: int
    meaning: str
    scale: float = 1.0
    unit: str = ""

    def text(self, value: float | None) -> str:
        """The figure as shown; a dash where it was not measured."""
        return "-" if value is None else f"{value * self.scale:.{self.digits}f}{self.unit}"


SCORE_LINES: tuple[ScoreLine, ...] = (
    ScoreLine("gain", "gain", "higher", 3,
              "How much of the way from the untouched footage to the exact answer was gone: 1 is"
              " the answer itself, 0 is doing nothing."),
    ScoreLine("gain_own_tone", "gain, own skin tone", "higher", 3,
              "The same against the answer in the face's own skin tone, not the footage's."),
    ScoreLine("psnr_db", "PSNR", "higher", 1,
              "Nearness to the answer inside the face; 30 dB is hard to tell apart.", 1, " dB"),
    ScoreLine("ssim", "SSIM", "higher", 3,
              "Likeness of structure to the answer inside the face; 1 is the same."),
    ScoreLine("identity_margin", "identity margin", "near the key's", 3,
              "Above 0 a judge that training never saw takes it for the face's person rather than"
              " for the footage's."),
    ScoreLine("identity_share", "identity, footage 0 to answer 1", "near the key's", 2,
              "The same margin, on the way from the footage's to the answer's."),
    ScoreLine("landmark_error", "landmarks", "lower", 2,
              "How far the face's points lie from where they should, over the distance of the outer"
              " eye corners.", 100, "%"),
    ScoreLine("pose_error_deg", "head pose", "lower", 2,
              "How far the head is turned from where it should be.", 1, "°"),
    ScoreLine("gaze_error_deg", "gaze", "lower", 2,
              "How far the eyes look from where they should.", 1, "°"),
    ScoreLine("expression_error", "expression", "lower", 2,
              "How far lips, lids and brows are from where they should be, over the same"
              " distance.", 100, "%"),
    ScoreLine("mouth_error", "mouth opening", "lower", 2,
              "How wrongly far the mouth is open, over the same distance.", 100, "%"),
    ScoreLine("eye_error", "eye opening", "lower", 2,
              "How wrongly far the eyes are open, over an eye's width.", 100, "%"),
    ScoreLine("leakage", "leakage", "lower", 2,
              "How much changed outside the face, levels of 255; it should be nothing."),
    ScoreLine("temporal_error", "flicker", "lower", 2,
              "How wrongly the face changes from one frame to the next, levels of 255."),
    ScoreLine("seconds_per_frame", "time", "lower", 3,
              "Seconds a frame, training left out.", 1, " s"),
    ScoreLine("frames_missed", "faces lost", "lower", 0,
              "Frames in which the answer shows a face and the result does not."),
)  # fmt: skip


def best_column(line: ScoreLine, columns: Mapping[str, Any]) -> str | None:
    """The name of the best of some columns, each scores by name; None if none has the figure."""
    near = line.better == "near the key's"
    by = "identity_share" if near else line.name  # Of the key it is 1, in every pair.
    known = {name: scores[by] for name, scores in columns.items() if scores.get(by) is not None}
    if not known:
        return None
    if near:
        return min(known, key=lambda name: abs(known[name] - 1))
    choose = max if line.better == "higher" else min
    return choose(known, key=lambda name: known[name])
