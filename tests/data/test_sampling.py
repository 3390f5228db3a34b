"""How often faces are drawn: what is rare more often, and never too often."""

from __future__ import annotations

import numpy as np
import pytest
from tests.data.toy_traits import traits

from faceloom.data.sampling import (
    Sampling,
    balanced_shares,
    clusters,
    sampling_shares,
    session_of,
)

KINDS: tuple[Sampling, ...] = ("openings", "uniform", "clips", "sessions", "clusters")


@pytest.mark.parametrize("kind", KINDS)
def test_shares_are_a_distribution_and_no_face_is_drawn_too_often(kind: Sampling) -> None:
    faces = traits(200, yaw_deg=np.r_[np.zeros(199), 60.0], mouth=np.r_[0.5, np.zeros(199)])
    sources = [f"session-{row // 150}/clip{row % 7}" for row in range(199)] + ["one/frame"]
    shares = sampling_shares(kind, faces, sources)
    assert shares.dtype == np.float32
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    assert shares.min() > 0
    assert shares.max() <= (4.5 if kind == "openings" else 4.01) / 200
    assert (sampling_shares(kind, faces, sources) == shares).all()


def test_the_default_draws_rare_openings_more_often() -> None:
    eyes = np.concatenate([[0.05, 0.1], np.linspace(0.28, 0.3, 48)])
    shares = balanced_shares(eyes, np.zeros(50))
    assert shares.sum() == pytest.approx(1)
    assert shares[:2].min() > 2 * shares[2:].max()
    assert (sampling_shares("openings", traits(50, eyes=eyes), [""] * 50) == shares).all()


def test_uniform_is_even() -> None:
    assert sampling_shares("uniform", traits(8), [""] * 8).tolist() == [0.125] * 8


def test_each_clip_is_drawn_alike_and_so_is_each_session() -> None:
    """The note's pair: 65% of the faces are of one series."""
    sources = ["day/series"] * 65 + ["day/other"] * 20 + ["night/other"] * 15
    clips = sampling_shares("clips", traits(100), sources)
    assert [clips[:65].sum(), clips[65:85].sum(), clips[85:].sum()] == pytest.approx([1 / 3] * 3)
    sessions = sampling_shares("sessions", traits(100), sources)
    assert [sessions[:85].sum(), sessions[85:].sum()] == pytest.approx([0.5, 0.5])
    assert session_of("clip.mp4") == "."


def test_rare_poses_expressions_and_lights_are_drawn_more_often() -> None:
    rare = np.r_[np.zeros(95), np.ones(5)]
    for trait, size in (("yaw_deg", 40.0), ("mouth", 0.5), ("eyes", -0.25), ("light_across", 0.3)):
        base = {"eyes": 0.3}.get(trait, 0.0)
        shares = sampling_shares("clusters", traits(100, **{trait: base + size * rare}), [""] * 100)
        assert shares[95:].min() > 3 * shares[:95].max(), trait


def test_what_looks_the_same_is_one_cluster() -> None:
    rng = np.random.default_rng(0)
    assert len(set(clusters(rng.uniform(-0.2, 0.2, (50, 2))).tolist())) == 1
    apart = np.repeat([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]], 20, axis=0)
    labels = clusters(apart + rng.uniform(-0.2, 0.2, apart.shape))
    assert [len(set(labels[at : at + 20].tolist())) for at in (0, 20, 40)] == [1, 1, 1]
    assert len(set(labels.tolist())) == 3
