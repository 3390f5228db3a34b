"""Speech without sound: random syllables, their visemes, and the face units these ask for.

Mouth shapes are blended by how strongly each sound claims them and how fast that claim fades
(Cohen & Massaro 1993, "Modeling coarticulation in synthetic visual speech"); lips that a sound
needs shut are shut whatever stands beside it.

Legend: N moments, S sounds. Times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from faceloom.synth.scene import Floats
from faceloom.synth.tracks import Generator, smoothstep

Place = Literal["vowel", "lips", "teeth", "tongue"]
"""Where a sound is made: between the lips, lip on teeth, anywhere behind, or nowhere."""


@dataclass(frozen=True)
class Viseme:
    """The mouth of a sound: opening of the jaw and what the lips do, all 0 to 1."""

    place: Place
    jaw: float
    spread: float = 0.0
    """Corners drawn apart."""
    round: float = 0.0
    """Lips pushed forward and together."""
    funnel: float = 0.0
    """Lips pushed forward and apart."""
    bared: float = 0.0
    """Lips drawn off the teeth."""
    tongue: float = 0.0


# fmt: off
VOWELS = {
    "aa": Viseme("vowel", .50, bared=.30),
    "ae": Viseme("vowel", .42, spread=.35, bared=.40),
    "eh": Viseme("vowel", .32, spread=.25, bared=.35),
    "ih": Viseme("vowel", .20, spread=.30, bared=.30),
    "iy": Viseme("vowel", .14, spread=.55, bared=.35),
    "uh": Viseme("vowel", .25, bared=.20),
    "er": Viseme("vowel", .20, round=.20, funnel=.30, bared=.15),
    "ow": Viseme("vowel", .30, round=.35, funnel=.45),
    "uw": Viseme("vowel", .12, round=.75, funnel=.25),
}
CONSONANTS = {
    "b": Viseme("lips", .10),
    "f": Viseme("teeth", .12, spread=.10),
    "t": Viseme("tongue", .10, spread=.15, bared=.25),
    "s": Viseme("tongue", .05, spread=.30, bared=.40),
    "th": Viseme("tongue", .16, bared=.20, tongue=.35),
    "l": Viseme("tongue", .22, bared=.20, tongue=.10),
    "k": Viseme("tongue", .22, bared=.15),
    "sh": Viseme("tongue", .08, round=.20, funnel=.60),
    "w": Viseme("tongue", .10, round=.80),
    "r": Viseme("tongue", .16, round=.30, funnel=.35),
}
_VOWEL_SHARES = (.16, .11, .15, .17, .11, .13, .05, .07, .05)
_CONSONANT_SHARES = (.20, .08, .24, .13, .05, .08, .09, .04, .04, .05)
# fmt: on
REST = Viseme("vowel", 0.02)

_CLAIM = {"vowel": 1.0, "lips": 1.3, "teeth": 1.3, "tongue": 0.8}
_FADING_S = {"vowel": 0.085, "lips": 0.05, "teeth": 0.05, "tongue": 0.055}
_CLOSING_S = 0.055
"""How long before and after a shut sound the lips are on their way."""


@dataclass(frozen=True)
class Sound:
    """A sound in time."""

    name: str
    viseme: Viseme
    start_s: float
    end_s: float
    stress: float
    """Factor on the mouth's movements, about 0.6 to 1.3."""

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True)
class Speech:
    """What is said, and its rhythm."""

    sounds: tuple[Sound, ...]
    beats_s: tuple[float, ...]
    """Stressed syllables, on which heads nod."""
    phrases_s: tuple[tuple[float, float], ...]
    """Start and end of what is said in one breath."""


def draw_speech(random: Generator, seconds: float, syllables_a_s: float = 4.4) -> Speech:
    """Random syllables in phrases with pauses between."""
    sounds: list[Sound] = []
    beats: list[float] = []
    phrases: list[tuple[float, float]] = []
    now = random.uniform(0.1, 0.5)
    while now < seconds:
        begun, count = now, int(random.integers(4, 13))
        stressed_in = int(random.integers(0, 3))
        for number in range(count):
            stressed = stressed_in == 0
            stressed_in = int(random.integers(1, 4)) if stressed else stressed_in - 1
            syllable = _syllable(random, now, syllables_a_s, stressed, last=number == count - 1)
            sounds += syllable
            now = syllable[-1].end_s
            if stressed:
                beats.append(next(s.start_s for s in syllable if s.viseme.place == "vowel"))
        phrases.append((begun, now))
        now += random.uniform(0.3, 1.0)
    return Speech(tuple(sounds), tuple(beats), tuple(phrases))


def _syllable(
    random: Generator, start_s: float, syllables_a_s: float, stressed: bool, last: bool
) -> list[Sound]:
    """Onset, vowel, and for some a coda; the last of a phrase is drawn out."""
    lasts_s = random.uniform(0.8, 1.15) / syllables_a_s
    lasts_s *= (1.2 if stressed else 0.88) * (1.4 if last else 1.0)
    stress = random.uniform(0.95, 1.25) if stressed else random.uniform(0.55, 0.85)
    parts: list[tuple[str, float]] = []
    if random.uniform() < 0.86:
        parts.append((str(random.choice(list(CONSONANTS), p=_CONSONANT_SHARES)), 0.38))
    parts.append((str(random.choice(list(VOWELS), p=_VOWEL_SHARES)), 0.62))
    if random.uniform() < 0.34:
        parts.append((str(random.choice(list(CONSONANTS), p=_CONSONANT_SHARES)), 0.32))
    lengths = np.array([share for _, share in parts])
    ends = start_s + lasts_s * np.cumsum(lengths) / lengths.sum()
    sounds = []
    for (name, _), end in zip(parts, ends.tolist(), strict=True):
        viseme = VOWELS.get(name) or CONSONANTS[name]
        sounds.append(Sound(name, viseme, start_s, end, stress))
        start_s = end
    return sounds


def spoken_units(speech: Speech, times_N: Floats, effort: float = 1.0) -> dict[str, Floats]:
    """Face units over time; `effort` scales all but the closing of the lips."""
    blended = _blend(speech, times_N)
    jaw_N = effort * blended["jaw"]
    lips_shut_N = _closure(speech, times_N, "lips")
    on_teeth_N = _closure(speech, times_N, "teeth") * (1 - lips_shut_N)
    open_N = (1 - lips_shut_N) * (1 - on_teeth_N)
    jaw_N = jaw_N * (1 - 0.65 * lips_shut_N - 0.5 * on_teeth_N)
    bared_N = effort * blended["bared"] * open_N
    spread_N = effort * blended["spread"]
    units = {
        "jawOpen": jaw_N,
        # This unit takes back exactly what the jaw has opened the lips.
        "mouthClose": jaw_N * lips_shut_N,
        "mouthPucker": effort * blended["round"] * (1 - 0.5 * lips_shut_N),
        "mouthFunnel": effort * blended["funnel"] * open_N,
        "mouthRollLower": 0.22 * lips_shut_N + 0.55 * on_teeth_N,
        "mouthRollUpper": 0.16 * lips_shut_N,
        "tongueOut": effort * blended["tongue"] * open_N,
    }
    for side in ("Left", "Right"):
        units[f"mouthStretch{side}"] = 0.45 * spread_N
        units[f"mouthSmile{side}"] = 0.18 * spread_N
        units[f"mouthLowerDown{side}"] = 0.75 * bared_N
        units[f"mouthUpperUp{side}"] = 0.40 * bared_N + 0.22 * on_teeth_N
    return units


def _blend(speech: Speech, times_N: Floats) -> dict[str, Floats]:
    """Each viseme value as the mean over sounds, weighed by their claims; rest where no sound is
    near."""
    names = ("jaw", "spread", "round", "funnel", "bared", "tongue")
    sums = {name: np.zeros(len(times_N)) for name in names}
    total_N = np.full(len(times_N), 0.06)
    sums["jaw"] += 0.06 * REST.jaw
    for sound in speech.sounds:
        place = sound.viseme.place
        half_s = (sound.end_s - sound.start_s) / 2
        beyond_N = np.maximum(np.abs(times_N - sound.middle_s) - 0.5 * half_s, 0)
        claim_N = _CLAIM[place] * np.exp(-((beyond_N / _FADING_S[place]) ** 2) / 2)
        total_N += claim_N
        for name in names:
            sums[name] += claim_N * sound.stress * getattr(sound.viseme, name)
    return {name: sums[name] / total_N for name in names}


def _closure(speech: Speech, times_N: Floats, place: Place) -> Floats:
    """1 while a sound of a place is made, and the way there and back."""
    closure_N = np.zeros(len(times_N))
    for sound in speech.sounds:
        if sound.viseme.place != place:
            continue
        held_s = 0.3 * (sound.end_s - sound.start_s)
        away_N = np.abs(times_N - sound.middle_s) - held_s
        closure_N = np.maximum(closure_N, 1 - smoothstep(away_N / _CLOSING_S))
    return closure_N
