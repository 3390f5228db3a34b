"""Who looks like whom: gains, retrieval, look-alikes, tables of cosines and the map of identities.

Shapes: identities (N, D), unit vectors of one network, one row a picture. "Face" is the person put
in (B), "footage" the person who is replaced (A).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faceloom.evaluate.evaluation import HeatMap, Likeness, Point

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

Person = Literal["footage", "face", "result"]

LOOK_ALIKES = 3
"""As many as the note shows."""
_MAP_REACH = 0.8
_LEAST_APART = 1e-3
_FEW_FOR_UMAP = 10


@dataclass(frozen=True)
class Pictures:
    """Identities of real pictures of one person and the source each comes from: pictures of one
    clip or scene are more alike than photographs of different days."""

    identities_ND: Vectors
    sources_N: NDArray[np.int64]

    @property
    def mean_D(self) -> Floats:
        """Unit length."""
        mean = self.identities_ND.mean(axis=0, dtype=np.float64)
        return np.asarray(mean / max(1e-9, float(np.linalg.norm(mean))), np.float64)

    @property
    def single_source(self) -> bool:
        """Whether all come from one clip or scene."""
        return len(np.unique(self.sources_N)) == 1

    def own_cosine(self) -> float:
        """How alike the person's pictures are: the mean cosine between different sources; of a
        single source, between its first third and its last. nan for one picture."""
        cosines = self.identities_ND.astype(np.float64) @ self.identities_ND.T.astype(np.float64)
        apart = self.sources_N[:, None] != self.sources_N
        if not apart.any():
            count = len(self.identities_ND)
            third = max(1, count // 3)
            place = np.arange(count)
            apart = (place[:, None] < third) & (place >= max(third, count - third))
        return float(cosines[apart].mean()) if apart.any() else float("nan")


@dataclass(frozen=True)
class GainScale:
    """The two ends of the identity gain."""

    before: float
    """Mean cosine of the footage's person and the face's."""
    best: float
    """Mean cosine of the face's own pictures."""

    @property
    def known(self) -> bool:
        """Whether the two people can be told apart."""
        return bool(self.best - self.before >= _LEAST_APART)

    def gain(self, cosine: float) -> float:
        """0 at the footage's person, 1 at a real photograph; nan if the two look alike."""
        if not self.known:
            return float("nan")
        return (cosine - self.before) / (self.best - self.before)


def gain_scale(footage_ND: Vectors, face: Pictures) -> GainScale:
    """Both ends, measured on real pictures."""
    return GainScale(float(mean_cosines(footage_ND, face.identities_ND).mean()), face.own_cosine())


def mean_cosines(ones_ND: Vectors, others_MD: Vectors) -> Floats:
    """The mean cosine of each row to the others: (N,)."""
    cosines = ones_ND.astype(np.float64) @ others_MD.T.astype(np.float64)
    return np.asarray(cosines.mean(axis=1), np.float64)


def ranks(queries_ND: Vectors, people_PD: NDArray[np.floating], right: int) -> NDArray[np.int64]:
    """For each query, how many people are nearer than the right one: (N,), 0 for the first place.

    Who is equally near counts as nearer, so that a network that tells nobody apart scores nothing.
    """
    cosines = queries_ND.astype(np.float64) @ np.asarray(people_PD, np.float64).T
    others = np.delete(cosines, right, axis=1)
    return np.asarray((others >= cosines[:, [right]]).sum(axis=1), np.int64)


def look_alikes(
    of: Person,
    mean_D: NDArray[np.floating],
    names: Sequence[str],
    people_PD: NDArray[np.floating],
) -> list[Likeness]:
    """The three of a gallery who are nearest, nearest first."""
    cosines = np.asarray(people_PD, np.float64) @ mean_D
    nearest = np.argsort(-cosines, kind="stable")[:LOOK_ALIKES]
    return [
        Likeness(of, rank, names[k], round(float(cosines[k]), 4), "")
        for rank, k in enumerate(nearest.tolist(), 1)
    ]


def agreement(ones: Sequence[str], others: Sequence[str]) -> float:
    """The share of the first names that are among the others."""
    return sum(name in set(others) for name in ones) / max(1, len(ones))


def heat_map(
    title: str,
    rows: tuple[str, Vectors],
    columns: tuple[str, Vectors],
    most: int = 12,
) -> HeatMap:
    """Cosines between pictures of two groups, at most `most` of each, spread evenly; a group is
    its label and its identities."""
    (row_label, rows_ND), (column_label, columns_ND) = rows, columns
    picked = [_spread(len(group), most) for group in (rows_ND, columns_ND)]
    cosines = rows_ND[picked[0]].astype(np.float64) @ columns_ND[picked[1]].T.astype(np.float64)
    labels = [
        tuple(f"{label} {k + 1}" for k in places.tolist())
        for label, places in zip((row_label, column_label), picked, strict=True)
    ]
    values = tuple(tuple(round(float(v), 4) for v in row) for row in cosines)
    return HeatMap(title, labels[0], labels[1], values)


def identity_map(groups: dict[Person, Vectors]) -> tuple[tuple[Point, ...], str]:
    """A place in the plane for every picture, and the name of the method: UMAP (McInnes et al.
    2018, arXiv:1802.03426) where it is installed and there are enough pictures, else principal
    components.

    A few dozen pictures of three people fall apart into islands whose places are chance, unless
    each picture's neighbourhood reaches over most of the others.
    """
    rows = np.concatenate(list(groups.values())).astype(np.float64)
    labels = [(name, k) for name, vectors in groups.items() for k in range(len(vectors))]
    places = _umap(rows)
    method = "UMAP of the cosines"
    if places is None:
        places, method = _principal(rows), "principal components (UMAP is not installed)"
    points = tuple(
        Point(round(float(x), 4), round(float(y), 4), name, f"{name} {k + 1}")
        for (name, k), (x, y) in zip(labels, places, strict=True)
    )
    return points, method


def nearest_words(groups: dict[Person, Vectors]) -> str:
    """Of how many of the result's pictures the nearest real one is of the face's person."""
    result = groups["result"].astype(np.float64)
    nearest = [(result @ groups[name].astype(np.float64).T).max(axis=1)
               for name in ("face", "footage")]  # fmt: skip
    face = int((nearest[0] > nearest[1]).sum())
    return (
        f"By cosine, {face} of {len(result)} pictures of the result are nearest to a real picture"
        f" of the face's person, {len(result) - face} to one of the footage's."
    )


def _spread(count: int, most: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _umap(rows_ND: Floats) -> Floats | None:
    if len(rows_ND) < _FEW_FOR_UMAP:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from umap import UMAP
    except ModuleNotFoundError:
        return None
    neighbours = round(_MAP_REACH * (len(rows_ND) - 1))
    with warnings.catch_warnings():
        # It says that a fixed seed means one thread, which is what is wanted.
        warnings.simplefilter("ignore")
        found = UMAP(
            n_neighbors=neighbours, min_dist=0.4, init="pca", metric="cosine", random_state=0
        ).fit_transform(rows_ND)
    return np.asarray(found, np.float64)


def _principal(rows_ND: Floats) -> Floats:
    """The two main directions; the sign is fixed by the largest entry."""
    centred = rows_ND - rows_ND.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    two = directions[:2]
    signs = np.sign(two[np.arange(len(two)), np.abs(two).argmax(axis=1)])
    places = centred @ (two * signs[:, None]).T
    return np.pad(places, ((0, 0), (0, 2 - places.shape[1])))
