"""The run folder: what is damaged is refused, the checkpoint before is used, and that is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.train.toy import toy_config, toy_trainer

from faceloom.errors import UserError
from faceloom.train.done import Marks
from faceloom.train.health import Watch
from faceloom.train.loop import Trainer
from faceloom.train.run import Place, Run
from faceloom.train.status import TrainStatus


def saved_twice(path: Path) -> Trainer:
    trainer = toy_trainer(path, toy_config(4))
    for step in range(2):
        trainer._step(trainer.batches.batch(step))
        trainer.place = replace(trainer.place, step=step + 1)
        trainer.save()
    return trainer


def cut_short(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def one_bit_flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-9] ^= 4  # Among the numbers, which the format itself does not check.
    path.write_bytes(data)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut_short, one_bit_flipped, emptied])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_used_saying_so(
    damage: object, tmp_path: Path
) -> None:
    assert callable(damage)
    saved_twice(tmp_path)
    damage(tmp_path / "checkpoint.safetensors")
    trainer = toy_trainer(tmp_path, toy_config(4))
    statuses: list[TrainStatus] = []
    assert trainer.resume()
    assert trainer.place.step == 1
    (notice,) = trainer.teller.notices
    assert "checkpoint.safetensors: is damaged and was not used" in notice
    assert "previous.safetensors" in notice
    trainer.fit(statuses.append)
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["notice"] for entry in entries if "notice" in entry] == [notice]

    # And the run that goes on is the unbroken one.
    whole = toy_trainer(tmp_path / "whole", toy_config(4))
    whole.fit()
    ours, theirs = (Run(path).load_checkpoint() for path in (tmp_path / "whole", tmp_path))
    assert ours is not None
    assert theirs is not None
    assert all(torch.equal(ours[0][name], theirs[0][name]) for name in ours[0])


def test_if_both_are_damaged_nothing_is_guessed(tmp_path: Path) -> None:
    saved_twice(tmp_path)
    for name in ("checkpoint", "previous"):
        one_bit_flipped(tmp_path / f"{name}.safetensors")
    with pytest.raises(UserError, match="the checkpoint is damaged; delete it"):
        toy_trainer(tmp_path, toy_config(4)).resume()


def test_a_state_with_values_that_are_not_finite_is_no_good_one(tmp_path: Path) -> None:
    trainer = saved_twice(tmp_path)
    with torch.no_grad():
        trainer.learner.all_modules.get_parameter("judge.bias").fill_(float("inf"))
    trainer.place = replace(trainer.place, step=3)
    trainer.save()
    found = Run(tmp_path).load_checkpoint(good=True)
    assert found is not None
    assert found[1].step == 2


def test_the_place_comes_back_whole(tmp_path: Path) -> None:
    place = Place(
        7, 3.5, 0.25, 2, 4, Marks(count=3, best=0.5, best_step=6, last=0.4),
        Watch(steps={"generator": 7}, quiet={"discriminator": 3}), suspect=True,
    )  # fmt: skip
    Run(tmp_path).save_checkpoint({"x": torch.zeros(2)}, place)
    found = Run(tmp_path).load_checkpoint()
    assert found is not None
    assert found[1] == place


def test_checkpoints_of_earlier_versions_are_read(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    metadata = {"format": "1", "place": json.dumps({"step": 5, "elapsed_s": 2.0})}
    save_file({"x": torch.zeros(2)}, tmp_path / "checkpoint.safetensors", metadata)
    found = Run(tmp_path).load_checkpoint()
    assert found is not None
    assert found[1] == Place(5, 2.0)


def test_lines_cut_short_are_no_entries(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.log({"step": 1})
    with run.log_path.open("a") as file:
        file.write('{"step": 2, "los')
    assert run.entries() == [{"step": 1}]
    assert Run(tmp_path / "none").entries() == []
