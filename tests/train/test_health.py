"""Collapse is noticed, reported, and undone by a return to the last good state, three times at
most; each fault is planted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from tests.train.toy import Terms, ToyLearner, toy_config, toy_trainer

from faceloom.errors import UserError
from faceloom.models.base import Moment
from faceloom.train.health import (
    CollapseError,
    PaintedFigures,
    PhaseFigures,
    Watch,
    watch_pictures,
    watch_step,
)
from faceloom.train.loop import Trainer
from faceloom.train.run import Run

FAULTY = 60
"""The step at which faults are planted: after one look at painted faces."""
STEPS, SAVED_EVERY = 180, 20


@pytest.fixture(autouse=True)
def _no_waiting_for_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    """These runs save at every step."""
    monkeypatch.setattr("os.fsync", lambda _: None)


def planted(path: Path, spoil: str, times: int = 1, steps: int = STEPS) -> Trainer:
    """A trainer with a fault that comes `times` times at the same step."""
    left = [times]
    active = [False]

    def plant(terms: Terms, moment: Moment, learner: ToyLearner) -> Terms:
        if "l2" in terms and moment.step <= FAULTY:
            active[0] = moment.step == FAULTY and left[0] > 0
            left[0] -= active[0]
        if not active[0]:
            return terms
        if spoil == "nan":
            return {name: term * float("nan") for name, term in terms.items()}
        if "discriminator" in terms:  # The painter's own gradients are done with.
            with torch.no_grad():
                spoil_weights(learner)
            if spoil == "dead":
                return {"discriminator": terms["discriminator"] * 1e-6}
        return terms

    def spoil_weights(learner: ToyLearner) -> None:
        if spoil == "constant":
            for weight in learner.painter.colours.parameters():
                weight.zero_()
        elif spoil in ("everywhere", "nowhere"):
            learner.painter.logit.fill_(9.0 if spoil == "everywhere" else -9.0)

    trainer = toy_trainer(path, toy_config(steps, checkpoint_s=0.0), plant)
    save = trainer.save

    def now_and_then() -> None:
        if trainer.place.step % SAVED_EVERY == 0:
            save()

    trainer.save = now_and_then  # type: ignore[method-assign]
    return trainer


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("constant", "the output is constant"),
        ("everywhere", "the mask has run away .*whole picture"),
        ("nowhere", "the mask has run away .*nothing of the face"),
        ("dead", "the discriminator is dead"),
        ("nan", "the generator loss is no longer finite at step 60"),
    ],
)
def test_a_fault_leads_back_to_the_last_good_state(spoil: str, words: str, tmp_path: Path) -> None:
    trainer = planted(tmp_path, spoil)
    trainer.fit()
    assert trainer.place.step == STEPS
    assert trainer.place.rollbacks == 1
    assert trainer.place.rate == 0.5
    assert trainer.stopped == "the budget is spent"
    (notice,) = trainer.teller.notices
    assert re.search(words, notice)
    back_to = int(notice.split("back to step ")[1].split()[0])
    assert back_to == FAULTY, "from just before the fault"
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert notice in [entry.get("notice") for entry in entries]
    # What was planted is gone: the model has learned on from the good state.
    found = Run(tmp_path).load_checkpoint()
    assert found is not None
    assert float(found[0]["model.painter.colours.a.weight"].abs().max()) > 0.2
    assert abs(float(found[0]["model.painter.logit"])) < 2


def test_after_three_returns_it_gives_up_and_keeps_the_good_state(tmp_path: Path) -> None:
    trainer = planted(tmp_path, "nan", times=9)
    with pytest.raises(UserError, match=r"no longer finite at step 60.*3 returns.*optimizer\.lr"):
        trainer.fit()
    assert trainer.place.rollbacks == 3
    assert trainer.place.rate == 0.125
    tensors, place, _ = Run(tmp_path).load_checkpoint() or pytest.fail("no checkpoint")
    assert place.step <= FAULTY
    assert all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values())


def test_a_return_is_remembered_over_a_kill(tmp_path: Path) -> None:
    trainer = planted(tmp_path, "nan", times=1, steps=80)
    trainer.fit()
    again = toy_trainer(tmp_path, toy_config(100))
    assert again.resume()
    assert (again.place.rollbacks, again.place.rate) == (1, 0.5)


def test_a_suspect_state_never_replaces_the_good_one(tmp_path: Path) -> None:
    trainer = planted(tmp_path, "dead")
    for step in range(FAULTY + 41):
        trainer._step(trainer.batches.batch(step))
        trainer.place = type(trainer.place)(step + 1, watch=trainer.place.watch)
        trainer.save()
    run = Run(tmp_path)
    newest, good = run.load_checkpoint(), run.load_checkpoint(good=True)
    assert newest is not None
    assert good is not None
    assert (newest[1].step, good[1].step) == (FAULTY + 40, FAULTY)


def figures(spread: float = 0.8, alpha: float = 0.5, hull: float = 0.9) -> PaintedFigures:
    return PaintedFigures(spread, alpha, hull, masks=True, restores=True)


def test_what_was_never_well_is_given_time() -> None:
    watch = Watch()
    for step in (50, 100, 150):
        watch = watch_pictures(watch, {"a as a": figures(spread=0.0, hull=0.0)}, step)
    assert not watch.suspect
    watch = watch_pictures(watch, {"a as a": figures(spread=0.0)}, 1000)
    with pytest.raises(CollapseError, match="constant"):
        watch_pictures(watch, {"a as a": figures(spread=0.0)}, 1050)


def test_one_odd_look_is_no_fault() -> None:
    watch = watch_pictures(Watch(), {"a as b": figures()}, 50)
    watch = watch_pictures(watch, {"a as b": figures(alpha=1.0)}, 100)
    assert watch.suspect
    watch = watch_pictures(watch, {"a as b": figures()}, 150)
    assert not watch.suspect


def test_models_without_a_mask_have_none_to_lose() -> None:
    bare = PaintedFigures(0.8, 1.0, 1.0, masks=False, restores=True)
    watch = Watch()
    for step in (50, 100, 150, 200):
        watch = watch_pictures(watch, {"a as b": bare}, step)
    assert not watch.suspect
    # A mask that has saturated is one all the same.
    watch = watch_pictures(watch, {"b as a": figures()}, 250)
    watch = watch_pictures(watch, {"b as a": bare}, 300)
    with pytest.raises(CollapseError, match="covers the whole picture"):
        watch_pictures(watch, {"b as a": bare}, 350)


def test_a_falling_gradient_is_no_death() -> None:
    watch = Watch()
    for step in range(3000):
        norm = 0.997**step
        watch = watch_step(watch, {"generator": PhaseFigures(norm, norm, adversary=False)})
    assert not watch.suspect


def test_an_adversary_that_has_won_is_dead() -> None:
    watch = Watch()
    for _ in range(60):
        watch = watch_step(watch, {"discriminator": PhaseFigures(1.0, 0.5, adversary=True)})
    won = {"discriminator": PhaseFigures(0.1, 1e-4, adversary=True)}
    for _ in range(49):
        watch = watch_step(watch, won)
    assert watch.suspect
    with pytest.raises(CollapseError, match="discriminator is dead"):
        watch_step(watch, won)
