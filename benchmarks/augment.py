"""What each augmentation costs, on one thread: milliseconds a side's 16 faces at 96 px.

    python -m benchmarks.augment           # half a minute

Each is switched on for every face, beside the default batch of the same run. Processor time, the
least of many batches.
"""

from __future__ import annotations

import time
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from benchmarks.train import face_banks
from faceloom.data.augment import AugmentConfig
from faceloom.data.batches import PairBatches

PER_SIDE, SIZE_PX, ROUNDS = 16, 96, 20
PLAIN = AugmentConfig()
CASES = {
    "default": PLAIN,
    "coarse warp": replace(PLAIN, warp_kind="coarse", warp_coverage=0.1),
    "channel shift": replace(PLAIN, channel_shift=0.1),
    "shadow": replace(PLAIN, shadow=1.0),
    "motion blur": replace(PLAIN, motion_blur=1.0),
    "down-sampling": replace(PLAIN, downsample=1.0),
    "JPEG": replace(PLAIN, jpeg=1.0),
    "parts of the other": replace(PLAIN, part_swap=1.0),
    "parts of oneself": replace(PLAIN, part_swap=1.0, part_swap_from="own"),
    "all, each for 0.2 of the faces": replace(
        PLAIN, channel_shift=0.1, shadow=0.2, motion_blur=0.2, downsample=0.2, jpeg=0.2,
        part_swap=0.2,
    ),
}  # fmt: skip


def side_ms(batches: dict[str, PairBatches]) -> dict[str, float]:
    """The fastest batch of each, the cases in turn so that a busy moment hits none alone."""
    best = dict.fromkeys(batches, float("inf"))
    for step in range(ROUNDS):
        for name, one in batches.items():
            started = time.process_time()
            one.batch(step)
            best[name] = min(best[name], time.process_time() - started)
    return {name: 1000 * seconds / 2 for name, seconds in best.items()}


def main() -> None:
    import torch

    torch.set_num_threads(1)
    a, b = face_banks(SIZE_PX)
    batches = {n: PairBatches(a, b, SIZE_PX, PER_SIDE, 1, config) for n, config in CASES.items()}
    found = side_ms(batches)
    table = Table("augmentation", "ms a side of 16", "over the default")
    for name, cost_ms in found.items():
        table.add_row(name, f"{cost_ms:.1f}", f"+{cost_ms - found['default']:.1f}")
    Console(width=80).print(table)


if __name__ == "__main__":
    main()
