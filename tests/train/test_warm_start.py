"""A run that starts from another takes what fits and says what does not."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.toy import CONFIGS, SIZE_PX, TINY, people, toy_trainer

from faceloom.errors import UserError
from faceloom.models import MaskedGanConfig, ModelConfig, build_generator
from faceloom.models.base import SIDES
from faceloom.models.pair import TOLD_SCALE, PairGenerator, Trunk
from faceloom.nets.generators import Encoded
from faceloom.train.config import FAST, PRESETS, preset_config, sizes_px
from faceloom.train.run import Run
from faceloom.train.warm_start import has_trunk, resolved_start, trunk_name, warm_start

PAIR, TRUNK = CONFIGS["masked_gan"], CONFIGS["trunk"]


@pytest.fixture
def trunk(tmp_path: Path) -> Path:
    """A run of a trunk, two steps old."""
    trainer = toy_trainer(TRUNK, tmp_path / "trunk", 2)
    trainer.fit()
    return trainer.run.path


def fresh(model: ModelConfig) -> torch.nn.Module:
    torch.manual_seed(11)
    return build_generator(model)


def test_a_trunk_goes_into_encoder_and_both_decoders(trunk: Path) -> None:
    pair = fresh(PAIR)
    start = warm_start(pair, str(trunk), SIZE_PX)
    assert start is not None
    assert (start.share, start.left_out) == (1.0, ())
    source = load_file(trunk / "model.safetensors")
    weights = pair.state_dict()
    for name, tensor in source.items():
        if name.startswith("decoder."):
            rest = name.removeprefix("decoder.")
            assert torch.equal(weights[f"decoders.a.{rest}"], tensor)
            assert torch.equal(weights[f"decoders.b.{rest}"], tensor)
        elif name.startswith("encoder."):
            assert torch.equal(weights[name], tensor)


def test_each_side_gets_the_trunk_as_it_is_when_told_who_it_paints(trunk: Path) -> None:
    pair, whole = fresh(PAIR), fresh(TRUNK)
    assert isinstance(pair, PairGenerator)
    assert isinstance(whole, Trunk)
    weights = load_file(trunk / "model.safetensors")
    # As after a long training: looks matter.
    for name in ("told_looks.weight", "told_styles.weight"):
        torch.nn.init.normal_(weights[name], std=0.05)
    torch.nn.init.normal_(weights["looks.rows_KL"], std=0.1)
    save_file(weights, trunk / "model.safetensors", {"format": "1", "step": "2"})
    whole.load_state_dict(weights)
    warm_start(pair, str(trunk), SIZE_PX, people())
    read = Encoded(torch.randn(3, TINY.code))
    for side, person in zip(SIDES, people(), strict=True):
        wanted = whole.decode_as(read, person.expand(3, -1))
        for ours, theirs in zip(pair.decode(read, side), wanted, strict=True):
            assert torch.allclose(ours, theirs, atol=1e-5)
    assert not torch.allclose(pair.decode(read, "a")[0], pair.decode(read, "b")[0], atol=1e-3)


def test_what_does_not_fit_stays_and_is_said(trunk: Path) -> None:
    assert isinstance(PAIR, MaskedGanConfig)
    wider = replace(PAIR, shape=replace(TINY, decoder_widths=(16, 12, 10)))
    pair, before = fresh(wider), fresh(wider).state_dict()
    start = warm_start(pair, str(trunk), SIZE_PX)
    assert start is not None
    assert start.left_out == ("decoders.a", "decoders.b")
    assert 0 < start.share < 1
    head = "decoders.a.head.conv.weight"
    assert torch.equal(pair.state_dict()[head], before[head])
    entry = "encoder.enter.weight"
    assert not torch.equal(pair.state_dict()[entry], before[entry])


def test_a_pair_can_become_a_trunk(tmp_path: Path) -> None:
    trainer = toy_trainer(PAIR, tmp_path / "pair", 2)
    trainer.fit()
    start = warm_start(fresh(TRUNK), str(tmp_path / "pair"), SIZE_PX)
    assert start is not None
    assert start.left_out == ("looks", "told", "told_looks", "told_styles", "usual_E")


def test_a_trunk_from_before_looks_were_told_still_tells_identities(trunk: Path) -> None:
    path = trunk / "model.safetensors"
    weights = load_file(path)
    whole = fresh(TRUNK)
    assert isinstance(whole, Trunk)
    whole.load_state_dict(weights)
    older = {n: t for n, t in weights.items() if not n.startswith(("looks.", "told_"))}
    save_file(older, path, {"format": "1", "step": "2"})
    pair = fresh(PAIR)
    assert isinstance(pair, PairGenerator)
    warm_start(pair, str(trunk), SIZE_PX, people())
    told = whole.told(people()[:1, :512] * TOLD_SCALE)
    bias = pair.state_dict()["decoders.a.enter.bias"]
    assert torch.allclose(bias, weights["decoder.enter.bias"] + told[0], atol=1e-5)


def test_what_conversion_would_use_is_what_is_started_from(trunk: Path) -> None:
    """The best weights, where those are clearly better than the last."""
    run = Run(trunk)
    last = load_file(run.model_path)
    better = {name: tensor + 1 for name, tensor in last.items()}
    save_file(last, run.model_path, {"format": "1", "step": "2", "score": "0.1"})
    save_file(better, run.best_path, {"format": "1", "step": "1", "score": "0.9"})
    pair = fresh(PAIR)
    warm_start(pair, str(trunk), SIZE_PX)
    entry = "encoder.enter.weight"
    assert torch.equal(pair.state_dict()[entry], better[entry])


def test_nothing_is_taken_from_nothing(tmp_path: Path) -> None:
    pair = fresh(PAIR)
    assert warm_start(pair, "none", SIZE_PX) is None
    with pytest.raises(UserError, match="no trained model to start from"):
        warm_start(pair, str(tmp_path), SIZE_PX)
    cycle = toy_trainer(CONFIGS["cycle"], tmp_path / "cycle", 1)
    cycle.fit()
    with pytest.raises(UserError, match="none of its weights fit"):
        warm_start(pair, str(tmp_path / "cycle"), SIZE_PX)


def test_broken_weights_are_refused(trunk: Path) -> None:
    path = Run(trunk).model_path
    before = fresh(PAIR).state_dict()
    pair = fresh(PAIR)
    save_file({"encoder.enter.bias": torch.full((8,), float("nan"))}, path)
    with pytest.raises(UserError, match="not finite"):
        warm_start(pair, str(trunk), SIZE_PX)
    path.write_bytes(b"no weights")
    with pytest.raises(UserError, match="damaged"):
        warm_start(pair, str(trunk), SIZE_PX)
    assert all(torch.equal(tensor, before[name]) for name, tensor in pair.state_dict().items())


def test_auto_means_the_shipped_trunk_where_there_is_one(tmp_path: Path) -> None:
    for preset in PRESETS:
        for size_px in sizes_px(preset):
            model = preset_config(preset, size_px).model
            wanted = "trunk" if has_trunk(model) else "none"
            assert resolved_start("auto", model) == wanted
            assert not has_trunk(model) or preset in ("fast", "trunk")
    assert resolved_start("none", PAIR) == "none"
    assert resolved_start(str(tmp_path), PAIR) == str(tmp_path.resolve())
    with pytest.raises(UserError, match="none is shipped"):
        resolved_start("trunk", PAIR)


@pytest.mark.parametrize(
    "size_px", [size for size in FAST if has_trunk(preset_config("fast", size).model)]
)
def test_a_shipped_trunk_fills_its_model_and_is_small(size_px: int) -> None:
    model = preset_config("fast", size_px).model
    start = warm_start(fresh(model), "trunk", size_px)
    assert start is not None
    assert (start.share, start.left_out) == (1.0, ())
    file = files("faceloom.assets").joinpath(trunk_name(size_px))
    assert len(file.read_bytes()) <= 25_000_000
