"""Swaps are painted from what the encoder saw, too; restored faces are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.models.test_referenced_pair import shown
from tests.models.toy import CONFIGS, PER_SIDE, SIZE_PX, TINY, identities, toy_batch
from torch import nn

from faceloom.data.batches import step_generator
from faceloom.models import MaskedGanConfig, build_learner
from faceloom.models.base import SIDES, Moment
from faceloom.models.masked_gan import MaskedGan
from faceloom.models.pair import PairGenerator, Trunk
from faceloom.nets.generators import Decoder, Encoded, GeneratorShape
from faceloom.train import fit
from faceloom.train.config import preset_config
from faceloom.train.warm_start import warm_start

WIDER = GeneratorShape(SIZE_PX, 4, (8, 12, 16), 24, (16, 12, 8, 4), (1, 1, 0))
"""With a decoder's map beyond the stem's."""


def opened(pair: PairGenerator) -> PairGenerator:
    """One whose decoders have learned to take something from skips."""
    for decoder in (m for m in pair.modules() if isinstance(m, Decoder)):
        for skip in decoder.skips:
            nn.init.normal_(skip.weight, std=0.3)  # type: ignore[arg-type]
    return pair.eval()


@pytest.mark.parametrize(
    ("shape", "widths"), [(TINY, ((8, 8), (12, 12))), (WIDER, ((4, 4), (8, 8), (12, 12)))]
)
@torch.no_grad()
def test_maps_join_those_of_their_size(
    shape: GeneratorShape, widths: tuple[tuple[int, int], ...]
) -> None:
    torch.manual_seed(0)
    pair = PairGenerator(shape, skipped=True).eval()
    face = torch.rand(2, 3, SIZE_PX, SIZE_PX) * 2 - 1
    assert shape.skip_widths == widths
    read = pair.read(face)
    assert torch.equal(read.code_BD, pair.encode(face))
    assert [maps.shape[1] for maps in read.skips] == [width for width, _ in widths]
    plain, _ = pair.decode(read.alone, "a")
    assert torch.equal(pair.decode(read, "a")[0], plain), "as drawn"
    opened(pair)
    for index, maps in enumerate(read.skips):
        alone = [maps if at == index else 0 * other for at, other in enumerate(read.skips)]
        moved = pair.decode(Encoded(read.code_BD, tuple(alone)), "a")[0] - plain
        assert float(moved.abs().max()) > 1e-4, f"map {index} is not used"


@torch.no_grad()
def test_what_lies_in_one_corner_is_painted_there() -> None:
    torch.manual_seed(0)
    pair = opened(PairGenerator(WIDER, skipped=True))
    face = torch.rand(1, 3, SIZE_PX, SIZE_PX) * 2 - 1
    other = face.clone()
    other[..., :16, :16] *= -1
    code = pair.encode(face)
    one, two = (pair.decode(Encoded(code, pair.read(x).skips), "b")[0] for x in (face, other))
    change = (one - two).abs().mean(dim=1)[0]
    assert float(change[:24, :24].mean()) > 10 * float(change[44:, 44:].mean())


@torch.no_grad()
def test_a_swap_takes_them_and_a_restored_face_does_not() -> None:
    torch.manual_seed(0)
    pair = PairGenerator(TINY, skipped=True).eval()
    face = torch.rand(1, 3, SIZE_PX, SIZE_PX) * 2 - 1
    before = {to: pair.swap(face, to, shown("a")).rgb_BCHW for to in SIDES}
    opened(pair)
    after = {to: pair.swap(face, to, shown("a")).rgb_BCHW for to in SIDES}
    assert torch.equal(before["a"], after["a"])
    assert not torch.allclose(before["b"], after["b"], atol=1e-3)


def test_a_pair_is_restored_from_codes_alone() -> None:
    torch.manual_seed(0)
    learner = build_learner(CONFIGS["skipped"], identities())
    assert isinstance(learner, MaskedGan)
    batch, moment = toy_batch(0), Moment(1, 0.9, step_generator(1, 1, stream=1))
    losses = []
    for _ in range(2):
        terms = learner._side_loss("a", batch, moment)
        losses.append([float(terms[name].detach()) for name in ("l1", "dssim", "edge")])
        opened(learner.generator)
    assert losses[0] == losses[1]


def test_of_what_is_turned_back_the_maps_are_seen() -> None:
    torch.manual_seed(0)
    learner = build_learner(CONFIGS["skipped"], identities())
    assert isinstance(learner, MaskedGan)
    opened(learner.generator)
    share = toy_batch(0).a
    read = learner.generator.read(share.warped_BCHW)
    now = Moment(1, 0.9, step_generator(1, 1, stream=1))
    assert learner._returned.known(read, now) == read.alone
    learner._returned = replace(learner._returned, share=0.5)
    given = learner._returned.known(read, now)
    half = PER_SIDE // 2
    for seen, maps in zip(given.skips, read.skips, strict=True):
        assert not seen[:half].any()
        assert torch.equal(seen[half:], maps[half:])
    own, _ = learner._decode(read, "a", share, now)
    alone, _ = learner.generator.decode(read.alone, "a", share.reference_BCHW)
    assert torch.equal(own[:half], alone[:half])
    assert not torch.equal(own[half:], alone[half:])


def test_a_trunk_sees_the_faces_that_it_is_to_change_and_no_others() -> None:
    model = CONFIGS["trunk"]
    assert isinstance(model, MaskedGanConfig)
    learner = build_learner(replace(model, skipped=True), identities())
    assert isinstance(learner, MaskedGan)
    count = 400
    code = torch.cat([torch.zeros(count, 1), torch.ones(count, 1)])
    maps = code.view(-1, 1, 1, 1) + 1
    read, moment = Encoded(code, (maps,)), Moment(0, 0.5, step_generator(1, 0))
    own, other = learner._given(read, None, moment)
    swapped, seen = own.code_BD[:, 0] == 1, own.skips[0].flatten() == 2
    assert float(swapped.float().mean()) == pytest.approx(0.5, abs=0.1)
    assert not seen[~swapped].any()
    assert float(seen[swapped].float().mean()) == pytest.approx(0.9, abs=0.07)
    assert torch.equal(own.skips[0].flatten() > 0, seen), "nobody is shown their own"
    assert torch.equal(other.code_BD[:, 0] == 0, swapped)
    assert torch.equal(other.skips[0].flatten() == 1, seen)
    same = torch.arange(count) % 2 == 0
    moment = Moment(0, 0.5, step_generator(1, 0))
    again, _ = learner._given(read, same, moment)
    assert torch.equal(again.skips[0].flatten() > 0, seen & ~same), "it would be copied"


def test_without_answers_nothing_is_skipped() -> None:
    model = CONFIGS["trunk"]
    assert isinstance(model, MaskedGanConfig)
    learner = build_learner(replace(model, skipped=True, answered=0.0), identities())
    assert isinstance(learner, MaskedGan)
    read = learner.generator.read(torch.zeros(2 * PER_SIDE, 3, SIZE_PX, SIZE_PX))
    moment = Moment(0, 0.5, step_generator(1, 0))
    assert not any(given.skips for given in learner._given(read, None, moment))


@pytest.mark.parametrize(
    ("preset", "start", "skipped"),
    [
        ("fast", "auto", True),
        ("fast", "none", False),
        ("fast", "a run that has them", True),
        ("fast", "a run without", False),
        ("trunk", "none", True),
    ],
)
def test_a_pair_has_them_from_what_has_learned_to_use_them(
    preset: str, start: str, skipped: bool, tmp_path: Path
) -> None:
    """Nothing would teach a pair what to take."""
    if start.startswith("a run"):
        shape = preset_config(preset, 96).model.shape
        assert isinstance(shape, GeneratorShape)
        known = PairGenerator(shape, skipped=start == "a run that has them")
        save_file(known.state_dict(), tmp_path / "model.safetensors")
        start = str(tmp_path)
    begun = fit.begun(replace(preset_config(preset, 96), start=start)).model
    assert isinstance(begun, MaskedGanConfig)
    assert begun.skipped == skipped


def test_both_decoders_take_up_what_the_shipped_trunk_has_learned() -> None:
    model = preset_config("fast", 96).model
    assert isinstance(model, MaskedGanConfig)
    assert model.skipped
    pair = MaskedGan.make_generator(model)
    people = torch.rand(2, Trunk(model.shape).usual_E.numel())
    start = warm_start(pair, "trunk", 96, people)
    assert start is not None
    assert start.share == 1.0
    for decoder in (m for m in pair.modules() if isinstance(m, Decoder)):
        assert len(decoder.skips) == 3
        assert all(bool(weight.detach().any()) for weight in decoder.skips.parameters())
