"""How fast each stage is on this machine, in one run: a table, `docs/benchmarks.md` and JSON.

    python -m benchmarks.speed             # about six minutes; leave the machine alone meanwhile
    python -m benchmarks.speed --only train

Every measurement runs in a process of its own, so that peak memory and threads are its own.
Training is also given as a share of the machine's bf16 3x3 convolution throughput, measured in the
same run, so that figures of different machines can be compared.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.own_process import in_own_process
from benchmarks.train import make_trainer, peak_share, run_steps

MEDIA = Path(__file__).parents[2] / "shared" / "media" / "grid"
DOCS = Path(__file__).parents[1] / "docs" / "benchmarks.md"
SIZES = {"360x288": (360, 288), "1280x720": (1280, 720), "1920x1080": (1920, 1080)}
TARGETS = {
    "extract 360x288": 250.0,
    "extract 1280x720": 60.0,
    "train 64 px": 200.0,
    "train 96 px": 110.0,
    "train 128 px": 70.0,
    "convert 360x288": 100.0,
    "convert 1280x720": 45.0,
    "convert 1920x1080": 25.0,
}
TRAIN_SIZES_PX = (64, 96, 128)
_HERE = "benchmarks.speed"
console = Console(width=110)


# -- inputs ---------------------------------------------------------------------------------------


def make_clip(path: Path, size: tuple[int, int], repeats: int) -> None:
    """A clip of one speaker, scaled to this size, `repeats` x 75 frames, with sound."""
    from faceloom.image import resize
    from faceloom.video import Frame, VideoWriter, probe, read_frames

    source = MEDIA / "s1/session-a/bbaf2n.mpg"
    frames = list(read_frames(source))
    with VideoWriter(path, probe(source), size_px=size, audio_from=source) as writer:
        for repeat in range(repeats):
            for frame in frames:
                rgb = frame.rgb if size == (360, 288) else resize(frame.rgb, size, "cubic")
                number = repeat * len(frames) + frame.index
                at = round(number / (25 * frame.time_base))
                writer.write(Frame(number, at, frame.time_base, rgb=rgb))


# -- measurements, each in its own process --------------------------------------------------------


def measure_data_path(size_px: int, steps: int = 64) -> dict[str, float]:
    """Faces a second with batches made between steps, and on a thread of their own."""
    found = {}
    for name, prefetch in (("between steps", 0), ("own thread", 3)):
        trainer = make_trainer("fast", size_px, prefetch)
        with contextlib.closing(trainer._batches()) as batches:
            run_steps(trainer, batches, 8)
            started = time.perf_counter()
            run_steps(trainer, batches, steps)
            found[name] = steps * 2 * trainer.config.per_side / (time.perf_counter() - started)
    return found


def measure_extract(clip: str) -> dict[str, float]:
    from faceloom.extract import ExtractOptions, extract
    from faceloom.faces.find import FullRangeDetector, MeshLandmarker
    from faceloom.faces.identity import load_identity

    FullRangeDetector(), MeshLandmarker(), load_identity()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        report = extract(Path(clip), Path(folder) / "faces", ExtractOptions(), "benchmark")
        return {"frames_per_s": report.frames / (time.perf_counter() - started)}


def measure_convert(clip: str, run: str) -> dict[str, float]:
    from faceloom.convert import ConvertOptions
    from faceloom.experiment import convert_with_run

    with tempfile.TemporaryDirectory() as folder:
        warm = ConvertOptions(anyone=True)
        started = time.perf_counter()
        report = convert_with_run(Path(clip), Path(run), Path(folder) / "out.mp4", warm)
        clip_report = report.clips[0]
        assert clip_report.faces == clip_report.frames
        return {"frames_per_s": clip_report.frames / (time.perf_counter() - started)}


# -- the whole ------------------------------------------------------------------------------------


def make_run(folder: Path) -> Path:
    """An untrained 96 px model with its run folder: speed does not hang on what it learned."""
    from faceloom.models import build_generator
    from faceloom.train.config import preset_config
    from faceloom.train.run import Place, Run, SideRecord

    config = preset_config("fast", 96)
    run = Run(folder / "run")
    side = SideRecord("none", 20, "synthetic", [0.0] * 512)
    run.create(config, {"a": side, "b": side})
    model = build_generator(config.model)
    run.save_model(dict(model.state_dict()), Place())
    return run.path


def run_all(only: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "conv", in_own_process("benchmarks.train", "convolution")
    if "train" in only:
        for size_px in TRAIN_SIZES_PX:
            yield (
                f"train {size_px} px",
                in_own_process("benchmarks.train", "train", "fast", size_px, 25.0),
            )
        yield "data 96 px", in_own_process(_HERE, "measure_data_path", 96)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = make_run(folder)
        for label, size in SIZES.items():
            clip, repeats = folder / f"{label}.mp4", 8 if size[1] == 288 else 4
            make_clip(clip, size, repeats)
            if "extract" in only and label in ("360x288", "1280x720"):
                yield f"extract {label}", in_own_process(_HERE, "measure_extract", str(clip))
            if "convert" in only:
                yield (
                    f"convert {label}",
                    in_own_process(_HERE, "measure_convert", str(clip), str(run)),
                )
        if "convert" in only:
            long = folder / "long.mp4"
            make_clip(long, SIZES["1280x720"], 16)
            found = in_own_process(_HERE, "measure_convert", str(long), str(run))
            yield "convert 1280x720, four times as long", found


def print_results(results: dict[str, dict[str, Any]]) -> None:
    table = Table("measurement", "rate", "target", "peak memory, MB", "remarks")
    for name, found in results.items():
        rate = found.get("faces_per_s", found.get("frames_per_s"))
        unit = "faces/s" if "faces_per_s" in found else "frames/s"
        target = TARGETS.get(name)
        colour = "white" if target is None or rate is None else "green" if rate >= target else "red"
        shown = f"[{colour}]{rate:.0f} {unit}[/]" if rate is not None else ""
        table.add_row(
            name, shown, f"{target:.0f}" if target else "", f"{found['peak_mb']:.0f}",
            remarks(name, found, results["conv"]),
        )  # fmt: skip
    console.print(table)


def remarks(name: str, found: dict[str, Any], conv: dict[str, Any]) -> str:
    if name == "conv":
        return f"bf16 {found['bf16']:.0f} GFLOP/s, fp32 {found['fp32']:.0f} GFLOP/s"
    if "gflop_per_face" in found:
        share = 100 * peak_share(found, conv)
        return f"{share:.0f}% of bf16 convolution; data {100 * found['data_share']:.0f}%"
    if name.startswith("data"):
        pairs = [f"{key}: {value:.0f} faces/s" for key, value in found.items() if key != "peak_mb"]
        return ", ".join(pairs)
    return ""


def write_docs(results: dict[str, dict[str, Any]]) -> None:
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {processor()}"
    lines = [
        "# Benchmarks",
        "",
        f"Made by `python -m benchmarks.speed` on {machine}, an idle machine.",
        "",
        "| measurement | rate | target | peak memory, MB | remarks |",
        "|---|---|---|---|---|",
    ]
    for name, found in results.items():
        rate = found.get("faces_per_s", found.get("frames_per_s"))
        unit = "faces/s" if "faces_per_s" in found else "frames/s"
        cells = [
            name,
            f"{rate:.0f} {unit}" if rate is not None else "",
            f"{TARGETS[name]:.0f}" if name in TARGETS else "",
            f"{found['peak_mb']:.0f}",
            remarks(name, found, results["conv"]),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "Training counts both sides' faces and the whole step in its dearest phase (discriminators",
        "and frozen critic on), data included. Extraction and conversion include decoding, and",
        "conversion encoding and sound.",
        "",
    ]
    DOCS.write_text("\n".join(lines), encoding="utf-8")


def processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if (
        info.exists()
    ) else []  # fmt: skip
    return names[0].partition(":")[2].strip() if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", action="append", choices=["train", "extract", "convert"])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    if not MEDIA.is_dir():
        raise SystemExit(f"{MEDIA}: the test media are not here")
    everything = {"train", "extract", "convert"}
    only = set(arguments.only or everything)
    results: dict[str, dict[str, Any]] = {}
    for name, found in run_all(only):
        results[name] = found
        console.print(name, {k: round(v, 3) for k, v in found.items() if k != "profile"})
    print_results(results)
    if only == everything:
        write_docs(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
