"""The log in TensorBoard's own format."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.train.toy import StubScorer, toy_config, toy_trainer

from faceloom.errors import UserError
from faceloom.image import encode_image
from faceloom.train.tensorboard import FOLDER, TensorBoardLog


def read_back(run: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(run / FOLDER)).Reload()


def test_losses_scores_and_grids_can_be_read_back(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path, toy_config(200), scorer=StubScorer([0.25, 0.5]))
    trainer.teller.board = board = TensorBoardLog(tmp_path)
    trainer.fit()
    picture = tmp_path / "grid.png"
    picture.write_bytes(encode_image(np.zeros((8, 8, 3), np.uint8), ".png"))
    board.show_picture(picture, 200)
    trainer.teller.notice("an event", trainer.place, 1.0)
    board.close()
    found = read_back(tmp_path)
    tags = found.Tags()
    assert {"losses/l2", "losses/discriminator", "score/total", "run/rate"} <= set(tags["scalars"])
    assert found.Scalars("score/total")[-1].value == pytest.approx(0.5)
    assert found.Scalars("losses/l2")[-1].step == 200
    assert tags["images"] == ["preview"]


def test_what_a_kill_left_after_the_checkpoint_is_shown_no_more(tmp_path: Path) -> None:
    def entry(step: int, value: float) -> dict[str, Any]:
        return {"step": step, "losses": {"l1": value}}

    first = TensorBoardLog(tmp_path)
    for step in (1, 2, 3):
        first.show(entry(step, 1.0))
    first.close()
    second = TensorBoardLog(tmp_path, from_step=2)
    second.show(entry(2, 5.0))
    second.close()
    assert [(s.step, s.value) for s in read_back(tmp_path).Scalars("losses/l1")] == [
        (1, 1.0), (2, 5.0)
    ]  # fmt: skip


def test_without_the_extra_it_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("torch.utils.tensorboard"):
            raise ImportError("no tensorboard")
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UserError, match=r"--tensorboard: .*faceloom\[tensorboard\]"):
        TensorBoardLog(tmp_path)
