"""What makes a person, as plain numbers: drawn from a seed, kept in records, changed by hand.

Convention: shares and strengths run from 0 to 1; colours are linear RGB. Each group of traits has
its own random stream, so that a new trait in one group leaves all others as they were.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from faceloom.synth.features import draw_features
from faceloom.synth.scene import Cloth, Glasses, Vector
from faceloom.synth.wardrobe import draw_cloth, draw_glasses

Sex = Literal["female", "male"]
HairStyle = Literal[
    "bald", "buzz", "short", "side part", "swept back", "bob", "long", "ponytail", "bun", "curly",
    "afro",
]  # fmt: skip
BeardStyle = Literal["none", "moustache", "goatee", "full"]

YOUNGEST, OLDEST = 19.0, 82.0
"""Years; children are left out on purpose."""


@dataclass(frozen=True)
class Ancestry:
    """Shares of the head's three regional shapes; they add up to 1 and mix freely."""

    african: float
    asian: float
    european: float


@dataclass(frozen=True)
class SkinTraits:
    """The skin's colour and detail."""

    melanin: float
    """0 the fairest skin there is, 1 the darkest."""
    blood: float
    """Ruddiness against the average of the tone: 0 is average, about -0.3 to 0.5."""
    blotches: float
    """How unevenly blood and pigment are spread."""
    freckles: float
    moles: int
    age_spots: float
    wrinkles: float
    pores: float
    under_eyes: float
    """Darkness of the skin under the eyes."""
    lip_blood: float
    lip_pigment: float
    oil: float
    """Factor on the gloss, about 0.7 to 1.3."""


@dataclass(frozen=True)
class BrowTraits:
    """The brows' place and growth."""

    thickness: float
    """Factor, about 0.6 to 1.6."""
    density: float
    arch: float
    """-1 straight, 1 high."""
    length: float
    """Factor, about 0.85 to 1.1."""
    raise_dm: float


@dataclass(frozen=True)
class BeardTraits:
    """What grows on the lower face."""

    style: BeardStyle
    length_dm: float
    density: float
    stubble: float
    """Shadow of shaven hair on what the style leaves bare."""


@dataclass(frozen=True)
class HairTraits:
    """The hair on the head."""

    style: HairStyle
    colour: Vector
    grey: float
    """Share of white hairs, in the beard a little more."""
    length: float
    """Factor on the style's own length."""
    wave: float
    """0 straight, 1 wavy; the style's own curls come on top."""
    parting: float
    """-1 on the person's right, 0 in the middle, 1 on the left."""
    recession: float
    """0 a young hairline, 1 one drawn far back at the temples."""
    fringe: bool
    """Bob and long hair only: cut short over the forehead."""


@dataclass(frozen=True)
class EyeTraits:
    """The eyes' colour and lids."""

    iris: Vector
    iris_inner: Vector
    iris_radius: float
    pupil_radius: float
    redness: float
    lash_length: float
    """Factor, about 0.6 to 1.2."""
    lid_rest: float
    """How far the upper lids hang at rest, in the blink's own unit."""


@dataclass(frozen=True)
class Traits:
    """A person, from shape to shirt."""

    name: str
    seed: int
    """Of all that has no number of its own: where each mole, hair and wrinkle is."""
    sex: Sex
    masculinity: float
    age_years: float
    ancestry: Ancestry
    weight: float
    """-1 lean, 1 heavy."""
    features: Mapping[str, float]
    """Weights of `features.FEATURES`."""
    asymmetry: float
    """Strength of the differences between left and right."""
    skin: SkinTraits
    brows: BrowTraits
    beard: BeardTraits
    hair: HairTraits
    eyes: EyeTraits
    teeth: Vector
    cloth: Cloth
    glasses: Glasses | None

    @property
    def agedness(self) -> float:
        """0 at 25 years and under, 1 at 85."""
        return float(np.clip((self.age_years - 25) / 60, 0, 1))

    def record(self) -> dict[str, object]:
        """As JSON takes it."""
        return asdict(self)


def draw_traits(seed: int, spread: float = 1.0) -> Traits:
    """The person of a seed. `spread` scales how far the shape lies from the average."""
    body = _stream(seed, "body")
    sex: Sex = "male" if body.random() < 0.5 else "female"
    masculinity = float(np.clip((sex == "male") + body.normal(0, 0.1), 0, 1))
    age_years = float(YOUNGEST + (OLDEST - YOUNGEST) * body.beta(1.05, 1.75))
    shares = body.dirichlet((0.4, 0.4, 0.5))
    ancestry = Ancestry(*(round(float(share), 4) for share in shares))
    weight = float(np.clip(body.normal(0.0, 0.42), -0.9, 0.9))
    asymmetry = float(body.uniform(0.6, 1.3))
    skin = _draw_skin(_stream(seed, "skin"), ancestry, age_years, sex)
    hair = _draw_hair(_stream(seed, "hair"), ancestry, age_years, sex)
    return Traits(
        name=f"person-{seed}",
        seed=seed,
        sex=sex,
        masculinity=masculinity,
        age_years=age_years,
        ancestry=ancestry,
        weight=weight,
        features=draw_features(_stream(seed, "features"), spread),
        asymmetry=asymmetry,
        skin=skin,
        brows=_draw_brows(_stream(seed, "brows"), sex, age_years),
        beard=_draw_beard(_stream(seed, "beard"), sex),
        hair=hair,
        eyes=_draw_eyes(_stream(seed, "eyes"), ancestry, skin.melanin, sex, age_years),
        teeth=_draw_teeth(_stream(seed, "teeth"), age_years),
        cloth=draw_cloth(_stream(seed, "cloth")),
        glasses=draw_glasses(_stream(seed, "glasses"), _ageing(age_years, 40, 70)),
    )


def _stream(seed: int, group: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(group.encode())])


def _vector(values: np.typing.ArrayLike) -> Vector:
    red, green, blue = np.asarray(values, np.float64)
    return round(float(red), 5), round(float(green), 5), round(float(blue), 5)


def _ageing(age_years: float, start: float, end: float) -> float:
    share = float(np.clip((age_years - start) / (end - start), 0, 1))
    return share * share * (3 - 2 * share)


# -- skin -----------------------------------------------------------------------------------------


def _draw_skin(
    rng: np.random.Generator, ancestry: Ancestry, age_years: float, sex: Sex
) -> SkinTraits:
    middle = 0.80 * ancestry.african + 0.28 * ancestry.asian + 0.13 * ancestry.european
    melanin = float(np.clip(rng.normal(middle, 0.10), 0.0, 0.98))
    fair = max(0.0, 1 - melanin / 0.35)
    freckled = fair > 0.2 and rng.random() < 0.35
    old = _ageing(age_years, 35, 80)
    return SkinTraits(
        melanin=melanin,
        blood=float(
            np.clip(rng.normal(0.04 + 0.10 * old + 0.05 * (sex == "male"), 0.14), -0.3, 0.5)
        ),
        blotches=float(rng.uniform(0.5, 1.2)),
        freckles=float(rng.uniform(0.25, 1.0) * min(1, 1.5 * fair)) if freckled else 0.0,
        moles=int(rng.integers(1, 7)),
        age_spots=float(np.clip(_ageing(age_years, 45, 85) * rng.uniform(0.2, 1.1), 0, 1)),
        wrinkles=float(np.clip(_ageing(age_years, 26, 84) * rng.uniform(0.75, 1.2), 0, 1)),
        pores=float(rng.uniform(0.35, 1.0)),
        under_eyes=float(np.clip(rng.normal(0.35 + 0.25 * old, 0.2), 0, 1)),
        lip_blood=float(rng.uniform(0.35, 0.9) if sex == "female" else rng.uniform(0.2, 0.65)),
        lip_pigment=float(rng.uniform(0.0, 0.5)),
        oil=float(rng.uniform(0.75, 1.25)),
    )


# -- hair -----------------------------------------------------------------------------------------

_HAIR_COLOURS: Mapping[str, Vector] = {
    "black": (0.012, 0.010, 0.009),
    "soft black": (0.020, 0.014, 0.011),
    "dark brown": (0.034, 0.020, 0.012),
    "brown": (0.070, 0.039, 0.021),
    "light brown": (0.130, 0.076, 0.040),
    "auburn": (0.105, 0.036, 0.015),
    "copper": (0.230, 0.078, 0.026),
    "dark blond": (0.205, 0.132, 0.068),
    "blond": (0.330, 0.225, 0.115),
}
_EUROPEAN_HAIR = {
    "black": 0.05, "soft black": 0.10, "dark brown": 0.22, "brown": 0.21, "light brown": 0.13,
    "auburn": 0.07, "copper": 0.05, "dark blond": 0.10, "blond": 0.07,
}  # fmt: skip
_DARK_HAIR = {"black": 0.55, "soft black": 0.30, "dark brown": 0.15}

_STYLES: Mapping[Sex, Mapping[HairStyle, float]] = {
    "female": {
        "bob": 0.20, "long": 0.32, "ponytail": 0.14, "bun": 0.12, "short": 0.07, "curly": 0.12,
        "side part": 0.03,
    },
    "male": {
        "short": 0.26, "side part": 0.22, "swept back": 0.15, "buzz": 0.17, "curly": 0.08,
        "bald": 0.06, "bun": 0.03, "long": 0.03,
    },
}  # fmt: skip
_TIGHTLY_CURLED: Mapping[Sex, Mapping[HairStyle, float]] = {
    "female": {"afro": 0.36, "curly": 0.24, "buzz": 0.12, "bun": 0.18, "ponytail": 0.10},
    "male": {"afro": 0.24, "buzz": 0.50, "curly": 0.12, "bald": 0.14},
}


def _choose(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    names = list(weights)
    shares = np.array([weights[name] for name in names])
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]


def _draw_hair(
    rng: np.random.Generator, ancestry: Ancestry, age_years: float, sex: Sex
) -> HairTraits:
    light = ancestry.european > rng.uniform(0.35, 0.75)
    base = np.array(_HAIR_COLOURS[_choose(rng, _EUROPEAN_HAIR if light else _DARK_HAIR)])
    colour = base * np.exp(rng.normal(0, 0.10)) * np.exp(rng.normal(0, 0.03, 3))
    greying = _ageing(age_years + rng.normal(0, 8), 36, 76)
    dyed = greying > 0.15 and rng.random() < (0.45 if sex == "female" else 0.10)
    tight = ancestry.african > rng.uniform(0.4, 0.75)
    styles = (_TIGHTLY_CURLED if tight else _STYLES)[sex]
    weights: dict[str, float] = {str(name): weight for name, weight in styles.items()}
    recession = float(np.clip(rng.normal(0.15 + 0.6 * _ageing(age_years, 22, 75), 0.22), 0, 1))
    if sex == "female":
        recession *= 0.3
        if age_years > 58:
            weights = {name: w * (0.3 if name == "long" else 1.0) for name, w in weights.items()}
            weights["short"] = weights.get("short", 0.0) + 0.25
    elif recession > 0.75:
        weights["bald"] = weights.get("bald", 0.0) + 0.3
    style: HairStyle = _choose(rng, weights)  # type: ignore[assignment]
    return HairTraits(
        style=style,
        colour=_vector(colour),
        grey=0.0 if dyed else float(greying),
        length=float(rng.uniform(0.8, 1.2)),
        wave=float(rng.beta(1.1, 2.2)) if ancestry.asian < 0.6 else float(rng.beta(1, 6)),
        parting=float(rng.choice([-1.0, 0.0, 1.0], p=[0.35, 0.25, 0.4])),
        recession=recession,
        fringe=bool(rng.random() < 0.25),
    )


def _draw_brows(rng: np.random.Generator, sex: Sex, age_years: float) -> BrowTraits:
    man = sex == "male"
    return BrowTraits(
        thickness=float(np.clip(rng.normal(1.15 if man else 0.85, 0.23), 0.6, 1.6)),
        density=float(np.clip(rng.normal(0.95 if man else 0.85, 0.20), 0.45, 1.35)
                      * (1 - 0.25 * _ageing(age_years, 55, 85))),
        arch=float(np.clip(rng.normal(-0.2 if man else 0.25, 0.55), -1, 1)),
        length=float(rng.uniform(0.88, 1.06)),
        raise_dm=float(rng.normal(0, 0.014)),
    )  # fmt: skip


def _draw_beard(rng: np.random.Generator, sex: Sex) -> BeardTraits:
    if sex == "female":
        return BeardTraits("none", 0.0, 0.0, 0.0)
    styles = {"none": 0.54, "full": 0.26, "goatee": 0.12, "moustache": 0.08}
    style: BeardStyle = _choose(rng, styles)  # type: ignore[assignment]
    return BeardTraits(
        style=style,
        length_dm=float(rng.uniform(0.035, 0.10)),
        density=float(rng.uniform(0.65, 1.0)),
        stubble=float(rng.uniform(0.0, 0.75)),
    )


# -- eyes and teeth -------------------------------------------------------------------------

_DARK_EYES: tuple[tuple[Vector, Vector], ...] = (
    ((0.026, 0.013, 0.007), (0.034, 0.016, 0.008)),
    ((0.055, 0.026, 0.011), (0.080, 0.036, 0.013)),
)
_LIGHT_EYES: tuple[tuple[Vector, Vector], ...] = (
    ((0.075, 0.036, 0.015), (0.105, 0.048, 0.016)),
    ((0.098, 0.074, 0.030), (0.125, 0.060, 0.019)),
    ((0.088, 0.112, 0.058), (0.125, 0.092, 0.034)),
    ((0.092, 0.146, 0.205), (0.125, 0.145, 0.145)),
    ((0.135, 0.155, 0.170), (0.150, 0.148, 0.125)),
)
"""Outer and inner iris colour: brown, hazel, green, blue, grey."""


def _draw_eyes(
    rng: np.random.Generator, ancestry: Ancestry, melanin: float, sex: Sex, age_years: float
) -> EyeTraits:
    light = ancestry.european > rng.uniform(0.4, 0.8) and melanin < 0.4
    outer, inner = (
        _LIGHT_EYES[rng.choice(5, p=[0.24, 0.18, 0.16, 0.30, 0.12])]
        if light
        else _DARK_EYES[rng.choice(2)]
    )
    brightness = np.exp(rng.normal(0, 0.12))
    return EyeTraits(
        iris=_vector(np.array(outer) * brightness),
        iris_inner=_vector(np.array(inner) * brightness),
        iris_radius=float(rng.uniform(0.435, 0.475)),
        pupil_radius=float(rng.uniform(0.15, 0.20) * (1 - 0.15 * _ageing(age_years, 40, 80))),
        redness=float(np.clip(rng.normal(0.28 + 0.25 * _ageing(age_years, 40, 80), 0.12), 0, 1)),
        lash_length=float(rng.uniform(0.85, 1.2) if sex == "female" else rng.uniform(0.6, 0.95)),
        lid_rest=float(
            np.clip(rng.normal(0.04 + 0.06 * _ageing(age_years, 45, 80), 0.035), 0, 0.2)
        ),
    )


def _draw_teeth(rng: np.random.Generator, age_years: float) -> Vector:
    yellow = rng.uniform(0, 0.7) + 0.5 * _ageing(age_years, 30, 80)
    fresh, stained = np.array([0.74, 0.71, 0.64]), np.array([0.66, 0.58, 0.43])
    return _vector((fresh + (stained - fresh) * min(1.0, yellow)) * rng.uniform(0.92, 1.04))
