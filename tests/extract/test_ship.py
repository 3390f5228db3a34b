"""What a maintainer's training puts into the package."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tools.train_trunk import ship


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_a_share_of_what_was_learned_is_shipped(share: float, tmp_path: Path) -> None:
    run, before, target = tmp_path / "run", tmp_path / "before", tmp_path / "trunk"
    run.mkdir()
    old, new = torch.full((4, 3), 1.0), torch.full((4, 3), 3.0)
    save_file({"decoder.weight": new}, run / "model.safetensors", {"step": "40"})
    save_file({"decoder.weight": old}, before)
    ship(run, target, share, before)
    shipped = load_file(target)["decoder.weight"]
    assert shipped.dtype == torch.bfloat16
    assert torch.equal(shipped.float(), 1 + 2 * share * torch.ones(4, 3))
    with safe_open(target, framework="pt") as file:
        assert file.metadata()["steps"] == "40"
        assert file.metadata().get("share") == (None if share == 1 else "0.25")
    ship(run, target, share, before)
    assert torch.equal(load_file(target)["decoder.weight"], shipped), "once more is no further"
