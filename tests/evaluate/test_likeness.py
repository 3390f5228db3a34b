"""Gains, retrieval, look-alikes, tables and maps of drawn identities."""

from __future__ import annotations

import numpy as np
import pytest

from faceloom.evaluate import likeness
from faceloom.evaluate.likeness import Pictures, gain_scale, mean_cosines


def person(seed: int, count: int = 12, noise: float = 0.03) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 1, 64) + rng.normal(0, noise * 8, (count, 64))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def pictures(rows: np.ndarray, sources: int = 4) -> Pictures:
    return Pictures(rows, np.arange(len(rows)) % sources)


A, B = person(1), person(2)


def test_the_gain_of_mixtures_rises_from_nought_to_one() -> None:
    face = pictures(B)
    scale = gain_scale(A, face)
    gains = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        mixed = (1 - share) * A + share * B
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        gains.append(scale.gain(float(mean_cosines(mixed.astype(np.float32), B).mean())))
    assert gains == sorted(gains)
    assert gains[0] == pytest.approx(0, abs=1e-6)
    assert gains[-1] == pytest.approx(1, abs=0.03)


def test_people_who_look_the_same_have_no_gain() -> None:
    scale = gain_scale(B, pictures(B))
    assert not scale.known
    assert np.isnan(scale.gain(0.9))


def test_only_different_sources_say_how_alike_photos_are() -> None:
    rows = np.concatenate([person(3), person(4)])
    two_days = Pictures(rows, np.repeat([0, 1], 12))
    assert two_days.own_cosine() == pytest.approx(float((rows[:12] @ rows[12:].T).mean()), abs=1e-5)
    one_clip = Pictures(rows, np.zeros(24, int))
    assert one_clip.single_source
    assert not two_days.single_source
    assert one_clip.own_cosine() == pytest.approx(float((rows[:8] @ rows[16:].T).mean()), abs=1e-5)
    assert np.isnan(Pictures(rows[:1], np.zeros(1, int)).own_cosine())


def test_ranks_among_people() -> None:
    people = np.stack([person(k).mean(axis=0) for k in range(10)])
    assert (likeness.ranks(person(4), people, 4) == 0).all()
    assert (likeness.ranks(person(4), people, 7) >= 1).all()
    blind = np.tile(people[0], (10, 1))
    assert (likeness.ranks(person(0), blind, 3) == 9).all()


def test_look_alikes_are_the_nearest_in_order() -> None:
    people = np.stack([person(k).mean(axis=0) for k in range(6)])
    near = 0.7 * people[5] + 0.5 * people[2] + 0.3 * people[0]
    found = likeness.look_alikes("face", near / np.linalg.norm(near), "abcdef", people)
    assert [like.name for like in found] == ["f", "c", "a"]
    assert [like.rank for like in found] == [1, 2, 3]
    assert found[0].cosine > found[1].cosine > found[2].cosine


def test_agreement_is_the_share_in_common() -> None:
    assert likeness.agreement("abc", "cba") == 1
    assert likeness.agreement("abc", "xay") == pytest.approx(1 / 3)
    assert likeness.agreement("abc", "xyz") == 0


def test_heat_maps_show_who_is_like_whom() -> None:
    own = likeness.heat_map("own", ("real", B), ("real", B), most=5)
    assert len(own.rows) == len(own.values) == 5
    assert own.rows[0] == "real 1"
    assert own.rows[-1] == "real 12"
    assert np.diag(own.values) == pytest.approx(np.ones(5), abs=1e-3)
    between = likeness.heat_map("both", ("a", A), ("b", B))
    assert np.mean(between.values) < np.mean(own.values) - 0.5


@pytest.mark.parametrize("method", ["umap", "principal"])
def test_the_map_keeps_people_apart(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if method == "umap":
        pytest.importorskip("umap", reason="the extra `evaluate` is not installed")
    else:
        monkeypatch.setattr(likeness, "_umap", lambda rows: None)
    points, said = likeness.identity_map({"footage": A, "face": B, "result": person(2, 9)})
    assert ("UMAP is not" in said) == (method == "principal")
    assert [point.group for point in points].count("result") == 9
    places = {
        group: np.array([(p.x, p.y) for p in points if p.group == group])
        for group in ("footage", "face", "result")
    }

    def apart(one: str, other: str) -> float:
        return float(np.linalg.norm(places[one].mean(axis=0) - places[other].mean(axis=0)))

    assert apart("face", "result") < 0.5 * min(
        apart("footage", group) for group in ("face", "result")
    )


def test_near_whom_the_result_is_is_told_by_cosines() -> None:
    groups: dict[likeness.Person, np.ndarray] = {
        "footage": A, "face": B, "result": np.concatenate([person(2, 9), person(1, 3)])
    }  # fmt: skip
    words = likeness.nearest_words(groups)
    assert words.startswith("By cosine, 9 of 12 pictures of the result are nearest to a real")
    assert "3 to one of the footage's" in words


def test_the_principal_map_is_the_same_every_time() -> None:
    rows = np.concatenate([A, B]).astype(np.float64)
    one, other = likeness._principal(rows), likeness._principal(rows[::-1])[::-1]
    assert one == pytest.approx(other, abs=1e-8)
    assert all(np.ptp(one, axis=0) > 0)
