"""A step is the same in one piece or in many, and memory that runs out only makes more of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.models.toy import CONFIGS
from tests.models.toy import toy_trainer as toy_model
from tests.train.toy import PER_SIDE, Plant, Terms, ToyLearner, toy_config, toy_trainer
from torch import Tensor

from faceloom.data.batches import Batch
from faceloom.errors import UserError
from faceloom.models.base import Moment
from faceloom.train.gradients import Split, is_out_of_memory
from faceloom.train.run import Place


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 7))
def test_pieces_cover_the_batch_once(per_side: int, processes: int, accumulate: int) -> None:
    found = [
        piece
        for process in range(processes)
        for piece in Split(per_side, process, processes, accumulate).pieces()
    ]
    covered = [face for piece in found for face in range(per_side)[piece.faces]]
    assert covered == list(range(per_side))
    assert sum(piece.share for piece in found) == pytest.approx(1.0)
    assert len({piece.index for piece in found}) == len(found)
    sizes = [len(range(per_side)[piece.faces]) for piece in found]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) == Split(per_side, 0, processes, accumulate).at_once


def test_accumulating_changes_no_step(tmp_path: Path) -> None:
    whole = toy_trainer(tmp_path / "1", toy_config(3))
    parts = toy_trainer(tmp_path / "3", toy_config(3, accumulate=3))
    for step in range(3):
        losses = [each._step(each.batches.batch(step)) for each in (whole, parts)]
        assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    for one, three in zip(
        whole.learner.all_modules.parameters(),
        parts.learner.all_modules.parameters(),
        strict=True,
    ):
        assert torch.allclose(one, three, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_parts_of_a_loss_give_the_same_step_on_any_number_of_threads(
    threads: int, tmp_path: Path
) -> None:
    """And the same from one run to the next, whichever part is done first."""
    before = torch.get_num_threads()
    trainers = [toy_model(CONFIGS["masked_gan"], tmp_path / str(n), 3) for n in range(2)]
    try:
        for trainer, count in zip(trainers, (1, threads), strict=True):
            torch.set_num_threads(count)
            for step in range(3):
                trainer._step(trainer.batches.batch(step))
                trainer.place = Place(step + 1)
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)
    one, other = (dict(trainer.learner.all_modules.named_parameters()) for trainer in trainers)
    for name, weight in one.items():
        assert torch.allclose(weight, other[name], rtol=1e-3, atol=1e-5), name


def test_memory_that_runs_out_in_one_part_is_noticed(tmp_path: Path) -> None:
    trainer = toy_model(CONFIGS["masked_gan"], tmp_path, 1)
    generator, _ = trainer.phases
    parts = (generator.parts[0], _out_of_memory)
    trainer.phases = (replace(generator, loss=parts),)
    with pytest.raises(UserError, match="not enough memory even for one face"):
        trainer._step(trainer.batches.batch(0))


def _out_of_memory(_batch: Batch, _moment: Moment) -> dict[str, Tensor]:
    raise torch.OutOfMemoryError("planted")


def test_out_of_memory_halves_the_piece_and_keeps_the_batch(tmp_path: Path) -> None:
    tried: list[int] = []
    trainer = toy_trainer(tmp_path, toy_config(4), _fitting(1, tried))
    expected = toy_trainer(tmp_path / "large", toy_config(4))
    trainer.fit()
    expected.fit()
    assert tried[:3] == [4, 2, 1]
    assert set(tried[3:]) == {1}, "it does not try the large ones again"
    assert trainer.place.accumulate == PER_SIDE
    assert [notice.split(":")[0] for notice in trainer.teller.notices] == [
        "out of memory with 4 faces of each side at once",
        "out of memory with 2 faces of each side at once",
    ]
    assert "4 times a step, so that a batch is still 4 a side" in trainer.teller.notices[1]
    for one, other in zip(
        trainer.learner.all_modules.parameters(),
        expected.learner.all_modules.parameters(),
        strict=True,
    ):
        assert torch.allclose(one, other, atol=1e-6)
    # A run that goes on remembers.
    again = toy_trainer(tmp_path, toy_config(8))
    assert again.resume()
    assert again.place.accumulate == PER_SIDE


def test_memory_for_not_even_one_face_is_said(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path, toy_config(4), _fitting(0, []))
    with pytest.raises(UserError, match=r"not enough memory even for one face.*--size"):
        trainer.fit()


def test_what_counts_as_out_of_memory() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(MemoryError())
    with pytest.raises(RuntimeError) as found:
        torch.empty(2**60)
    assert is_out_of_memory(found.value)
    assert not is_out_of_memory(RuntimeError("shapes differ"))


def test_other_errors_are_not_swallowed(tmp_path: Path) -> None:
    def broken(terms: Terms, moment: Moment, learner: ToyLearner) -> Terms:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        toy_trainer(tmp_path, toy_config(4), broken).fit()


def _fitting(most: int, tried: list[int]) -> Plant:
    """A plant in whose memory only so many faces fit; notes what was tried."""

    def plant(terms: Terms, moment: Moment, learner: ToyLearner) -> Terms:
        if "l2" in terms:
            tried.append(learner.faces)
            if learner.faces > most:
                raise torch.OutOfMemoryError("planted")
        return terms

    return plant
