"""What a running training tells: its progress, its figures, and what it noticed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from faceloom.train.run import Place, Run
from faceloom.train.score import Score


@dataclass(frozen=True)
class TrainStatus:
    """One progress report."""

    step: int
    progress: float
    """0 to 1."""
    elapsed_s: float
    remaining_s: float | None
    faces_per_s: float
    losses: dict[str, float]
    identity: float | None
    """Cosine of swapped faces to the wanted person, by the training network."""
    score: Score | None = None
    """The newest one on held-out faces."""
    best: float | None = None
    """The best total so far."""
    notice: str | None = None
    """Something that the user should know, said once."""


@dataclass
class Window:
    """Sums since the last report."""

    steps: int = 0
    started: float = field(default_factory=time.monotonic)
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, terms: dict[str, float]) -> None:
        """One step's terms."""
        self.steps += 1
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """Each term's mean over the steps that had it."""
        return {name: total / self.counts[name] for name, total in self.sums.items()}


class Board(Protocol):
    """Another place for the log (`train.tensorboard`)."""

    def show(self, entry: dict[str, Any]) -> None:
        """One entry of the log."""
        ...

    def show_picture(self, png: Path, step: int) -> None:
        """A preview grid."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class Teller:
    """Writes a run's log and reports its progress. Of many processes, only the first one does."""

    def __init__(self, run: Run, faces_a_step: int, writes: bool) -> None:
        self.notices: list[str] = []
        self.report: Callable[[TrainStatus], None] | None = None
        self.board: Board | None = None
        self.score: Score | None = None
        """The newest one."""
        self._run = run
        self._faces_a_step = faces_a_step
        self._writes = writes
        self._identity: float | None = None
        self._logged_score: Score | None = None

    def notice(self, text: str, place: Place, progress: float) -> None:
        """Say something once: to the log, to who watches, and in the end."""
        if not self._writes:
            return
        self.notices.append(text)
        self._log({"step": place.step, "notice": text})
        if self.report is not None:
            self.report(self._status(place, progress, Window(), {}, text))

    def figures(
        self, place: Place, progress: float, window: Window, means: dict[str, float], rate: float
    ) -> None:
        """One line of the log. `means` are the losses' over the window, `rate` is the learning
        rate."""
        # The critic does not look at every step; between its looks the last figure stands.
        self._identity = means.pop("swap_cosine", self._identity)
        if not self._writes:
            return
        status = self._status(place, progress, window, means)
        entry: dict[str, Any] = {
            "step": status.step,
            "progress": round(progress, 5),
            "elapsed_s": round(status.elapsed_s, 2),
            "faces_per_s": round(status.faces_per_s, 1),
            "rate": rate,
            "identity": status.identity,
            "losses": means,
        }
        if self.score is not None and self.score is not self._logged_score:
            self._logged_score = self.score
            entry["score"] = {"step": place.marks.last_step, **self.score.as_dict()}
        self._log(entry)
        if self.report is not None:
            self.report(status)

    def _log(self, entry: dict[str, Any]) -> None:
        self._run.log(entry)
        if self.board is not None:
            self.board.show(entry)

    def _status(
        self, place: Place, progress: float, window: Window, means: dict[str, float],
        notice: str | None = None,
    ) -> TrainStatus:  # fmt: skip
        spent_s = max(1e-9, time.monotonic() - window.started)
        return TrainStatus(
            place.step,
            progress,
            place.elapsed_s,
            place.elapsed_s * (1 - progress) / progress if progress > 0 else None,
            window.steps * self._faces_a_step / spent_s,
            means,
            self._identity,
            self.score,
            place.marks.best,
            notice,
        )
