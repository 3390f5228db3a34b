"""The local features in which faces differ, each a pair of opposite morph targets of the head.

Convention: a feature's weight runs from -1 (all of its `less` target) to 1 (all of its `more`
target); 0 leaves the average of the person's age, sex and ancestry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

LIMIT = 0.9
"""No feature is drawn beyond this: the targets' own ends are caricatures."""


class Feature(NamedTuple):
    """Names of the targets; `{side}` stands for l and r. `less` is empty for one-sided ones."""

    less: str
    more: str
    deviation: float
    """Standard deviation of the weight among people."""


def _pair(stem: str, less: str, more: str, deviation: float) -> Feature:
    return Feature(f"{stem}-{less}", f"{stem}-{more}", deviation)


FEATURES: Mapping[str, Feature] = {
    # Skull and outline
    "head depth": _pair("head/head-scale-depth", "decr", "incr", 0.25),
    "head width": _pair("head/head-scale-horiz", "decr", "incr", 0.30),
    "head height": _pair("head/head-scale-vert", "decr", "incr", 0.18),
    "face fat": _pair("head/head-fat", "decr", "incr", 0.34),
    "oval outline": Feature("", "head/head-oval", 0.30),
    "round outline": Feature("", "head/head-round", 0.26),
    "square outline": Feature("", "head/head-square", 0.26),
    "rectangular outline": Feature("", "head/head-rectangular", 0.24),
    "heart outline": Feature("", "head/head-invertedtriangular", 0.26),
    "pear outline": Feature("", "head/head-triangular", 0.20),
    "diamond outline": Feature("", "head/head-diamond", 0.22),
    # Forehead and brows
    "forehead height": _pair("forehead/forehead-scale-vert", "decr", "incr", 0.28),
    "forehead slope": _pair("forehead/forehead-trans", "backward", "forward", 0.30),
    "forehead bulge": _pair("forehead/forehead-nubian", "decr", "incr", 0.28),
    "temples": _pair("forehead/forehead-temple", "decr", "incr", 0.32),
    "brow height": _pair("eyebrows/eyebrows-trans", "down", "up", 0.36),
    "brow depth": _pair("eyebrows/eyebrows-trans", "backward", "forward", 0.32),
    "brow angle": _pair("eyebrows/eyebrows-angle", "down", "up", 0.36),
    # Eyes
    "eye size": _pair("eyes/{side}-eye-scale", "decr", "incr", 0.28),
    "eye distance": _pair("eyes/{side}-eye-trans", "in", "out", 0.30),
    "eye height": _pair("eyes/{side}-eye-trans", "down", "up", 0.22),
    "eye depth": _pair("eyes/{side}-eye-push1", "in", "out", 0.22),
    "inner eye corner": _pair("eyes/{side}-eye-corner1", "down", "up", 0.30),
    "outer eye corner": _pair("eyes/{side}-eye-corner2", "down", "up", 0.36),
    "eye opening, inner": _pair("eyes/{side}-eye-height1", "decr", "incr", 0.22),
    "eye opening, middle": _pair("eyes/{side}-eye-height2", "decr", "incr", 0.26),
    "eye opening, outer": _pair("eyes/{side}-eye-height3", "decr", "incr", 0.24),
    "lid fold height": _pair("eyes/{side}-eye-eyefold", "down", "up", 0.30),
    "lid fold fullness": _pair("eyes/{side}-eye-eyefold", "concave", "convex", 0.28),
    "lid fold angle": _pair("eyes/{side}-eye-eyefold-angle", "down", "up", 0.28),
    "epicanthus": _pair("eyes/{side}-eye-epicanthus", "out", "in", 0.20),
    "eye bags": _pair("eyes/{side}-eye-bag", "decr", "incr", 0.30),
    # Nose
    "nose length": _pair("nose/nose-scale-vert", "decr", "incr", 0.34),
    "nose width": _pair("nose/nose-scale-horiz", "decr", "incr", 0.36),
    "nose projection": _pair("nose/nose-scale-depth", "decr", "incr", 0.34),
    "nose place": _pair("nose/nose-trans", "down", "up", 0.28),
    "nose base": _pair("nose/nose-base", "down", "up", 0.36),
    "nose tip height": _pair("nose/nose-point", "down", "up", 0.38),
    "nose tip width": _pair("nose/nose-point-width", "decr", "incr", 0.40),
    "nose bridge curve": _pair("nose/nose-curve", "concave", "convex", 0.34),
    "nose hump": _pair("nose/nose-hump", "decr", "incr", 0.34),
    "nose root": _pair("nose/nose-greek", "decr", "incr", 0.30),
    "nose volume": _pair("nose/nose-volume", "decr", "incr", 0.30),
    "nose bridge width, top": _pair("nose/nose-width1", "decr", "incr", 0.36),
    "nose bridge width, middle": _pair("nose/nose-width2", "decr", "incr", 0.36),
    "nose bridge width, bottom": _pair("nose/nose-width3", "decr", "incr", 0.34),
    "nostril width": _pair("nose/nose-nostrils-width", "decr", "incr", 0.36),
    "nostril angle": _pair("nose/nose-nostrils-angle", "down", "up", 0.30),
    "nostril flare": _pair("nose/nose-flaring", "decr", "incr", 0.30),
    # Mouth
    "mouth width": _pair("mouth/mouth-scale-horiz", "decr", "incr", 0.36),
    "mouth depth": _pair("mouth/mouth-scale-depth", "decr", "incr", 0.26),
    "mouth place": _pair("mouth/mouth-trans", "down", "up", 0.25),
    "mouth projection": _pair("mouth/mouth-trans", "backward", "forward", 0.28),
    "mouth corners": _pair("mouth/mouth-angles", "down", "up", 0.26),
    "cupid's bow": _pair("mouth/mouth-cupidsbow", "decr", "incr", 0.36),
    "cupid's bow width": _pair("mouth/mouth-cupidsbow-width", "decr", "incr", 0.34),
    "upper lip height": _pair("mouth/mouth-upperlip-height", "decr", "incr", 0.24),
    "upper lip fullness": _pair("mouth/mouth-upperlip-volume", "decr", "incr", 0.24),
    "upper lip width": _pair("mouth/mouth-upperlip-width", "decr", "incr", 0.30),
    "lower lip height": _pair("mouth/mouth-lowerlip-height", "decr", "incr", 0.24),
    "lower lip fullness": _pair("mouth/mouth-lowerlip-volume", "decr", "incr", 0.24),
    "lower lip width": _pair("mouth/mouth-lowerlip-width", "decr", "incr", 0.30),
    "philtrum": _pair("mouth/mouth-philtrum-volume", "decr", "incr", 0.30),
    "laugh lines": _pair("mouth/mouth-laugh-lines", "out", "in", 0.24),
    # Cheeks and chin
    "cheek bones": _pair("cheek/{side}-cheek-bones", "decr", "incr", 0.40),
    "cheek hollows": _pair("cheek/{side}-cheek-inner", "decr", "incr", 0.32),
    "cheek fullness": _pair("cheek/{side}-cheek-volume", "decr", "incr", 0.36),
    "cheek height": _pair("cheek/{side}-cheek-trans", "down", "up", 0.34),
    "chin width": _pair("chin/chin-width", "decr", "incr", 0.40),
    "chin height": _pair("chin/chin-height", "decr", "incr", 0.31),
    "chin projection": _pair("chin/chin-prominent", "decr", "incr", 0.34),
    "chin bones": _pair("chin/chin-bones", "decr", "incr", 0.36),
    "chin cleft": _pair("chin/chin-cleft", "decr", "incr", 0.30),
    "jaw projection": _pair("chin/chin-prognathism", "decr", "incr", 0.24),
    # Ears and neck
    "ear size": _pair("ears/{side}-ear-scale", "decr", "incr", 0.28),
    "ear wings": _pair("ears/{side}-ear-wing", "decr", "incr", 0.30),
    "ear lobes": _pair("ears/{side}-ear-lobe", "decr", "incr", 0.40),
    "ear height": _pair("ears/{side}-ear-trans", "down", "up", 0.24),
    "ear tilt": _pair("ears/{side}-ear-rot", "backward", "forward", 0.28),
    "neck width": _pair("neck/neck-scale-horiz", "decr", "incr", 0.20),
}


def draw_features(rng: np.random.Generator, spread: float = 1.0) -> dict[str, float]:
    """A weight for every feature; `spread` scales how far people differ."""
    weights = {}
    for name, feature in FEATURES.items():
        weight = float(np.clip(rng.normal(0, feature.deviation * spread), -LIMIT, LIMIT))
        if not feature.less:
            weight = max(0.0, weight)
        weights[name] = round(weight, 4)
    return weights
