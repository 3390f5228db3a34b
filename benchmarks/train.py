"""How fast each preset trains, and where its time goes, in one run.

    python -m benchmarks.train                              # every preset at 64, 96 and 128 px
    python -m benchmarks.train --preset fast --preset v2_2  # these alone
    python -m benchmarks.train --size 256

Leave the machine alone meanwhile. Every preset runs in a process of its own. A step is the whole
one at 60% of a run: both sides, generator, discriminators, frozen critics on their turns, data
included. Rates are also given as a share of the machine's bf16 3x3 convolution throughput, measured
in the same run, so that figures of different machines can be compared; `fast` is measured a second
time without matrix units (AMX), which most CPUs do not have. The table and the profile of `fast` go
to `docs/training-speed.md`, which is written anew after each measurement.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.own_process import in_own_process, peak_mb

DOCS = Path(__file__).parents[1] / "docs" / "training-speed.md"
SIZES_PX = (64, 96, 128)
PROFILED = "fast"
_RUN_STEPS = 100_000
_START = 6 * _RUN_STEPS // 10
_SECONDS = 8.0
"""A rate is taken over at least as long."""
_PROFILE_ROWS = 25
_PROFILE_ROUNDS = 3
"""Of the preset whose profile is shown, and as many before; of the others one."""
_NO_MATRIX_UNITS = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}
"""Keeps oneDNN, which runs torch's convolutions on CPUs, from AMX."""
_PLAIN = ", no matrix units"
_CONV = "conv"
_HERE = "benchmarks.train"
console = Console(width=120)


# -- measurements, each in its own process --------------------------------------------------------


def convolution() -> dict[str, float]:
    """Throughput of a 3x3 convolution, 128 channels at 32x32, batch 32, forward: GFLOP/s."""
    import torch

    found = {}
    for name, kind in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        x = torch.randn(32, 128, 32, 32).to(kind).to(memory_format=torch.channels_last)
        w = torch.randn(128, 128, 3, 3).to(kind).to(memory_format=torch.channels_last)
        best = 0.0
        with torch.inference_mode():
            for _ in range(30):
                started = time.perf_counter()
                torch.conv2d(x, w, padding=1)
                best = max(best, 2 * 32 * 32 * 32 * 128 * 128 * 9 / (time.perf_counter() - started))
        found[name] = best / 1e9
    return found


def train(preset: str, size_px: int, seconds: float = _SECONDS) -> dict[str, Any]:
    """Rate of whole steps, their cost, the data's share of their time, and the memory."""
    trainer = make_trainer(preset, size_px)
    faces, round_steps = 2 * trainer.config.per_side, steps_of_a_round(trainer)
    flops = step_flops(trainer)
    _steps(trainer, 2)
    done, started = 0, time.perf_counter()
    while done == 0 or time.perf_counter() - started < seconds:
        _steps(trainer, round_steps)
        done += round_steps
    rate = done * faces / (time.perf_counter() - started)
    started = time.perf_counter()
    for step in range(20):
        trainer.batches.batch(step)
    data_s = (time.perf_counter() - started) / 20
    return {
        "faces_per_s": rate,
        "gflop_per_face": flops / 1e9 / faces,
        "data_share": data_s * rate / faces,
        "peak_mb": peak_mb(),
    }


def profile(preset: str, size_px: int) -> dict[str, Any]:
    """The share of convolutions, forward and backward, in the time of a step; and the dearest
    operations: name, share of the time, calls in a round.

    On one thread from the start: memory that other threads have freed is not at its hand, and the
    system would have to give it as much anew while the clock runs.
    """
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as torch_profile

    from faceloom.threads import one_torch_thread

    with one_torch_thread():
        trainer = make_trainer(preset, size_px)
        rounds = _PROFILE_ROUNDS if preset == PROFILED else 1
        steps = rounds * steps_of_a_round(trainer)
        _steps(trainer, steps)
        with torch_profile(activities=[ProfilerActivity.CPU]) as recorded:
            _steps(trainer, steps)
    events = recorded.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    rows = sorted(
        ((e.key, e.self_cpu_time_total / total, int(e.count) // rounds) for e in events),
        key=lambda row: -row[1],
    )
    share = sum(part for name, part, _ in rows if "conv" in name)
    return {"convolution_share": share, "profile": rows[:_PROFILE_ROWS]}


def face_banks(size_px: int, drawn: str | None = None) -> tuple[Any, Any]:
    """Both sides' faces, as training holds them."""
    import numpy as np

    from faceloom.data.bank import FaceBank
    from faceloom.faces.align import reference_points

    rng = np.random.default_rng(0)
    mesh = np.pad(reference_points(256, 1.25), ((0, 0), (0, 1))).astype(np.float32)
    banks = []
    for _ in range(2):
        crops = rng.integers(0, 255, (64, 256, 256, 3), dtype=np.uint8)
        meshes = np.stack([mesh] * 64)
        banks.append(FaceBank.from_crops(crops, meshes, size_px, 1.25, drawn))  # type: ignore[arg-type]
    return banks[0], banks[1]


def make_trainer(preset: str, size_px: int, prefetch: int = 0) -> Any:
    """A trainer of this preset at 60% of a long run; nothing is written."""
    import torch
    from torch.nn import functional as F

    from faceloom.memory import keep_freed_memory
    from faceloom.models import build_generator, build_learner, is_referenced, is_trunk
    from faceloom.models.masked_gan import MaskedGan
    from faceloom.models.pair import PairGenerator
    from faceloom.train.config import Budget, preset_config
    from faceloom.train.fit import begun
    from faceloom.train.loop import Trainer
    from faceloom.train.material import make_batches
    from faceloom.train.run import Place, Run

    keep_freed_memory()
    config = begun(preset_config(preset, size_px))
    config = replace(config, prefetch=prefetch, budget=Budget(None, _RUN_STEPS))
    drawn = getattr(getattr(config.model, "landmarks", None), "kind", None)
    batches = make_batches(config, *face_banks(size_px, drawn))
    identities = F.normalize(torch.randn(2, 512), dim=1)
    learner = build_learner(config.model, identities)
    if is_referenced(config.model) and not is_trunk(config.model):
        trunk = build_generator(config.model)
        assert isinstance(learner, MaskedGan)
        assert isinstance(trunk, PairGenerator)
        learner.hold_to(trunk, 1.0)  # As pairs are whom the shipped trunk knows.
    trainer = Trainer(learner, batches, Run(Path("unused")), config)
    trainer.place = Place(_START)
    return trainer


def steps_of_a_round(trainer: Any) -> int:
    """After how many steps everything has had its turn: frozen critics act on some steps alone, and
    rates and profiles are over whole rounds."""
    schedule = getattr(trainer.config.model, "schedule", None)
    every = (1,) if schedule is None else (schedule.critic_every, schedule.adversarial_every)
    return math.lcm(*every)


def run_steps(trainer: Any, batches: Iterator[Any], count: int) -> None:
    """So many steps, each on the next batch."""
    for _ in range(count):
        trainer._step(next(batches))
        trainer.place = replace(trainer.place, step=trainer.place.step + 1)


def _steps(trainer: Any, count: int) -> None:
    with contextlib.closing(trainer._batches()) as batches:
        run_steps(trainer, batches, count)


def step_flops(trainer: Any) -> float:
    """Floating-point operations of a step, counted by torch over a whole round."""
    from torch.utils.flop_counter import FlopCounterMode

    from faceloom.threads import one_torch_thread

    count = steps_of_a_round(trainer)
    # The counter sees its own thread alone.
    with one_torch_thread(), FlopCounterMode(display=False) as counter:
        # By module is not asked for, and the hooks for it refuse gradients of gradients (R1).
        counter.mod_tracker.__exit__()
        counter.mod_tracker.parents = {"Global"}
        _steps(trainer, count)
    trainer.place = replace(trainer.place, step=_START)
    return float(counter.get_total_flops()) / count


# -- the whole ------------------------------------------------------------------------------------


def wanted(presets: list[str], sizes_px: list[int]) -> dict[str, tuple[str, int]]:
    """Every preset at every size that it offers, by `PRESET SIZE px`, smallest first."""
    from faceloom.train.config import sizes_px as offered

    return {
        f"{preset} {size_px} px": (preset, size_px)
        for size_px in sizes_px
        for preset in presets
        if size_px in offered(preset)
    }


def measure_all(which: dict[str, tuple[str, int]]) -> Iterator[dict[str, dict[str, Any]]]:
    """All that is known, each time that one more is."""
    results: dict[str, dict[str, Any]] = {}
    results[_CONV] = in_own_process(_HERE, "convolution")
    results[_CONV + _PLAIN] = in_own_process(_HERE, "convolution", variables=_NO_MATRIX_UNITS)
    for name, (preset, size_px) in which.items():
        kinds: list[tuple[str, dict[str, str]]] = [("", {})]
        if preset == PROFILED:
            kinds.append((_PLAIN, _NO_MATRIX_UNITS))
        for kind, variables in kinds:
            found: dict[str, Any] = {}
            for function in ("profile", "train"):
                found |= in_own_process(_HERE, function, preset, size_px, variables=variables)
            results[name + kind] = found
            console.print(f"{name}{kind}: {found['faces_per_s']:.1f} faces/s")
        yield results


def peak_share(found: dict[str, Any], conv: dict[str, Any]) -> float:
    """The operations of a second over those of the machine's bf16 convolutions."""
    return float(found["faces_per_s"] * found["gflop_per_face"] / conv["bf16"])


def table_rows(results: dict[str, dict[str, Any]]) -> list[list[str]]:
    reference = results.get(f"{PROFILED} 64 px")
    rows = []
    for name, found in results.items():
        if not name.startswith(_CONV):
            conv = results[_CONV + (_PLAIN if name.endswith(_PLAIN) else "")]
            slower = ""
            if reference is not None:
                slower = f"{reference['faces_per_s'] / found['faces_per_s']:.1f}"
            rows.append(
                [
                    name, f"{found['faces_per_s']:.1f}", slower, f"{found['gflop_per_face']:.2f}",
                    f"{100 * peak_share(found, conv):.0f}%",
                    f"{100 * found['convolution_share']:.0f}%",
                    f"{100 * found['data_share']:.0f}%", f"{found['peak_mb']:.0f}",
                ]
            )  # fmt: skip
    return rows


HEADINGS = (
    "preset", "faces/s", f"times slower than {PROFILED} 64 px", "GFLOP a face",
    "of bf16 convolution", "time in convolutions", "data", "peak memory, MB",
)  # fmt: skip


def _setting() -> str:
    return " ".join(f"{name}={value}" for name, value in _NO_MATRIX_UNITS.items())


def write_docs(results: dict[str, dict[str, Any]], missing: list[str]) -> None:
    """The page, with the names of what is not measured yet."""
    conv, plain = results[_CONV], results[_CONV + _PLAIN]
    lines = [
        "# How fast training is",
        "",
        f"Made by `python -m benchmarks.train` on {os.cpu_count()} cores ({platform.machine()}),",
        f"an idle machine whose 3x3 convolutions reach {conv['bf16']:.0f} GFLOP/s in bfloat16 and",
        f"{conv['fp32']:.0f} in float32. Without its matrix units (`{_setting()}`) they reach",
        f"{plain['bf16']:.0f} in bfloat16: rows that say so are measured like that, and show where",
        "the time goes on CPUs whose convolutions are slower.",
        "",
        "A step is the whole one at 60% of a run: both sides, generator, discriminators, frozen",
        "critics on their turns, data included. `v2_2` is the origin's network with its widths.",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|---" * len(HEADINGS) + "|",
    ]
    lines += ["| " + " | ".join(row) + " |" for row in table_rows(results)]
    if missing:
        lines += ["", f"Not measured, as the run was ended before: {', '.join(missing)}."]
    for name, found in results.items():
        if name.startswith(f"{PROFILED} "):
            lines += ["", f"## Where the time of `{name}` goes", ""]
            lines += ["| operation | share | calls in a round |", "|---|---|---|"]
            lines += [f"| `{key}` | {100 * s:.1f}% | {n} |" for key, s, n in found["profile"]]
    DOCS.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    from faceloom.train.config import PRESETS

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--preset", action="append", choices=PRESETS)
    parser.add_argument("--size", action="append", type=int)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    which = wanted(arguments.preset or list(PRESETS), arguments.size or list(SIZES_PX))
    for results in measure_all(which):
        if not arguments.preset and not arguments.size:
            write_docs(results, [name for name in which if name not in results])
    table = Table(*HEADINGS)
    for row in table_rows(results):
        table.add_row(*row)
    console.print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
