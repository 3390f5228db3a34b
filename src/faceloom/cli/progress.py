"""Progress on stderr, shared by all commands: a bar a stage at a terminal, else plain lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

console = Console(stderr=True)


@contextmanager
def progress_lines() -> Iterator[Callable[[str, Any], None]]:
    """A progress line a stage, on stderr; plain lines now and then where it is no terminal."""
    columns = (
        TextColumn("{task.description:8}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks: dict[str, Any] = {}
        plain = _PlainProgress()

        def show(stage: str, status: Any) -> None:
            if hasattr(status, "lines"):  # What is told once: it stays, above the bars.
                for line in status.lines():
                    console.print(line, markup=False, highlight=False, soft_wrap=True)
                return
            if getattr(status, "notice", None):
                console.print(f"{stage}: {status.notice}", markup=False, highlight=False)
                return
            share, detail = _share(status), _detail(status)
            if not console.is_terminal:
                plain.show(stage, share, detail)
                return
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=1.0, detail="")
            progress.update(tasks[stage], completed=share or 0.0, detail=detail)

        yield show


class _PlainProgress:
    """One line a stage every quarter of a minute, for logs."""

    _EVERY_S = 15.0

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def show(self, stage: str, share: float | None, detail: str) -> None:
        now = time.monotonic()
        if now - self._last.get(stage, -1e9) < self._EVERY_S:
            return
        self._last[stage] = now
        percent = f"{100 * share:.0f}%" if share is not None else "?"
        typer.echo(f"{stage}: {percent} {detail}", err=True)


def _share(status: Any) -> float | None:
    if hasattr(status, "progress"):
        return float(status.progress)
    return min(1.0, status.frames / status.total_frames) if status.total_frames else None


def _detail(status: Any) -> str:
    if hasattr(status, "detail"):
        return str(status.detail)
    if hasattr(status, "faces_per_s"):
        loss = sum(status.losses.values())
        parts = [f"step {status.step}", f"{status.faces_per_s:.0f} faces/s", f"loss {loss:.3f}"]
        if status.remaining_s is not None:
            parts.append(f"{status.remaining_s / 60:.1f} min left")
        if status.identity is not None:
            parts.append(f"identity {status.identity:.2f}")
        if status.best is not None:
            now = f"{status.score.total:.2f}" if status.score is not None else "-"
            parts.append(f"score {now} (best {status.best:.2f})")
        return ", ".join(parts)
    return f"{status.frames} frames, {status.faces} faces, {status.frames_per_s:.0f} frames/s"
