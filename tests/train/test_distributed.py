"""Two processes learn as one with the batch of both; only the first one writes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.train.one_process import OUT_OF_MEMORY_AT, STEPS, train_both
from tests.train.toy import toy_config

from faceloom.errors import UserError
from faceloom.train.distributed import connect
from faceloom.train.run import Run


def log_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def curve(run: Path) -> dict[int, dict[str, float]]:
    return {entry["step"]: entry["losses"] for entry in log_of(run) if "losses" in entry}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same trainings by one process and by two, as torchrun starts them."""
    alone, together = (tmp_path_factory.mktemp(name) for name in ("alone", "together"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The names that torchrun gives.
    shared = {"TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
              "GROUP_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}  # fmt: skip
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.train.one_process", str(together)],
            env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for rank in ("0", "1")
    ]
    train_both(alone)
    for process in processes:
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 0, said
    return alone, together


@pytest.mark.parametrize("learner", ["toy", "pair"])
def test_two_processes_give_the_curve_of_one(learner: str, trained: tuple[Path, Path]) -> None:
    one, two = (curve(folder / learner) for folder in trained)
    assert list(one) == list(two) == list(range(1, STEPS + 1))
    for step, losses in one.items():
        assert two[step] == pytest.approx(losses, rel=1e-4, abs=1e-6), step
    assert one[1] != pytest.approx(one[STEPS], rel=0.01), "something was learned"


@pytest.mark.parametrize("learner", ["toy", "pair"])
def test_and_its_weights(learner: str, trained: tuple[Path, Path]) -> None:
    one, two = (Run(folder / learner).load_checkpoint() for folder in trained)
    assert one is not None
    assert two is not None
    assert one[0].keys() == two[0].keys()
    for name, tensor in one[0].items():
        if not name.startswith("optimizer"):
            # Adam enlarges rounding where a gradient is all but zero: in a few of all weights.
            apart = (tensor.float() - two[0][name].float()).abs() > 1e-4
            assert float(apart.float().mean()) < 0.02, name


def test_memory_that_runs_out_in_one_process_makes_all_of_them_go_on_in_smaller_pieces(
    trained: tuple[Path, Path],
) -> None:
    entries = log_of(trained[1] / "toy")
    (notice,) = [entry for entry in entries if "notice" in entry]
    assert notice["step"] == OUT_OF_MEMORY_AT
    assert "out of memory with 2 faces of each side at once: goes on with 1" in notice["notice"]
    found = Run(trained[1] / "toy").load_checkpoint()
    assert found is not None
    assert found[1].accumulate == 2


def test_what_cannot_be_had_is_said() -> None:
    with pytest.raises(UserError, match="device cuda:7: is not available"):
        connect(toy_config(1, device="cuda:7"))


def test_processes_that_would_train_alone_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    with pytest.raises(UserError, match=r"srun: started 4 processes.*--devices"):
        connect(toy_config(1))
