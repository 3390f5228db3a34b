"""Movement of real clips on the synthetic head: what is measured there comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from faceloom.errors import UserError
from faceloom.synth.assets import load_head
from faceloom.synth.retarget import _NAMES, _POINTS, fit_units, lengths, measure_clip, read_motion
from faceloom.video import probe

CLIP = "grid/s2/s2_swwp2s.mpg"


def lengths_of(expression: dict[str, float]) -> np.ndarray:
    head = load_head()
    vertices = head.base_V3.copy()
    for unit, weight in expression.items():
        head.morph(vertices, f"expr/{unit}", weight)
    rows = head.landmarks_68[[_POINTS[name][1] for name in _NAMES]]
    return lengths(vertices[rows][None])[0]


@pytest.mark.parametrize(
    ("unit", "weight"),
    [("jawOpen", 0.5), ("mouthPucker", 0.7), ("browInnerUp", 0.8), ("mouthSmile", 0.6)],
)
def test_a_unit_of_the_head_itself_is_recognised(unit: str, weight: float) -> None:
    sided = [unit] if unit in ("jawOpen", "mouthPucker", "browInnerUp") else [
        unit + side for side in ("Left", "Right")
    ]  # fmt: skip
    shown = lengths_of(dict.fromkeys(sided, weight))
    rest = lengths_of({})
    fitted = fit_units(np.stack([rest] * 9 + [shown]))
    strongest = max(fitted, key=lambda name: fitted[name][-1])
    assert strongest in sided
    assert fitted[sided[0]][-1] == pytest.approx(weight, abs=0.25)
    assert max(weights[0] for weights in fitted.values()) < 0.05


def test_speech_of_a_real_clip_moves_the_jaw(media: Path) -> None:
    clip = media / CLIP
    states = read_motion(clip)
    info = probe(clip)
    assert info.duration_s is not None
    assert len(states) == pytest.approx(info.duration_s * 25, abs=1)
    measured = measure_clip(clip)
    times = np.arange(len(states)) / 25
    gap = np.interp(times, measured.times_F_s, measured.gap_F)
    jaw = np.array([state.expression.get("jawOpen", 0.0) for state in states])
    assert np.corrcoef(gap, jaw)[0, 1] > 0.95
    assert jaw.max() > 0.15
    assert jaw.min() < 0.03
    for state in states:
        assert all(0 <= weight <= 1 for weight in state.expression.values())
    blinks = np.array([state.expression.get("eyeBlinkLeft", 0.0) for state in states])
    assert blinks.max() > 0.8
    assert np.median(blinks) < 0.2


def test_a_clip_without_a_face_is_refused(tmp_path: Path) -> None:
    from tests.toy_pair import drawn_frame, write_clip, write_pictures

    pictures = write_pictures(tmp_path / "p", [drawn_frame(i, (90, 90, 90), 0.0) for i in range(3)])
    with pytest.raises(UserError, match="shows a face in 0 of 3"):
        read_motion(write_clip(tmp_path / "c.mp4", pictures))
