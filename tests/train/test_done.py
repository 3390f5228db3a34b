"""When a run is scored, when its score is flat, and that it then stops and says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.train.toy import StubScorer, toy_config, toy_trainer

from faceloom.train.config import Budget
from faceloom.train.done import Marks, is_flat, progress_of, score_due
from faceloom.train.run import Run
from faceloom.train.score import Score
from faceloom.train.status import TrainStatus

RISING = [0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.62]
FLAT = [0.1, 0.3, 0.5, 0.502, 0.49, 0.5, 0.48]


def test_progress_is_of_whichever_budget_is_spent_first() -> None:
    assert progress_of(Budget(None, 200), 50, 1e9) == 0.25
    assert progress_of(Budget(10, None), 10**9, 60) == pytest.approx(0.1)
    assert progress_of(Budget(10, 100), 50, 60) == 0.5
    assert progress_of(Budget(10, 100), 500, 60) == 1.0


def test_with_a_budget_in_steps_scores_hang_on_steps_alone() -> None:
    budget = Budget(None, 4000)
    due = [s for s in range(1, 4001) if score_due(budget, Marks(cost_s=99.0), s, s * 7.0)]
    assert due == list(range(200, 4001, 200))
    assert not score_due(budget, Marks(last_step=200), 200, 0.0), "a resumed run scores it once"


def test_with_a_budget_in_minutes_scoring_stays_cheap() -> None:
    budget = Budget(60.0, None)
    assert not score_due(budget, Marks(cost_s=1.0), 9, 179.0)
    assert score_due(budget, Marks(cost_s=1.0), 9, 180.0)
    assert not score_due(budget, Marks(cost_s=10.0), 9, 399.0), "a fortieth of the time at most"
    assert not score_due(Budget(1.0, None), Marks(cost_s=0.1), 9, 29.0)


def test_flat_is_a_best_that_has_stood_for_its_share() -> None:
    budget = Budget(None, 1000)
    marks = Marks(count=5, best=0.5, best_step=400)
    assert not is_flat(budget, marks, 699, 0.0, 0.3)
    assert is_flat(budget, marks, 700, 0.0, 0.3)
    assert not is_flat(budget, marks, 990, 0.0, 0.0), "0 is never"
    assert not is_flat(budget, replace(marks, count=3), 700, 0.0, 0.3), "too few to tell"
    assert not is_flat(budget, replace(marks, best=0.1), 990, 0.0, 0.3), "it has yet to begin"
    assert not is_flat(Budget(None, 2000), marks, 700, 0.0, 0.3), "a longer budget goes on"


def test_a_hair_better_is_not_better() -> None:
    def score(total: float) -> Score:
        return Score(total, total, 1, 1, 0, 1, 0, 0)

    marks = Marks().add(score(0.5), 100, 1.0, 0.1).add(score(0.502), 200, 2.0, 0.1)
    assert (marks.best, marks.best_step, marks.last) == (0.5, 100, 0.502)
    assert marks.add(score(0.504), 300, 3.0, 0.1).best_step == 300


def test_a_flat_score_stops_the_run_and_it_says_so(tmp_path: Path) -> None:
    trainer = toy_trainer(tmp_path, toy_config(1000, stop_when_flat=0.3), scorer=StubScorer(FLAT))
    trainer.fit()
    assert trainer.place.step == 600
    assert trainer.stopped == (
        "the score has been flat for 30% of the budget (best 0.500, at step 300)"
    )
    again = toy_trainer(tmp_path, toy_config(1000, stop_when_flat=0.3), scorer=StubScorer(FLAT))
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    again.resume()
    again.fit()
    assert "flat" in again.stopped
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before, "nothing was left to do"


def test_the_best_model_is_kept_beside_the_last(tmp_path: Path) -> None:
    falling = [0.3, 0.6, 0.5, 0.4]
    trainer = toy_trainer(tmp_path, toy_config(400, stop_when_flat=0.0), scorer=StubScorer(falling))
    trainer.fit()
    assert trainer.stopped == "the budget is spent"
    run = Run(tmp_path)
    assert run.chosen_model() == run.best_path, "clearly better"
    trainer.place = replace(trainer.place, marks=replace(trainer.place.marks, last=0.59))
    trainer.save()
    assert run.chosen_model() == run.model_path, "within what a score varies"


def test_a_resumed_run_scores_keeps_and_stops_as_the_unbroken_one(tmp_path: Path) -> None:
    whole = toy_trainer(tmp_path / "whole", toy_config(1000), scorer=StubScorer(FLAT))
    whole.fit()
    scorer = StubScorer(FLAT)
    first = toy_trainer(tmp_path / "broken", toy_config(1000), scorer=scorer)
    batch = first.batches.batch

    def killed(step: int) -> object:
        if step == 250:
            raise KeyboardInterrupt
        return batch(step)

    first.batches.batch = killed  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        first.fit()
    second = toy_trainer(tmp_path / "broken", toy_config(1000), scorer=scorer)
    assert second.resume()
    assert second.place.step == 250
    second.fit()
    assert second.stopped == whole.stopped
    assert replace(second.place.marks, last_s=0, best_s=0, cost_s=0) == replace(
        whole.place.marks, last_s=0, best_s=0, cost_s=0
    )
    for name in ("checkpoint", "model", "best"):
        ours, theirs = (
            load_file(tmp_path / part / f"{name}.safetensors") for part in ("whole", "broken")
        )
        assert all(torch.equal(ours[key], theirs[key]) for key in ours), name


def test_scoring_disturbs_no_step(tmp_path: Path) -> None:
    scored = toy_trainer(tmp_path / "scored", toy_config(250), scorer=StubScorer(RISING))
    unscored = toy_trainer(tmp_path / "unscored", toy_config(250))
    scored.fit()
    unscored.fit()
    ours, theirs = (
        load_file(tmp_path / part / "checkpoint.safetensors") for part in ("scored", "unscored")
    )
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_the_log_and_the_progress_show_the_score(tmp_path: Path) -> None:
    statuses: list[TrainStatus] = []
    trainer = toy_trainer(tmp_path, toy_config(200), scorer=StubScorer([0.4, 0.3]))
    trainer.fit(statuses.append)
    assert statuses[-1].score is not None
    assert statuses[-1].score.total == 0.3
    assert statuses[-1].best == 0.4
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert entries[-1]["score"]["step"] == 200
    assert entries[-1]["score"]["total"] == 0.3
