"""The Inception-ResNet, on a thin network's weights made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.evaluate.toy_face import mesh_at, textured_skin

from faceloom.errors import UserError
from faceloom.evaluate.vggface2 import IdentityPredictor, InceptionResNet


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    net = InceptionResNet(classes=20, thin=8)
    path = tmp_path_factory.mktemp("weights") / "thin.safetensors"
    save_file(net.state_dict(), path)
    path.with_suffix(".txt").write_text("\n".join(f"n{k:06d}" for k in range(20)))
    return path


def test_the_whole_network_is_the_published_one() -> None:
    with torch.device("meta"):
        net = InceptionResNet()
    assert sum(p.numel() for p in net.parameters()) == 27_910_327
    names = set(net.state_dict())
    assert {"conv2d_1a.conv.weight", "repeat_1.4.branch2.2.bn.running_var",
            "mixed_6a.branch1.2.conv.weight", "repeat_2.9.conv2d.bias",
            "mixed_7a.branch2.2.conv.weight", "block8.branch1.1.conv.weight", "last_bn.weight",
            "logits.bias"} <= names  # fmt: skip


def test_it_predicts_names_with_shares(weights: Path) -> None:
    predictor = IdentityPredictor(weights)
    logits = predictor(textured_skin(), mesh_at())
    assert logits.shape == (20,)
    assert (logits == predictor(textured_skin(), mesh_at())).all()
    top = predictor.top(logits)
    assert top[0][0] == f"n{int(np.argmax(logits)):06d}"
    shares = [share for _, share in top]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1


def test_it_sees_the_face_and_nothing_beside_it(weights: Path) -> None:
    predictor = IdentityPredictor(weights)
    picture = textured_skin()
    beside = picture.copy()
    beside[:20] = 0
    inside = picture.copy()
    inside[100:140, 100:140] = 0
    logits = predictor(picture, mesh_at())
    assert (predictor(beside, mesh_at()) == logits).all()
    assert (predictor(inside, mesh_at()) != logits).any()


def test_without_names_people_have_numbers(weights: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.safetensors"
    bare.write_bytes(weights.read_bytes())
    assert IdentityPredictor(bare).names[3] == "identity 3"
    bare.with_suffix(".txt").write_text("only\ntwo")
    with pytest.raises(UserError, match="holds 2 names for 20 people"):
        IdentityPredictor(bare)


def test_other_files_are_refused_in_one_line(weights: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing of the sort")
    with pytest.raises(UserError, match="cannot be read as safetensors"):
        IdentityPredictor(broken)
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(3)}, other)
    with pytest.raises(UserError, match="does not hold an Inception-ResNet"):
        IdentityPredictor(other)
