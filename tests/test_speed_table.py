"""What `benchmarks/train.py` counts and how its table is put together; no timing is asserted."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks import train


@pytest.mark.parametrize("preset", ["fast", "cycle_mask"])
def test_operations_are_counted_over_a_whole_round(preset: str) -> None:
    """`cycle_mask` takes gradients of gradients (R1)."""
    trainer = train.make_trainer(preset, 64)
    begun = trainer.place.step

    counted = train.step_flops(trainer)

    # At least two operations a weight and face, forward alone.
    weights = sum(p.numel() for p in trainer.learner.generator_modules.parameters())
    assert counted > 2 * weights
    assert trainer.place.step == begun


def test_rows_without_matrix_units_are_held_against_convolutions_without_them() -> None:
    def found(faces_per_s: float) -> dict[str, Any]:
        return {
            "faces_per_s": faces_per_s,
            "gflop_per_face": 2.0,
            "convolution_share": 0.4,
            "data_share": 0.04,
            "peak_mb": 1000.0,
        }

    results = {
        "conv": {"bf16": 4000.0, "fp32": 400.0},
        "conv, no matrix units": {"bf16": 250.0, "fp32": 400.0},
        "fast 64 px": found(200.0),
        "fast 64 px, no matrix units": found(100.0),
    }

    rows = train.table_rows(results)

    assert [row[0] for row in rows] == ["fast 64 px", "fast 64 px, no matrix units"]
    assert [row[2] for row in rows] == ["1.0", "2.0"]
    assert [row[4] for row in rows] == ["10%", "80%"]
