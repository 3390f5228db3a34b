"""When a run is done: how far its budget is spent, when to score it, and whether the score is flat.

With a budget in steps everything goes by steps, so that a resumed run scores and stops where the
unbroken one does; with one in minutes it goes by time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from faceloom.train.score import Score

if TYPE_CHECKING:
    from faceloom.train.config import Budget

SCORES_A_RUN = 20
_LEAST_STEPS, _LEAST_S = 100, 30.0
_COST_SHARE = 1 / 40
"""Of the time, what scoring may take where time decides."""
LEAST_GAIN = 0.003
"""A better score by less is no better."""
FEWEST_SCORES = 4
RISEN = 0.2
"""Before its best score is this, a run has not begun to swap, and is not done."""
CLEARLY_BETTER = 0.02
"""By this the best model's score must exceed the last one's to be taken instead of it; less is
within what a score varies by itself."""


@dataclass(frozen=True)
class Marks:
    """The scores so far; plain values, for the checkpoint."""

    count: int = 0
    last: float | None = None
    last_step: int = 0
    last_s: float = 0.0
    """Training time at the last one."""
    cost_s: float = 0.0
    """What the last one took."""
    best: float | None = None
    best_step: int = 0
    best_s: float = 0.0

    def add(self, score: Score, step: int, elapsed_s: float, cost_s: float) -> Marks:
        """With one more score."""
        marks = replace(
            self,
            count=self.count + 1,
            last=score.total,
            last_step=step,
            last_s=elapsed_s,
            cost_s=cost_s,
        )
        if self.best is None or score.total > self.best + LEAST_GAIN:
            marks = replace(marks, best=score.total, best_step=step, best_s=elapsed_s)
        return marks


def progress_of(budget: Budget, step: int, elapsed_s: float) -> float:
    """Share of the budget spent, 0 to 1."""
    shares = [0.0]
    if budget.steps is not None:
        shares.append(step / max(1, budget.steps))
    if budget.minutes is not None:
        shares.append(elapsed_s / max(1e-9, budget.minutes * 60))
    return min(1.0, max(shares))


def score_due(budget: Budget, marks: Marks, step: int, elapsed_s: float) -> bool:
    """Whether to score now, some twenty times a run; always once the budget is spent."""
    if step == marks.last_step:
        return False
    if progress_of(budget, step, elapsed_s) >= 1:
        return True
    if budget.minutes is None:
        return step % max(_LEAST_STEPS, (budget.steps or 0) // SCORES_A_RUN) == 0
    pause_s = max(_LEAST_S, budget.minutes * 60 / SCORES_A_RUN, marks.cost_s / _COST_SHARE)
    return elapsed_s - marks.last_s >= pause_s


def is_flat(budget: Budget, marks: Marks, step: int, elapsed_s: float, share: float) -> bool:
    """Whether the best score has stood for this share of the budget; never with a share of 0."""
    if not share or marks.count < FEWEST_SCORES or (marks.best or 0.0) < RISEN:
        return False
    now = progress_of(budget, step, elapsed_s)
    return now - progress_of(budget, marks.best_step, marks.best_s) >= share - 1e-9
