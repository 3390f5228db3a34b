"""The whole swap: who converts when training runs in several processes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from faceloom import experiment
from faceloom.errors import UserError
from faceloom.experiment import SwapOptions, swap
from faceloom.train.config import preset_config


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stages that only note that they ran; `writes` is what training reports."""
    seen: dict[str, Any] = {"writes": True, "ran": []}

    def note(name: str) -> Any:
        def stage(*_: object) -> object:
            seen["ran"].append(name)
            return SimpleNamespace(path=Path(name), writes=seen["writes"])

        return stage

    monkeypatch.setattr(experiment, "extract", note("extract"))
    monkeypatch.setattr(experiment, "fit_pair", note("train"))
    monkeypatch.setattr(experiment, "convert_with_run", note("convert"))
    return seen


def run_swap(tmp_path: Path) -> Any:
    options = SwapOptions(preset_config("fast", 64), "synthetic", "synthetic")
    return swap(Path("a.mp4"), Path("b.mp4"), tmp_path / "out.mp4", options)


def test_one_process_runs_every_stage(stages: dict[str, Any], tmp_path: Path) -> None:
    assert run_swap(tmp_path).converted is not None
    assert stages["ran"] == ["extract", "extract", "train", "convert"]


def test_a_process_that_only_helps_to_train_converts_nothing(
    stages: dict[str, Any], tmp_path: Path
) -> None:
    stages["writes"] = False
    assert run_swap(tmp_path).converted is None
    assert stages["ran"] == ["extract", "extract", "train"]


def test_torchrun_is_told_to_train_alone(
    stages: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    with pytest.raises(UserError, match="faceloom train"):
        run_swap(tmp_path)
    assert stages["ran"] == []
