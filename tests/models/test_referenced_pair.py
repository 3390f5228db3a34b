"""A pair that is shown pictures of whom it paints: the right person's, in the right place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.data.test_reference import mean_mesh, mean_shape, places
from tests.models.toy import CONFIGS, SIZE_PX, TINY, toy_trainer
from torch import Tensor, nn

from faceloom.convert.clip import ConvertOptions, paint
from faceloom.data.carried import carried, true_shares
from faceloom.data.fine import FINE
from faceloom.data.movement import COVERAGE
from faceloom.data.reference import FacePlaces, Gallery
from faceloom.faces.face import Aligned, Patch
from faceloom.geometry import Similarity
from faceloom.models import MaskedGanConfig, build_generator, is_referenced
from faceloom.models.base import SIDES, ShownFaces, Side, SwapNet
from faceloom.models.landmarked import Landmarks
from faceloom.models.pair import PairGenerator
from faceloom.nets.generators import Decoder
from faceloom.train.run import load_swapper
from faceloom.train.warm_start import warm_start

CROP_PX = 200


def filled(levels: dict[Side, int]) -> PairGenerator:
    """A pair whose galleries hold one grey a side, and whose gates stand open."""
    torch.manual_seed(0)
    pair = PairGenerator(TINY, referenced=True)
    for side, level in levels.items():
        gallery, decoder = pair.galleries[side], pair.decoders[side]
        assert isinstance(gallery, Gallery)
        picture = torch.full_like(gallery.pictures_K3PP[:1], level)
        line = picture.shape[-1] // 2
        picture[..., line - 1 : line + 1, :] = 0
        gallery.fill(picture, COVERAGE, places(mean_mesh()), mean_shape())
        assert isinstance(decoder, Decoder)
        assert decoder.reference is not None
        bias = decoder.reference.gate.conv.bias
        assert bias is not None
        nn.init.constant_(bias, 30.0)
    return pair.eval()


def shown(of: Side, count: int = 1) -> ShownFaces:
    tight = FacePlaces.of(np.stack([mean_mesh(coverage=1.0)] * count), CROP_PX)
    return ShownFaces(tight, of)


@torch.no_grad()
def test_detail_of_the_person_to_paint_shows_in_the_swap() -> None:
    pair = filled({"a": 255, "b": 60})
    face = torch.rand(1, 3, SIZE_PX, SIZE_PX) * 2 - 1
    middle = slice(SIZE_PX // 2 - 1, SIZE_PX // 2 + 1)
    for to in SIDES:
        lined = pair.swap(face, to, shown("a")).rgb_BCHW - pair.swap(face, to).rgb_BCHW
        assert float(lined[:, :, middle, 8:-8].mean()) < -0.3
        assert float(lined[:, :, :20].abs().mean()) < 0.05


@torch.no_grad()
def test_references_fill_the_models_own_crop() -> None:
    pair = filled({"a": 255, "b": 60})
    for to, level in (("a", 1.0), ("b", 60 / 127.5 - 1)):
        found, _ = pair.references(shown("a", 3), to)  # type: ignore[arg-type]
        assert found.shape == (3, 3, SIZE_PX, SIZE_PX)
        assert float(found[:, :, :20].median()) == pytest.approx(level, abs=1e-3)
        dark = int(found[0, 0, :, SIZE_PX // 2].argmin())
        assert abs(dark - SIZE_PX / 2) <= 1


@torch.no_grad()
def test_features_of_swaps_alone_are_carried_on_as_far_as_is_said() -> None:
    torch.manual_seed(0)
    pair = PairGenerator(TINY, referenced=True, carried=True).eval()
    mean = mean_shape()
    for side in SIDES:
        gallery = pair.gallery(side)
        picture = torch.randint(0, 255, gallery.pictures_K3PP[:1].shape, dtype=torch.uint8)
        gallery.fill(picture, COVERAGE, places(mean_mesh()), mean)
        gallery.moves_N2.copy_(torch.tensor([0.0, 0.2]).expand(468, 2))
        gallery.fine_KTT.random_(0, 255)
    assert pair.carried is not None
    face = torch.rand(2, 3, SIZE_PX, SIZE_PX) * 2 - 1
    as_painted = pair.swap(face, "b", shown("a", 2)).rgb_BCHW
    restored = pair.swap(face, "a", shown("a", 2)).rgb_BCHW
    fine = replace(shown("a", 2), fine=FINE)
    details = [given for to in SIDES if (given := pair.references(fine, to)[1]) is not None]
    at, wanted = pair._places(shown("a", 2))
    assert torch.equal(at, wanted)
    found = []
    for share in (0.5, 1.0):
        pair.carried.fill_(share)
        at, wanted = pair._places(shown("a", 2))
        further = share * (true_shares() - 1) * torch.tensor([0.0, 0.2])
        assert torch.allclose(wanted - at, further.expand_as(at), atol=2e-3)
        found.append(pair.swap(face, "b", shown("a", 2)).rgb_BCHW)
        assert torch.equal(found[-1], carried(as_painted, at, wanted))
    half, whole = ((picture - as_painted).abs().mean() for picture in found)
    assert 0 < float(half) < float(whole)
    assert torch.equal(pair.swap(face, "a", shown("a", 2)).rgb_BCHW, restored)
    own, other = (given for to in SIDES if (given := pair.references(fine, to)[1]) is not None)
    assert torch.equal(own, details[0])
    assert not torch.equal(other, details[1])


def test_a_run_keeps_the_pictures_it_was_trained_with(tmp_path: Path) -> None:
    trainer = toy_trainer(CONFIGS["referenced"], tmp_path, 2)
    generator = trainer.learner.generator_modules
    assert isinstance(generator, PairGenerator)
    for side, gallery in filled({"a": 200, "b": 60}).galleries.items():
        generator.galleries[side].load_state_dict(gallery.state_dict())
    trainer.average |= {n: t.clone() for n, t in generator.state_dict().items() if "galleries" in n}
    trainer.fit()
    loaded = load_swapper(tmp_path).swapper
    assert isinstance(loaded, PairGenerator)
    for side, level in (("a", 200), ("b", 60)):
        pictures = loaded.galleries[side].pictures_K3PP
        assert isinstance(pictures, Tensor)
        assert pictures.dtype == torch.uint8
        assert int(pictures.max()) == level


class Recorder(SwapNet):
    """Keeps what it is told of faces."""

    def __init__(self) -> None:
        super().__init__()
        self.size_px, self.coverage = CROP_PX, 1.0
        self.seen: list[ShownFaces | None] = []

    def encode(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW

    def swap(self, x_BCHW: Tensor, to: Side, shown: ShownFaces | None = None) -> Patch:
        self.seen.append(shown)
        return Patch(x_BCHW, x_BCHW[:, :1] * 0 + 1)


def test_conversion_tells_where_features_lie_and_whose_they_are() -> None:
    crop = np.zeros((CROP_PX, CROP_PX, 3), np.uint8)
    face = Aligned(crop, Similarity(1.0, 0.0, 0.0, 0.0), mean_mesh(coverage=1.0))
    recorder = Recorder()
    paint(recorder, [face, face], ConvertOptions())
    told = recorder.seen[0]
    assert told is not None
    assert told.of == "a"
    assert told.fine == 0, "the frame shows no more than the crop"
    assert torch.equal(told.places.points_BM2, shown("a", 2).places.points_BM2)


@pytest.mark.parametrize(
    ("scale", "detail", "fine"),
    [(0.3, 1.0, FINE), (0.7, 1.0, 1.5), (0.95, 1.0, 0.0), (0.5, 0.0, 0.0)],
)
def test_conversion_asks_for_fine_detail_where_the_footage_shows_it(
    scale: float, detail: float, fine: float
) -> None:
    crop = np.zeros((CROP_PX, CROP_PX, 3), np.uint8)
    face = Aligned(crop, Similarity(scale, 0.0, 0.0, 0.0), mean_mesh(coverage=1.0))
    recorder = Recorder()
    (painted,) = paint(recorder, [face], ConvertOptions(detail=detail))
    assert recorder.seen[0] is not None
    assert recorder.seen[0].fine == fine
    assert painted.detail_HW is None, "this model knows none"


@torch.no_grad()
def test_a_pair_gives_fine_detail_of_the_person_it_paints_when_asked() -> None:
    pair, face = filled({"a": 255, "b": 60}), torch.zeros(2, 3, SIZE_PX, SIZE_PX)
    lined = np.full((48, 160, 160, 3), 120, np.uint8)
    lined[:, :, ::2] = 60
    gallery = pair.galleries["b"]
    assert isinstance(gallery, Gallery)
    gallery.look_closely(lined)
    asked = replace(shown("a", 2), fine=FINE)
    assert pair.swap(face, "b", shown("a", 2)).detail_B1TT is None
    assert pair.swap(face, "b").detail_B1TT is None
    found = {to: pair.swap(face, to, asked).detail_B1TT for to in SIDES}
    assert found["b"] is not None
    assert found["b"].shape == (2, 1, 2 * SIZE_PX, 2 * SIZE_PX)
    assert float(found["b"].abs().mean()) > 0.05
    assert found["a"] is not None
    assert not found["a"].any()


def test_a_trunk_brings_what_it_has_and_no_pictures(tmp_path: Path) -> None:
    trunk, config = CONFIGS["trunk"], CONFIGS["referenced"]
    assert isinstance(trunk, MaskedGanConfig)
    for referenced, left_out in ((True, ()), (False, ("decoders.a", "decoders.b"))):
        run = tmp_path / str(referenced)
        toy_trainer(replace(trunk, referenced=referenced), run, 1).fit()
        start = warm_start(build_generator(config), str(run), SIZE_PX)
        assert start is not None
        assert start.left_out == left_out
        assert (start.share == 1) == referenced


def test_landmarks_and_references_do_not_go_together() -> None:
    config = CONFIGS["referenced"]
    assert isinstance(config, MaskedGanConfig)
    assert is_referenced(config)
    assert not is_referenced(replace(config, landmarks=Landmarks()))
