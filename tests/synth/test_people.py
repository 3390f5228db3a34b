"""People: the same from the same seed, different from different ones, and plausible."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from faceloom.synth.assets import load_head
from faceloom.synth.hair import STYLES
from faceloom.synth.people import BuiltPerson, make_person, make_person_from
from faceloom.synth.scene import Label
from faceloom.synth.skin import skin_tone
from faceloom.synth.swapped import swapped_person
from faceloom.synth.traits import draw_traits


@pytest.fixture(scope="module")
def pair() -> tuple[BuiltPerson, BuiltPerson]:
    return make_person(7), make_person(22)


def test_a_seed_fixes_the_person(pair: tuple[BuiltPerson, BuiltPerson]) -> None:
    again = make_person_from(draw_traits(7))
    first = pair[0]
    assert np.array_equal(first.vertices_V3, again.vertices_V3)
    assert np.array_equal(first.albedo_HW4, again.albedo_HW4)
    assert np.array_equal(first.attached.weights_NK4, again.attached.weights_NK4)
    assert first.traits == again.traits
    assert not np.allclose(first.vertices_V3, pair[1].vertices_V3, atol=0.02)


def test_traits_are_varied_and_plausible() -> None:
    people = [draw_traits(seed) for seed in range(60)]
    assert {person.sex for person in people} == {"female", "male"}
    assert len({person.hair.style for person in people}) >= 7
    ages = [person.age_years for person in people]
    assert 19 <= min(ages) < 30 < 60 < max(ages) <= 82
    assert all(abs(w) <= 0.9 for person in people for w in person.features.values())
    tones = np.array([skin_tone(person) for person in people])
    assert (tones[:, 0] > tones[:, 2]).all()  # Skin is redder than blue.
    assert tones[:, 0].max() > 4 * tones[:, 0].min()
    assert not any(person.beard.style != "none" for person in people if person.sex == "female")


def test_every_style_grows_on_the_scalp() -> None:
    head, traits = load_head(), draw_traits(7)
    from faceloom.synth.hair import make_hair

    for style in STYLES:
        hair = dataclasses.replace(traits.hair, style=style)
        strands = make_hair(head, head.base_V3, dataclasses.replace(traits, hair=hair))
        assert len(strands.points_NK3) > 1000
        assert np.isfinite(strands.points_NK3).all()
        assert strands.points_NK3[:, 0, 1].min() > 6.4
        assert (strands.sway_NK[:, 0] == 0).all()
        eyes = np.abs(strands.points_NK3 - (0, 7.28, 1.5)).max(axis=2) < 0.15
        assert eyes.mean() < 0.01, style  # The face stays free.


def test_open_hair_falls_beside_the_face() -> None:
    from faceloom.synth.hair import make_hair

    head, traits = load_head(), draw_traits(7)
    for style in ("bob", "long"):
        hair = dataclasses.replace(traits.hair, style=style, fringe=False, wave=0.2)
        points = make_hair(
            head, head.base_V3, dataclasses.replace(traits, hair=hair)
        ).points_NK3  # fmt: skip
        before_face = (np.abs(points[..., 0]) < 0.55) & (points[..., 1] < 7.8)
        assert not (before_face & (points[..., 2] > 1.05)).any(), style
        # The lengths hang: their last piece points down rather than aside.
        ends = points[:, -1] - points[:, -2]
        long_ones = points[:, -1, 1] < 6.9
        assert np.median(-ends[long_ones, 1] / np.linalg.norm(ends[long_ones], axis=1)) > 0.8


def test_any_beginning_of_the_hairs_covers_the_head(
    pair: tuple[BuiltPerson, BuiltPerson],
) -> None:
    for person in pair:
        assert person.hair is not None
        points = person.hair.points_NK3
        some = points[: len(points) // 3]
        assert np.allclose(some.mean(axis=(0, 1)), points.mean(axis=(0, 1)), atol=0.02)


def test_strands_grow_where_they_should(pair: tuple[BuiltPerson, BuiltPerson]) -> None:
    person, head = pair[0], load_head()
    attached = person.attached
    assert np.allclose(attached.weights_NK4.sum(axis=2), 1)
    places = np.einsum("nkj,nkjc->nkc", attached.weights_NK4, head.base_V3[attached.vertices_NK4])
    brows = places[attached.label_N == Label.BROW].reshape(-1, 3)
    assert 7.3 < brows[:, 1].min() < brows[:, 1].max() < 7.75
    lashes = places[attached.label_N == Label.LASH].reshape(-1, 3)
    assert 7.1 < lashes[:, 1].min() < lashes[:, 1].max() < 7.45


def test_a_swap_changes_the_inner_face_alone(pair: tuple[BuiltPerson, BuiltPerson]) -> None:
    face, footage = pair
    swapped = swapped_person(face, footage)
    head = load_head()
    outside = head.masks_V["face"] == 0
    outside[np.unique(head.triangles_T3[head.part_T != 0])] = False
    # Mouth, nostrils and the backs of lids come with the face that they lie behind.
    x, y, z = np.abs(head.base_V3).T
    behind = (x < 0.44) & (y > 6.42) & (y < 7.42) & (z > 0.55)
    outside &= ~behind
    assert outside.sum() > 500
    features = head.landmarks_68[27:]
    span = [np.ptp(person.vertices_V3[features], axis=0) for person in (face, swapped)]
    assert np.ptp(span[1] / span[0]) < 0.03  # The same nose, eyes and mouth, at another size.
    middles = [person.vertices_V3[features].mean(axis=0) for person in (footage, swapped)]
    assert np.linalg.norm(middles[0] - middles[1]) < 0.05
    assert np.array_equal(swapped.vertices_V3[outside], footage.vertices_V3[outside])
    # As seen from the front brows, eyes, nose and mouth are as large as the footage's.
    seen = [p.vertices_V3[head.landmarks_68[17:], :2] for p in (swapped, footage)]
    flat = [points - points.mean(axis=0) for points in seen]
    assert (flat[0] * flat[1]).sum() / (flat[0] ** 2).sum() == pytest.approx(1, abs=0.01)
    # A swap paints on the head that is there: chin and cheeks keep their outline.
    jaw = head.landmarks_68[:17]
    assert np.array_equal(swapped.vertices_V3[jaw], footage.vertices_V3[jaw])
    assert np.linalg.norm(swapped.vertices_V3[jaw] - face.vertices_V3[jaw], axis=1).max() > 0.05
    chart = head.chart
    texels = chart.masks_X["face"] == 0
    texels &= chart.masks_X["inside-mouth"] <= 0
    rows, columns = chart.rows_X[texels], chart.columns_X[texels]
    assert np.array_equal(swapped.albedo_HW4[rows, columns], footage.albedo_HW4[rows, columns])
    assert swapped.hair is footage.hair
    assert swapped.cloth == footage.cloth
    assert swapped.eyes == face.eyes
    nose = head.landmarks_68[27:36]
    own = face.vertices_V3[nose] - face.vertices_V3[nose].mean(axis=0)
    new = swapped.vertices_V3[nose] - swapped.vertices_V3[nose].mean(axis=0)
    scale = np.linalg.norm(new) / np.linalg.norm(own)
    assert np.abs(new - own * scale).max() < 0.01


def test_the_tone_is_the_footages_or_the_faces_own(pair: tuple[BuiltPerson, BuiltPerson]) -> None:
    face, footage = pair
    chart = load_head().chart
    cheek = (np.abs(chart.rest_X3 - (0.42, 6.95, 1.25)) < 0.1).all(axis=1)

    def tone(person: BuiltPerson) -> np.ndarray:
        assert person.layers is not None
        return np.median(person.layers.albedo_X3[cheek], axis=0)

    as_footage, own = (swapped_person(face, footage, t) for t in ("footage", "own"))
    assert np.allclose(tone(own), tone(face), rtol=0.02)
    assert np.abs(np.log(tone(as_footage) / tone(footage))).max() < 0.25
