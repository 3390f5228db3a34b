"""Everything an evaluation says about who looks like whom, from what was seen and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceloom.evaluate import figures as take
from faceloom.evaluate.evaluation import Figure, HeatMap, Likeness, Point
from faceloom.evaluate.likeness import (
    LOOK_ALIKES,
    GainScale,
    Person,
    Vectors,
    agreement,
    heat_map,
    identity_map,
    look_alikes,
    nearest_words,
)
from faceloom.evaluate.material import FaceMaterial, Gallery, write_thumbnail
from faceloom.evaluate.observe import PREDICTOR, Observed
from faceloom.evaluate.vggface2 import IdentityPredictor

_NO_GALLERY = "no gallery was given (--gallery)"
_NO_PREDICTOR = "no weights of the Inception-ResNet were given (--vggface2)"
_THUMBNAILS = "look-alikes"


@dataclass(frozen=True)
class Resemblance:
    """The clips' people, by the network `net` (the judge where there is one)."""

    seen: Sequence[Observed]
    material: FaceMaterial
    net: str
    gallery: Gallery | None
    predictor: IdentityPredictor | None

    def figures(self) -> tuple[dict[str, Figure], dict[str, GainScale]]:
        """The group "identity", and the ends of each network's scale."""
        figures, scales = take.identity_figures(self.seen, self.material.by_reader)
        if self.gallery is None:
            names = ("retrieval_top1", "retrieval_top5", "lookalike_agreement")
            figures |= {name: Figure(None, note=_NO_GALLERY) for name in names}
        else:
            face = self.material.by_reader[self.net]
            figures |= take.retrieval_figures(self.seen, self.net, face, self.gallery.identities_PD)
            people = len(self.gallery.names)
            figures["lookalike_agreement"] = _agreement(
                self._of_gallery, f"{LOOK_ALIKES} among {people} people"
            )
        if self.predictor is None:
            figures["prediction_agreement"] = Figure(None, note=_NO_PREDICTOR)
        else:
            count = len(self.predictor.names)
            figures["prediction_agreement"] = _agreement(
                self._predicted, f"{LOOK_ALIKES} of {count} identities"
            )
        return figures, scales

    def likenesses(self, folder: Path | None) -> tuple[Likeness, ...]:
        """Look-alikes in the gallery, their pictures written into `folder`; without a gallery,
        predicted identities."""
        if self.gallery is None or folder is None:
            return tuple(self._predicted if self.gallery is None else self._of_gallery)
        portraits = dict(zip(self.gallery.names, self.gallery.portraits, strict=True))
        shown = sorted({like.name for like in self._of_gallery})
        files = {name: f"{_THUMBNAILS}/{k}.jpg" for k, name in enumerate(shown, 1)}
        for name, file in files.items():
            write_thumbnail(portraits[name], folder / file)
        return tuple(replace(like, thumbnail=files[like.name]) for like in self._of_gallery)

    def heat_maps(self) -> tuple[HeatMap, ...]:
        """Within real, within swapped and between, as in the note; and the two people."""
        people = self._people
        if not len(people["result"]):
            return ()
        groups = {"face": "real", "result": "swapped", "footage": "footage"}
        titles: tuple[tuple[Person, Person, str], ...] = (
            ("face", "face", "Within real pictures of the face"),
            ("result", "result", "Within swapped frames"),
            ("result", "face", "Between swapped frames and real pictures"),
            ("footage", "face", "Between the footage's person and the face"),
        )
        return tuple(
            heat_map(title, (groups[a], people[a]), (groups[b], people[b]))
            for a, b, title in titles
        )

    def map(self) -> tuple[tuple[Point, ...], str]:
        """A place for every picture, and how it was found."""
        people = self._people
        return identity_map(people) if len(people["result"]) else ((), "none")

    def map_note(self) -> str:
        """What the map is about in figures: near which real pictures the result's are."""
        people = self._people
        return nearest_words(people) if len(people["result"]) else ""

    @cached_property
    def _people(self) -> dict[Person, Vectors]:
        """Identities of all pictures of each person."""
        rows = [one.identities[self.net] for one in self.seen]
        return {
            "footage": _stacked([vectors.footage_ND for vectors in rows]),
            "face": self.material.by_reader[self.net].identities_ND,
            "result": _stacked([vectors.result_ND for vectors in rows]),
        }

    @cached_property
    def _of_gallery(self) -> list[Likeness]:
        if self.gallery is None:
            return []
        return [
            like
            for of, vectors in self._people.items()
            if len(vectors)
            for like in look_alikes(
                of, _direction(vectors), self.gallery.names, self.gallery.identities_PD
            )
        ]

    @cached_property
    def _predicted(self) -> list[Likeness]:
        if self.predictor is None or self.material.prediction_D is None:
            return []
        rows = [one.identities[PREDICTOR] for one in self.seen if len(one.identities[PREDICTOR])]
        logits: dict[Person, Vectors] = {
            "footage": _stacked([vectors.footage_ND for vectors in rows]),
            "face": self.material.prediction_D[None],
            "result": _stacked([vectors.result_ND for vectors in rows]),
        }
        return [
            Likeness(of, rank, name, round(share, 4), "")
            for of, values in logits.items()
            if len(values)
            for rank, (name, share) in enumerate(
                self.predictor.top(values.mean(axis=0), LOOK_ALIKES), 1
            )
        ]


def _agreement(likenesses: Sequence[Likeness], note: str) -> Figure:
    named = {of: [like.name for like in likenesses if like.of == of] for of in ("face", "result")}
    if not named["result"]:
        return Figure(None, note="no frame could be judged")
    return Figure(agreement(named["face"], named["result"]), sample=LOOK_ALIKES, note=note)


def _stacked(rows: Sequence[Vectors]) -> Vectors:
    known = [one for one in rows if len(one)]
    return np.concatenate(known) if known else np.zeros((0, 1), np.float32)


def _direction(vectors_ND: Vectors) -> NDArray[np.float64]:
    mean = vectors_ND.mean(axis=0, dtype=np.float64)
    return np.asarray(mean / max(1e-9, float(np.linalg.norm(mean))), np.float64)
