"""The neutral face of a person: the head's vertices moved by its morph targets.

Convention: vertices are float64 (V, 3) on the base mesh, decimetres, placed so that the point
between the eyes is where the head at rest has it.
"""

from __future__ import annotations

import numpy as np

from faceloom.synth.assets import Head
from faceloom.synth.features import FEATURES
from faceloom.synth.proportions import with_human_proportions
from faceloom.synth.scene import Floats
from faceloom.synth.traits import Traits

_CHIN_REST = (0.0, 6.2, 1.43)
_SIZE_SHARE = 0.8
"""How much of the eye-to-chin height is brought to the common size; the rest stays the person's."""
_SIDE_DEVIATION = 0.10
_ASYMMETRY_DEVIATION = 0.095
_EYE_OPENING = {"eyes/{side}-eye-height2-incr": 0.18, "eyes/{side}-eye-scale-incr": 0.18}
"""The head's eyes are small at rest; these bring them to life size."""


def neutral_vertices(head: Head, traits: Traits) -> Floats:
    """The person's face at rest, without expression, (V, 3)."""
    rng = np.random.default_rng([traits.seed, 0x5A])
    vertices_V3 = head.base_V3.copy()
    _add_body(head, vertices_V3, traits)
    _add_features(head, vertices_V3, traits, rng)
    for name in head.target_names:
        if name.startswith("asym/"):
            weight = max(0.0, rng.normal(0, _ASYMMETRY_DEVIATION * traits.asymmetry))
            head.morph(vertices_V3, name, weight)
    for side in ("Left", "Right"):
        lids = traits.eyes.lid_rest + 0.02 * traits.asymmetry * rng.normal()
        head.morph(vertices_V3, f"expr/eyeBlink{side}", float(np.clip(lids, 0, 0.3)))
    return _placed(head, with_human_proportions(head, vertices_V3), rng)


def eye_centre(head: Head, vertices_V3: Floats) -> Floats:
    """The point midway between both eyeballs, (3,)."""
    left, right = (vertices_V3[indices].mean(axis=0) for indices in head.eye_vertices)
    return (left + right) / 2


def _add_body(head: Head, vertices_V3: Floats, traits: Traits) -> None:
    """Sex, age, ancestry and weight, mixed as the shares say."""
    sexes = {"male": traits.masculinity, "female": 1 - traits.masculinity}
    ages = {"young": 1 - traits.agedness, "old": traits.agedness}
    regions = {
        "african": traits.ancestry.african,
        "asian": traits.ancestry.asian,
        "caucasian": traits.ancestry.european,
    }
    bulk = "maxweight" if traits.weight > 0 else "minweight"
    for sex, sex_share in sexes.items():
        for age, age_share in ages.items():
            share = sex_share * age_share
            for region, region_share in regions.items():
                name = f"macrodetails/{region}-{sex}-{age}"
                head.morph(vertices_V3, name, share * region_share)
            name = f"macrodetails/universal-{sex}-{age}-averagemuscle-{bulk}"
            head.morph(vertices_V3, name, share * abs(traits.weight))


def _add_features(
    head: Head, vertices_V3: Floats, traits: Traits, rng: np.random.Generator
) -> None:
    for name, weight in traits.features.items():
        feature = FEATURES[name]
        target = feature.more if weight >= 0 else feature.less
        if not target:
            continue
        for side in ("l", "r") if "{side}" in target else ("",):
            uneven = 1 + _SIDE_DEVIATION * traits.asymmetry * rng.normal()
            head.morph(vertices_V3, target.format(side=side), abs(weight) * uneven)
    for target, weight in _EYE_OPENING.items():
        for side in ("l", "r"):
            head.morph(vertices_V3, target.format(side=side), weight)


def _placed(head: Head, vertices_V3: Floats, rng: np.random.Generator) -> Floats:
    """Eyes at the common place, the height from eyes to chin near the common size."""
    rest_V3 = head.base_V3
    chin = int(np.argmin(np.linalg.norm(rest_V3 - np.array(_CHIN_REST), axis=1)))
    eyes, rest_eyes = eye_centre(head, vertices_V3), eye_centre(head, rest_V3)
    height = eyes[1] - vertices_V3[chin, 1]
    rest_height = rest_eyes[1] - rest_V3[chin, 1]
    scale = (rest_height / height) ** _SIZE_SHARE * rng.uniform(0.98, 1.03)
    return (vertices_V3 - eyes) * scale + rest_eyes
