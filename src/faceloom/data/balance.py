"""What a pair's material is like before it is trained on: how uneven each side is, and what of the
other side's poses, expressions and light it has never seen.

A decoder paints what its own side showed. What only the other side shows, it must invent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from faceloom.data.sampling import session_of
from faceloom.data.traits import FaceTraits

ONE_SIDED = 0.5
"""Share of one clip or session from which a side counts as one-sided (the note's pair: 65%)."""
LACKING = 0.05
"""Share of the other side's faces without a likeness from which it is said."""
SHUT, OPEN = 0.15, 0.1
"""Openings of shut eyes (`faces.eyes`) and of an open mouth (`faces.expression`)."""
RARE = 0.005
"""Share below which shut eyes or an open mouth count as never seen."""
_NEIGHBOURS = 3
"""A pose is known if so many own faces lie within a step of it."""


@dataclass(frozen=True)
class SideBalance:
    """One side's faces, in figures."""

    faces: int
    clips: int
    largest_clip: str
    largest_clip_share: float
    sessions: int
    largest_session: str
    largest_session_share: float
    yaw_deg: tuple[float, float]
    """Fifth and ninety-fifth percentile."""
    pitch_deg: tuple[float, float]
    mouth_open: float
    """Share of faces with an open mouth."""
    eyes_shut: float


@dataclass(frozen=True)
class Lack:
    """Shares of the other side's faces that have no likeness on this side."""

    poses: float
    light: float
    """Lit more from one side than any own face."""
    turned: tuple[tuple[str, float], ...]
    """Which way the lacking poses lie, each with its share of the other side's faces."""


@dataclass(frozen=True)
class PairBalance:
    """Both sides' figures and what each lacks of the other."""

    a: SideBalance
    b: SideBalance
    a_lacks: Lack
    b_lacks: Lack

    def lines(self) -> list[str]:
        """What a user should know before training, a few plain lines."""
        pairs: tuple[tuple[Literal["a", "b"], SideBalance, SideBalance, Lack], ...] = (
            ("a", self.a, self.b, self.a_lacks), ("b", self.b, self.a, self.b_lacks)
        )  # fmt: skip
        return [line for name, own, other, lack in pairs for line in _told(name, own, other, lack)]


def pair_balance(
    a: FaceTraits, sources_a: Sequence[str], b: FaceTraits, sources_b: Sequence[str]
) -> PairBalance:
    """From both sides' traits and the clip of each face."""
    return PairBalance(_side(a, sources_a), _side(b, sources_b), _lack(a, b), _lack(b, a))


def _side(traits: FaceTraits, sources: Sequence[str]) -> SideBalance:
    clips, sessions = Counter(sources), Counter(session_of(source) for source in sources)
    (clip, in_clip), (session, in_session) = clips.most_common(1)[0], sessions.most_common(1)[0]
    count = len(traits)
    return SideBalance(
        count,
        len(clips),
        clip,
        in_clip / count,
        len(sessions),
        session,
        in_session / count,
        _range(traits.yaw_deg),
        _range(traits.pitch_deg),
        float((traits.mouth > OPEN).mean()),
        float((traits.eyes < SHUT).mean()),
    )


def _range(values_N: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values_N, [5, 95]).round(1).tolist()
    return low, high


def _unknown(own_ND: NDArray[np.float64], other_MD: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the other side's faces (M,) have too few own ones within a step."""
    count = min(_NEIGHBOURS, len(own_ND))
    distance, _ = cKDTree(own_ND).query(other_MD, k=[count])
    return np.asarray(distance)[:, 0] > 1


def _lack(own: FaceTraits, other: FaceTraits) -> Lack:
    unknown = _unknown(own.pose, other.pose)
    yaw, pitch = _range(own.yaw_deg), _range(own.pitch_deg)
    ways = {
        f"yaw above {yaw[1]:.0f} deg, to their left": other.yaw_deg > yaw[1],
        f"yaw below {yaw[0]:.0f} deg, to their right": other.yaw_deg < yaw[0],
        f"pitch above {pitch[1]:.0f} deg, looking up": other.pitch_deg > pitch[1],
        f"pitch below {pitch[0]:.0f} deg, looking down": other.pitch_deg < pitch[0],
    }
    shares = {way: float((unknown & there).mean()) for way, there in ways.items()}
    turned = sorted(shares.items(), key=lambda item: -item[1])
    # Faces are alike left and right, so this one trait of light tells people's looks least.
    light = _unknown(own.light[:, 1:2], other.light[:, 1:2])
    return Lack(
        float(unknown.mean()),
        float(light.mean()),
        tuple((way, share) for way, share in turned if share >= LACKING / 2),
    )


def _told(name: str, own: SideBalance, other: SideBalance, lack: Lack) -> list[str]:
    clips = "1 clip" if own.clips == 1 else f"{own.clips} clips"
    yaw, pitch = own.yaw_deg, own.pitch_deg
    figures = (
        f"side {name}: {own.faces} faces of {clips}, yaw {yaw[0]:.0f} to {yaw[1]:.0f}, pitch"
        f" {pitch[0]:.0f} to {pitch[1]:.0f} deg, mouth open {own.mouth_open:.0%}, eyes shut"
        f" {own.eyes_shut:.0%}"
    )
    lines = [figures]
    for kind, count, largest, share in (
        ("clip", own.clips, own.largest_clip, own.largest_clip_share),
        ("session", own.sessions, own.largest_session, own.largest_session_share),
    ):
        if count > 1 and share > ONE_SIDED:
            lines.append(
                f"  one-sided: {share:.0%} are of the {kind} {largest}; add other material, or draw"
                f" each {kind} alike with --set sampling={kind}s"
            )
    if lack.poses >= LACKING:
        ways = "; ".join(f"{way} ({share:.0%})" for way, share in lack.turned)
        lines.append(
            f"  lacks {lack.poses:.0%} of the other side's poses" + (f": {ways}" if ways else "")
        )
    for what, here, there in (
        ("an open mouth", own.mouth_open, other.mouth_open),
        ("shut eyes", own.eyes_shut, other.eyes_shut),
    ):
        if here < RARE <= there:
            lines.append(
                f"  shows {what} in {here:.1%} of its faces, the other side in {there:.0%}"
            )
    if lack.light >= LACKING:
        lines.append(
            f"  {lack.light:.0%} of the other side are lit from a side that this one never is;"
            " add such material (--set augment.shadow=0.3 imitates shadows)"
        )
    return lines
