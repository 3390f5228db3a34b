"""One of several processes of two toy trainings: `python -m tests.train.one_process FOLDER`.

The second process runs out of memory once; both must go on with smaller pieces.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch
from tests.models.toy import CONFIGS
from tests.models.toy import toy_trainer as model_trainer
from tests.train.toy import Terms, ToyLearner, toy_config, toy_trainer

from faceloom.models.base import Moment
from faceloom.models.masked_gan import MaskedGanConfig, Schedule
from faceloom.train import loop
from faceloom.train.distributed import process_index

STEPS = 6
OUT_OF_MEMORY_AT = 2


def restoring_only() -> MaskedGanConfig:
    """The masked pair model without the losses that look at a batch as a whole; its encoder
    stands still: no process has a gradient of it."""
    model = CONFIGS["masked_gan"]
    assert isinstance(model, MaskedGanConfig)
    schedule = Schedule(adversarial_start=2.0, critic_start=2.0)
    return replace(model, schedule=schedule, known_rate=0.0)


def train_both(folder: Path) -> None:
    """A toy learner and a pair model, each into its run folder, every step logged."""
    loop.LOG_EVERY_S = 0.0
    left = [process_index()]

    def plant(terms: Terms, moment: Moment, learner: ToyLearner) -> Terms:
        if moment.step == OUT_OF_MEMORY_AT and left[0]:
            left[0] = 0
            raise torch.OutOfMemoryError("planted")
        return terms

    toy_trainer(folder / "toy", toy_config(STEPS), plant).fit()
    model_trainer(restoring_only(), folder / "pair", STEPS, precision="32-true").fit()


if __name__ == "__main__":
    torch.set_num_threads(1)
    train_both(Path(sys.argv[1]))
