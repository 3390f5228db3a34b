"""What a learner is trained on: both sides' banks, and for models that take them references."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from faceloom.data.aligned import AlignedBatches
from faceloom.data.bank import FaceBank
from faceloom.data.batches import PairBatches
from faceloom.data.referenced import CrowdReferences, PairReferences, References
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
    than it paints: `crops_of` gives the crops of a side's bank's rows as large as there are."""
    generator, references = learner.generator_modules, batches.references
    if isinstance(generator, PairGenerator) and isinstance(references, PairReferences):
        taken = zip(SIDES, batches.banks, references.galleries, references.rows, strict=True)
        for side, bank, gallery, rows in taken:
            gallery.look_closely(crops_of(side, rows), bank.coverage, bank.planes[rows, 3:4])
            generator.gallery(side).load_state_dict(gallery.state_dict())


def lay_as_model(learner: Learner, batches: PairBatches) -> None:
    """Have batches place features where the model's galleries say that they lie."""
    generator = learner.generator_modules
    if isinstance(generator, PairGenerator) and isinstance(batches.references, PairReferences):
        a, b = (generator.gallery(side).moves_N2.cpu() for side in SIDES)
        batches.place((a, b))
