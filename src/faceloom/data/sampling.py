"""How often each face is drawn: evenly, or so that what is rare is seen.

A face is hardly ever drawn more than four times as often as the mean: a handful of odd faces must
not become the person.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal, assert_never

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from faceloom.data.traits import FaceTraits

Sampling = Literal["openings", "uniform", "clips", "sessions", "clusters"]

Shares = NDArray[np.float32]
_MOST = 4.0
_OPENING_BINS = 8
_CLUSTERS = 8


def evenly(total: int, count: int) -> NDArray[np.int64]:
    """At most `count` indices, evenly over the total."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).astype(np.int64))


def sampling_shares(kind: Sampling, traits: FaceTraits, sources: Sequence[str]) -> Shares:
    """(N,), sums to 1.

    `openings` draws rare openings of eyes and mouth more often, `clips` and `sessions` each clip or
    session alike, `clusters` rare poses, expressions and lights. `sources` names each face's clip.
    """
    match kind:
        case "openings":
            return balanced_shares(traits.eyes, traits.mouth)
        case "uniform":
            return np.full(len(traits), 1 / len(traits), np.float32)
        case "clips":
            return _limited(1 / _group_sizes(list(sources)))
        case "sessions":
            return _limited(1 / _group_sizes([session_of(source) for source in sources]))
        case "clusters":
            weight = np.ones(len(traits))
            for features in (traits.pose, traits.expression, traits.light):
                weight /= np.sqrt(_group_sizes(clusters(features).tolist()))
            return _limited(weight)
        case _:
            assert_never(kind)


def session_of(source: str) -> str:
    """The folder that a clip lies in: clips of one recording usually lie together."""
    return str(PurePosixPath(source).parent)


def balanced_shares(*openings_N: NDArray[np.floating]) -> Shares:
    """Draw rare openings of eyes and mouth more often: (N,), sums to 1.

    Blinks and open mouths are a few frames in a hundred; drawn evenly, a decoder learns them last.
    Each face's share goes with one over the square root of how common its openings are, at most
    four times the mean.
    """
    weight = np.ones(len(openings_N[0]))
    for opening in openings_N:
        low, high = np.percentile(opening, [1, 99])
        place = np.clip((opening - low) / max(1e-6, high - low), 0, 0.999)
        bins = (place * _OPENING_BINS).astype(int)
        weight /= np.sqrt(np.bincount(bins, minlength=_OPENING_BINS)[bins])
    return _limited(weight, 1)


def clusters(features_ND: NDArray[np.floating], most: int = _CLUSTERS) -> NDArray[np.intp]:
    """Which cluster (N,) each face is in, by k-means (Lloyd 1982, seeded as k-means++); features
    are in steps that look different, and what is nearer than half a step is one."""
    coarse = np.round(features_ND * 2) / 2
    distinct = len(np.unique(coarse, axis=0))
    if distinct == 1:
        return np.zeros(len(coarse), np.intp)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # A cluster may end empty.
        count = min(most, distinct)
        _, labels = kmeans2(coarse, count, minit="++", rng=np.random.default_rng(0))
    return np.asarray(labels, np.intp)


def _group_sizes(groups: Sequence[object]) -> NDArray[np.float64]:
    """How many faces share each face's group (N,)."""
    _, inverse, counts = np.unique(np.array(groups), return_inverse=True, return_counts=True)
    return counts[inverse].astype(np.float64)


def _limited(weight_N: NDArray[np.floating], rounds: int = 20) -> Shares:
    """At most four times the mean, which cutting lowers: exact after some rounds."""
    for _ in range(rounds):
        weight_N = np.minimum(weight_N / weight_N.mean(), _MOST)
    return (weight_N / weight_N.sum()).astype(np.float32)
