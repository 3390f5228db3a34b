"""The training loop: phases in turn, moving average, checkpoints, log. It knows no model's name.

A run that is killed loses at most `checkpoint_s` seconds and continues as the unbroken one would
have: batches and random numbers depend on the step alone, and optimiser state is saved. (With a
budget in minutes the schedule follows the clock, so it is exact only with a budget in steps.)

What the loop leaves to others: shares of a batch and their gradients (`gradients`), many processes
(`distributed`), signs of collapse (`health`), scores (`score`) and when they say that it is done
(`done`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, replace

import torch
from torch import Tensor, nn

from faceloom.data.batches import Batch, PairBatches, step_generator
from faceloom.errors import UserError
from faceloom.models.base import Learner, Moment, Phase
from faceloom.train import health
from faceloom.train.config import TrainConfig
from faceloom.train.distributed import Processes, connect
from faceloom.train.done import is_flat, progress_of, score_due
from faceloom.train.gradients import PieceTooLargeError, Split, compute_alike
from faceloom.train.health import CollapseError, PhaseFigures, ProbeFaces, Watch
from faceloom.train.optimizer import (
    align_gradients,
    learning_rate,
    load_optimizer_state,
    make_optimizer,
    optimizer_state,
    under,
)
from faceloom.train.preview import using
from faceloom.train.run import Place, Run
from faceloom.train.score import Score, Scorer
from faceloom.train.status import Teller, TrainStatus, Window
from faceloom.video import prefetch

LOG_EVERY_S = 2.0


class Trainer:
    """One learner on its way through one run.

    `scorer` and `probe` look at held-out faces; without them nothing is scored, and of collapse
    only what gradients show is seen.
    """

    def __init__(
        self,
        learner: Learner,
        batches: PairBatches,
        run: Run,
        config: TrainConfig,
        processes: Processes | None = None,
        scorer: Scorer | None = None,
        probe: ProbeFaces | None = None,
    ) -> None:
        self.learner = learner
        self.batches = batches
        self.run = run
        self.config = config
        self.processes = processes or connect(config)
        self.device = self.processes.device
        self.place = Place()
        self.stopped = ""
        """Why training ended."""
        self.teller = Teller(run, 2 * config.per_side, self.processes.is_first)
        self._scorer = scorer
        self.probe = probe.to(self.device) if probe is not None else None
        learner.all_modules.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.phases = learner.phases()
        self.optimizers = {
            phase.name: make_optimizer(phase, config.optimizer) for phase in self.phases
        }
        self.average = {
            name: tensor.detach().clone()
            for name, tensor in learner.generator_modules.state_dict().items()
        }

    # -- state ------------------------------------------------------------------------------------

    def resume(self) -> bool:
        """Continue from the run's newest checkpoint, if it has one; says whether it did.

        Raises UserError if the checkpoint is damaged or of another shape than the configuration.
        """
        found = self._restore(good=False)
        self.processes.check_alike(self.place.step, str(self.run.path))
        return found

    def _restore(self, good: bool) -> bool:
        notices: list[str] = []
        loaded = self.run.load_checkpoint(notices.append, good)
        if loaded is None:
            return False
        tensors, place, path = loaded
        try:
            self._load_state(tensors)
        except (RuntimeError, KeyError, ValueError) as error:
            raise UserError(
                f"{path}: is of another shape than this configuration; train into a new folder"
            ) from error
        self.place = place
        self.processes.wait()
        if self.processes.is_first:
            self.run.trim_log(place.step)
        for notice in notices:
            self._tell(notice)
        return True

    def save(self) -> None:
        """Write the checkpoint and the converter's weights."""
        if self.processes.is_first:
            place = replace(self.place, suspect=self._looks_ill())
            self.run.save_checkpoint(self._state(), place)
            self.run.save_model(self._average_here(), self.place)

    def _average_here(self) -> dict[str, Tensor]:
        return {name: tensor.cpu() for name, tensor in self.average.items()}

    def averaged(self) -> AbstractContextManager[None]:
        """Within the block the swapper has the averaged weights, in evaluation mode."""
        return using(self.learner.generator_modules, self.average)

    def _state(self) -> dict[str, Tensor]:
        state = {f"model.{n}": t for n, t in self.learner.all_modules.state_dict().items()}
        state |= {f"average.{name}": tensor for name, tensor in self.average.items()}
        known = optimizer_state(self.optimizers, self.phases)
        state |= {f"optimizer.{name}": tensor for name, tensor in known.items()}
        return {name: tensor.detach().cpu() for name, tensor in state.items()}

    def _load_state(self, tensors: dict[str, Tensor]) -> None:
        weights = under(tensors, "model.")
        self.learner.all_modules.load_state_dict(weights)
        average = under(tensors, "average.")
        for name, own in self.average.items():
            own.copy_(average[name])
        load_optimizer_state(self.optimizers, self.phases, under(tensors, "optimizer."))

    # -- the loop ---------------------------------------------------------------------------------

    def fit(
        self,
        report: Callable[[TrainStatus], None] | None = None,
        preview: Callable[[Trainer], None] | None = None,
    ) -> None:
        """Train until the budget is spent or the score is flat; checkpoints, scores and previews
        on their schedules. `stopped` then says why it ended.

        A fault (`health`) or a loss that is not finite leads back to the last good state, at a
        lower rate. Raises UserError if that has not helped; the last good state is then kept.
        KeyboardInterrupt is passed on after saving.
        """
        self.teller.report = report
        if self._is_done():
            return  # Nothing is left to do, and what is there stays byte for byte.
        if self.processes.is_first and not self.run.checkpoint_path.exists():
            self.run.save_checkpoint(self._state(), self.place)  # A state to go back to.
        if preview is not None and self.place.step == 0:
            preview(self)
        try:
            while not self._is_done():
                try:
                    self._fit(preview)
                except CollapseError as fault:
                    self._roll_back(fault)
        except KeyboardInterrupt:
            self.save()
            raise
        self.save()
        if preview is not None:
            preview(self)

    def _fit(self, preview: Callable[[Trainer], None] | None) -> None:
        """Until it is done. Raises CollapseError."""
        window, now = Window(), self.processes.clock_s()
        last_save = last_preview = last_log = last_tick = now
        for batch in self._batches():
            if self._is_done():
                break
            window.add(self._step(batch))
            now = self.processes.clock_s()
            self.place = replace(
                self.place,
                step=self.place.step + 1,
                elapsed_s=self.place.elapsed_s + now - last_tick,
            )
            last_tick = now
            if self.place.step % health.PROBE_EVERY == 0:
                self._look()
            scored = self._scorer is not None and self._score_is_due()
            if scored:
                self._take_score()
                last_tick = self.processes.clock_s()
            if scored or now - last_log >= LOG_EVERY_S or self._is_done():
                self._report(window)
                window, last_log = Window(), now
            if now - last_save >= self.config.checkpoint_s:
                self.save()
                last_save = last_tick = self.processes.clock_s()
            if preview is not None and now - last_preview >= self.config.preview_s:
                preview(self)
                last_preview = last_tick = self.processes.clock_s()

    @property
    def progress(self) -> float:
        """Share of the budget spent, 0 to 1."""
        return progress_of(self.config.budget, self.place.step, self.place.elapsed_s)

    def _score_is_due(self) -> bool:
        place = self.place
        return score_due(self.config.budget, place.marks, place.step, place.elapsed_s)

    def _is_done(self) -> bool:
        """Whether training ends here; `stopped` then says why."""
        place, budget = self.place, self.config.budget
        share = self.config.stop_when_flat
        if self.progress >= 1.0:
            self.stopped = "the budget is spent"
        elif is_flat(budget, place.marks, place.step, place.elapsed_s, share):
            self.stopped = (
                f"the score has been flat for {share:.0%} of the budget (best"
                f" {place.marks.best:.3f}, at step {place.marks.best_step})"
            )
        return bool(self.stopped)

    def _batches(self) -> Iterator[Batch]:
        def forever() -> Iterator[Batch]:
            step = self.place.step
            while True:
                yield _on(self.batches.batch(step), self.device)
                step += 1

        ahead = self.config.prefetch or (2 if self.device.type != "cpu" else 0)
        return prefetch(forever(), ahead) if ahead else forever()

    # -- one step ---------------------------------------------------------------------------------

    def _step(self, batch: Batch) -> dict[str, float]:
        """Move the weights. Gives this process's part of each loss. Raises CollapseError."""
        config = self.config.optimizer
        moment = self._moment(0)
        active = [phase for phase in self.phases if phase.active(moment)]
        values, totals = self._gradients(active, batch)
        figures = {}
        for phase in active:
            self.processes.sum_gradients(phase.parameters)
            align_gradients(phase.parameters)
            norm = float(nn.utils.clip_grad_norm_(phase.parameters, config.clip_norm))
            if not math.isfinite(norm):
                raise health.not_finite_error(phase.name)
            figures[phase.name] = PhaseFigures(norm, totals[phase.name], phase.adversary)
        for phase in active:
            optimizer = self.optimizers[phase.name]
            rate = learning_rate(config, moment.step, moment.progress) * self.place.rate
            for group in optimizer.param_groups:
                group["lr"] = rate * phase.rate(moment) * group["factor"]
            optimizer.step()
        own = self.learner.generator_modules.state_dict()
        decay = min(config.ema_decay, (1 + moment.step) / (10 + moment.step))
        moving = {name: t for name, t in self.average.items() if t.is_floating_point()}
        torch._foreach_lerp_(list(moving.values()), [own[name] for name in moving], 1 - decay)
        self.place = replace(self.place, watch=health.watch_step(self.place.watch, figures))
        return values

    def _moment(self, piece: int) -> Moment:
        step = self.place.step
        return Moment(step, self.progress, step_generator(self.config.seed, step, stream=1 + piece))

    def _gradients(
        self, active: list[Phase], batch: Batch
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Of this process's share, in smaller pieces if memory runs out. Raises CollapseError."""
        while True:
            try:
                return compute_alike(active, batch, self._split, self._moment, self.processes)
            except PieceTooLargeError:
                pass
            self._back_off()

    @property
    def _split(self) -> Split:
        accumulate = self.place.accumulate or self.config.accumulate
        return Split(self.config.per_side, self.processes.index, self.processes.count, accumulate)

    def _back_off(self) -> None:
        """Smaller pieces for the same batch. Raises UserError if they hold one face each."""
        for phase in self.phases:
            for parameter in phase.parameters:
                parameter.grad = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        before, now = self._split, self._split.halved()
        if before.at_once == 1:
            raise UserError(
                f"{self.run.path}: not enough memory even for one face of each side at a time;"
                " choose a smaller --size or a lighter preset"
            )
        self.place = replace(self.place, accumulate=now.accumulate)
        self._tell(
            f"out of memory with {before.at_once} faces of each side at once: goes on with"
            f" {now.at_once} at once, {now.accumulate} times a step, so that a batch is still"
            f" {now.per_side} a side"
        )

    # -- looking ----------------------------------------------------------------------------------

    def _look(self) -> None:
        """Look for collapse in painted faces. Raises CollapseError, in all processes alike."""
        fault = None
        try:
            self.place = replace(self.place, watch=self._watched())
        except CollapseError as found:
            fault = found
        if self.processes.most(fault is not None):
            raise fault or CollapseError("another process saw a collapse")

    def _looks_ill(self) -> bool:
        """Whether a sign of collapse shows in the state of this very step."""
        try:
            return self._watched().suspect
        except CollapseError:
            return True

    def _watched(self) -> Watch:
        """What the watch is after a look at painted faces. Raises CollapseError."""
        if self.probe is None:
            return self.place.watch
        with self.processes.autocast():
            seen = health.look(self.learner.swapper, self.learner.generator_modules, self.probe)
        return health.watch_pictures(self.place.watch, seen, self.place.step)

    def _take_score(self) -> None:
        """Score the averaged weights; keep them if they are the best. The first process does it."""
        assert self._scorer is not None
        started, place, figures = time.monotonic(), self.place, dict[str, float]()
        if self.processes.is_first:
            with self.averaged():
                score = self._scorer(self.learner.swapper, self.device, self.processes.autocast)
            figures = {**asdict(score), "cost_s": time.monotonic() - started}
        figures = self.processes.first_says(figures, [*Score.names(), "cost_s"])
        cost_s = figures.pop("cost_s")
        self.teller.score = score = Score(**figures)
        marks = place.marks.add(score, place.step, place.elapsed_s, cost_s)
        self.place = replace(place, marks=marks)
        if marks.best_step == place.step and self.processes.is_first:
            self.run.save_model(self._average_here(), self.place, best=True)

    def _roll_back(self, fault: CollapseError) -> None:
        """Return to the last good state with a lower rate. Raises UserError after too many."""
        lost = self.place
        if lost.rollbacks >= health.MOST_ROLLBACKS:
            raise UserError(
                f"{self.run.path}: {fault} at step {lost.step}, also after"
                f" {health.MOST_ROLLBACKS} returns to a good state at a lower rate; that state is"
                " kept, train anew with --set optimizer.lr= at half the rate"
            ) from fault
        self.processes.wait()
        self._restore(good=True)
        self.place = replace(
            self.place,
            elapsed_s=lost.elapsed_s,
            rate=lost.rate * health.RATE_CUT,
            rollbacks=lost.rollbacks + 1,
            accumulate=lost.accumulate,
            marks=lost.marks,
        )
        self._tell(
            f"{fault} at step {lost.step}: back to step {self.place.step} with"
            f" {self.place.rate:.3g} of the rate (return {self.place.rollbacks} of"
            f" {health.MOST_ROLLBACKS})"
        )
        self.save()

    # -- telling ----------------------------------------------------------------------------------

    def _tell(self, notice: str) -> None:
        self.teller.notice(notice, self.place, self.progress)

    def _report(self, window: Window) -> None:
        means = self.processes.summed(window.means())
        rate = learning_rate(self.config.optimizer, self.place.step, self.progress)
        self.teller.figures(self.place, self.progress, window, means, rate * self.place.rate)


def _on(batch: Batch, device: torch.device) -> Batch:
    return batch if device.type == "cpu" else batch.to(device)
