"""What a learner is trained on: both sides' banks, and for models that take them references."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from faceloom.data.aligned import AlignedBatches
from faceloom.data.bank import FaceBank
from faceloom.data.batches import PairBatches
from faceloom.data.faceset import FaceSet
from faceloom.data.movement import COVERAGE
from faceloom.data.referenced import CrowdReferences, PairReferences, References
from faceloom.faces.align import recrop_transform
from faceloom.image import warp
from faceloom.models import is_referenced, is_trunk, learns_from_answers
from faceloom.models.base import SIDES, Learner, Side
from faceloom.models.pair import PairGenerator
from faceloom.train.config import TrainConfig


def make_batches(config: TrainConfig, a: FaceBank, b: FaceBank) -> PairBatches:
    """The batches of this configuration. A trunk that does not learn from answers gets no
    references: its banks do not say which pictures are of the same person.

    Raises UserError if a model that learns from answers gets sets of other moments.
    """
    size_px, answers = config.model.shape.size_px, learns_from_answers(config.model)
    references: References | None = None
    if is_referenced(config.model) and answers:
        references = CrowdReferences(a, b)
    elif is_referenced(config.model) and not is_trunk(config.model):
        references = PairReferences(a, b, size_px)
    kind = AlignedBatches if answers else PairBatches
    return kind(a, b, size_px, config.per_side, config.seed, config.augment, references)


def keep_galleries(
    learner: Learner,
    batches: PairBatches,
    crops_of: Callable[[Side, NDArray[np.int64]], NDArray[np.uint8]],
) -> None:
    """Have the model carry the pictures that it will be shown in use, and what is finer in them
    than it paints: `crops_of` gives crops of a side's bank's rows, of coverage `COVERAGE`, as large
    as there are."""
    generator, references = learner.generator_modules, batches.references
    if isinstance(generator, PairGenerator) and isinstance(references, PairReferences):
        banks = batches.banks
        taken = zip(SIDES, banks, references.galleries, references.rows, strict=True)
        for side, bank, gallery, rows in taken:
            hulls = bank.planes[rows, 3].numpy() / 255
            gallery.look_closely(crops_of(side, rows), hulls)
            generator.galleries[side].load_state_dict(gallery.state_dict())


def gallery_crops(faces: FaceSet, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Crops of a face set, of a gallery's coverage."""
    crops = faces.crops(rows)
    if faces.coverage == COVERAGE:
        return crops
    other = recrop_transform(faces.size_px, faces.coverage, faces.size_px, COVERAGE)
    return np.stack([warp(crop, other, (faces.size_px, faces.size_px), "area") for crop in crops])
