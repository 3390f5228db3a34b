"""The optimiser moves each part of a phase at its own rate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from tests.models.toy import CONFIGS, toy_trainer

from faceloom.models import MaskedGanConfig
from faceloom.models.base import Phase
from faceloom.train import fit
from faceloom.train.config import OptimizerConfig, preset_config
from faceloom.train.optimizer import align_gradients, make_optimizer


def test_slowed_parts_have_their_factor_and_nothing_is_lost() -> None:
    slow, quick = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
    both, own = torch.nn.Sequential(slow, quick), tuple(slow.parameters())
    phase = Phase("p", (both,), lambda _b, _m: {}, slowed=((own, 0.2),))
    groups = make_optimizer(phase, OptimizerConfig()).param_groups
    factors = {id(p): group["factor"] for group in groups for p in group["params"]}
    assert len(factors) == len(phase.parameters)
    assert {factors[id(p)] for p in slow.parameters()} == {0.2}
    assert {factors[id(p)] for p in quick.parameters()} == {1.0}


def names_and_moved(name: str, tmp_path: Path, **values: Any) -> tuple[set[str], set[str]]:
    """The weights of a small model, and those that two steps of training have moved."""
    model = CONFIGS[name]
    assert isinstance(model, MaskedGanConfig)
    trainer = toy_trainer(replace(model, **values), tmp_path, 2)
    before = {n: p.clone() for n, p in trainer.learner.generator_modules.named_parameters()}
    trainer.fit()
    after = dict(trainer.learner.generator_modules.named_parameters())
    return set(after), {n for n, weight in after.items() if not torch.equal(weight, before[n])}


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_what_codes_mean_stands_still_without_a_rate(rate: float, tmp_path: Path) -> None:
    names, moved = names_and_moved("masked_gan", tmp_path, known_rate=rate)
    meaning = {n for n in names if n.startswith("encoder.") or n.endswith(".enter.weight")}
    assert {n for n in names if n.startswith("encoder.")} < meaning
    assert names - moved == (meaning if rate == 0 else set())


def test_what_reads_references_can_learn_alone(tmp_path: Path) -> None:
    names, moved = names_and_moved("referenced", tmp_path, only_references=True)
    assert moved
    assert moved == {name for name in names if ".reference." in name}


@pytest.mark.parametrize(
    ("preset", "start", "asked", "rate"),
    [
        ("fast", "auto", None, fit._KNOWN_RATE),
        ("fast", "auto", 0.5, 0.5),
        ("fast", "none", None, 1.0),
        ("quality", "auto", None, 1.0),
        ("trunk", "trunk", None, 1.0),
    ],
)
def test_what_a_trunk_knows_changes_slowly_where_pairs_start_from_it(
    preset: str, start: str, asked: float | None, rate: float
) -> None:
    config = preset_config(preset, 64)
    assert isinstance(config.model, MaskedGanConfig)
    model = replace(config.model, known_rate=asked)
    begun = fit.begun(replace(config, model=model, start=start)).model
    assert isinstance(begun, MaskedGanConfig)
    assert begun.known_rate == rate


@pytest.mark.parametrize(
    ("start", "asked", "share", "bent"),
    [
        ("trunk", None, fit._RETURNED, 0.0),
        ("trunk", 0.0, 0.0, 0.5),
        ("none", None, 0.0, 0.5),
        ("none", 0.5, 0.5, 0.5),
        ("run", None, 0.0, 0.5),
    ],
)
def test_inputs_are_returned_not_bent_where_the_trunk_knows_how_to_swap(
    start: str, asked: float | None, share: float, bent: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "knows_skips", lambda start, _size_px: start != "none")
    config = preset_config("fast", 96)
    assert isinstance(config.model, MaskedGanConfig)
    model = replace(config.model, returned=asked)
    begun = fit.begun(replace(config, model=model, start=start))
    assert isinstance(begun.model, MaskedGanConfig)
    assert (begun.model.returned, begun.augment.shape_match) == (share, bent)
    assert begun.model.carried == (start == "trunk" and share > 0)


def test_a_pairs_faces_are_bent_as_far_as_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "knows_skips", lambda _start, _size_px: True)
    config = preset_config("fast", 96)
    asked = replace(config, start="trunk", augment=replace(config.augment, shape_match=0.3))
    assert fit.begun(asked).augment.shape_match == 0.3


@pytest.mark.parametrize(
    ("preset", "size_px", "start", "asked", "share"),
    [
        ("fast", 96, "auto", None, fit._KNOWN_SHARE),
        ("fast", 96, "auto", 0.6, 0.6),
        ("fast", 96, "none", None, 1.0),
        ("fast", 96, "some-run", None, fit._WARM_SHARE),
        ("trunk", 96, "trunk", None, fit._WARM_SHARE),
        # Its trunk is told identities alone.
        ("fast", 64, "auto", None, fit._WARM_SHARE),
    ],
)
def test_the_rate_goes_with_what_is_known_at_the_start(
    preset: str,
    size_px: int,
    start: str,
    asked: float | None,
    share: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fit, "knows_skips", lambda start, _size_px: start != "none")
    config = preset_config(preset, size_px)
    optimizer = replace(config.optimizer, warm_share=asked)
    begun = fit.begun(replace(config, optimizer=optimizer, start=start)).optimizer
    assert begun.lr == pytest.approx(share * optimizer.lr)
    assert begun.warm_share == (None if start == "none" else share)


@pytest.mark.parametrize("kind", ["adamw", "soap"])
def test_a_gradient_laid_out_otherwise_moves_the_same_weights(
    kind: Literal["adamw", "soap"],
) -> None:
    drawn = torch.Generator().manual_seed(0)
    start, slope = (torch.randn(4, 6, 3, 3, generator=drawn) for _ in range(2))

    def moved(layout: torch.memory_format) -> torch.Tensor:
        conv = torch.nn.Conv2d(6, 4, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        conv.weight.data.copy_(start)
        conv.weight.grad = slope.contiguous(memory_format=layout)
        optimizer = make_optimizer(
            Phase("p", (conv,), lambda _b, _m: {}), OptimizerConfig(kind=kind)
        )
        align_gradients(conv.parameters())
        optimizer.step()
        return conv.weight.detach()

    assert torch.equal(moved(torch.contiguous_format), moved(torch.channels_last))
    assert not torch.equal(moved(torch.channels_last), start)
