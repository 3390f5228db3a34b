"""The training loop: phases in turn, moving average, checkpoints, log. It knows no model's name.

A run that is killed loses at most `checkpoint_s` seconds and continues as the unbroken one would
have: batches and random numbers depend on the step alone, and optimiser state is saved. (With a
budget in minutes the schedule follows the clock, so it is exact only with a budget in steps.)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from faceloom.data.batches import Batch, PairBatches, step_generator
from faceloom.errors import UserError
from faceloom.models.base import Learner, Moment, Phase
from faceloom.train.config import OptimizerConfig, TrainConfig
from faceloom.train.run import Place, Run
from faceloom.video import prefetch

LOG_EVERY_S = 2.0


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


@dataclass
class _Window:
    """Sums since the last report."""

    steps: int = 0
    started: float = field(default_factory=time.monotonic)
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, terms: dict[str, float]) -> None:
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        return {name: total / self.counts[name] for name, total in self.sums.items()}


class Trainer:
    """One learner on its way through one run."""

    def __init__(
        self, learner: Learner, batches: PairBatches, run: Run, config: TrainConfig
    ) -> None:
        self.learner = learner
        self.batches = batches
        self.run = run
        self.config = config
        self.device = _device(config.device)
        self.place = Place()
        self._identity: float | None = None
        learner.all_modules.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.phases = learner.phases()
        self.optimizers = {phase.name: _optimizer(phase, config) for phase in self.phases}
        self.average = {
            name: tensor.detach().clone()
            for name, tensor in learner.generator_modules.state_dict().items()
        }

    # -- state ------------------------------------------------------------------------------------

    def resume(self) -> bool:
        """Continue from the run's newest checkpoint, if it has one; says whether it did.

        Raises UserError if the checkpoint is damaged or of another shape than the configuration.
        """
        loaded = self.run.load_checkpoint()
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
        self.run.trim_log(place.step)
        return True

    def save(self) -> None:
        """Write the checkpoint and the converter's weights."""
        self.run.save_checkpoint(self._state(), self.place)
        self.run.save_model({n: t.cpu() for n, t in self.average.items()}, self.place)

    def _state(self) -> dict[str, Tensor]:
        state = {f"model.{n}": t for n, t in self.learner.all_modules.state_dict().items()}
        state |= {f"average.{name}": tensor for name, tensor in self.average.items()}
        for phase in self.phases:
            for index, parameter in enumerate(phase.parameters):
                for name, value in self.optimizers[phase.name].state[parameter].items():
                    state[f"optimizer.{phase.name}.{index}.{name}"] = torch.as_tensor(value)
        return {name: tensor.detach().cpu() for name, tensor in state.items()}

    def _load_state(self, tensors: dict[str, Tensor]) -> None:
        weights = _under(tensors, "model.")
        self.learner.all_modules.load_state_dict(weights)
        average = _under(tensors, "average.")
        for name, own in self.average.items():
            own.copy_(average[name])
        for phase in self.phases:
            saved = _under(tensors, f"optimizer.{phase.name}.")
            optimizer = self.optimizers[phase.name]
            for index, parameter in enumerate(phase.parameters):
                state = _under(saved, f"{index}.")
                if state:
                    optimizer.state[parameter] = {
                        # In the parameter's own memory layout, which fused steps rely on.
                        name: value.clone()
                        if name == "step"
                        else torch.empty_like(parameter).copy_(value)
                        for name, value in state.items()
                    }

    # -- the loop ---------------------------------------------------------------------------------

    def fit(
        self,
        report: Callable[[TrainStatus], None] | None = None,
        preview: Callable[[Trainer], None] | None = None,
    ) -> None:
        """Train until the budget is spent; checkpoints and previews on their schedules.

        Raises UserError if a loss stops being finite; the last checkpoint is then untouched.
        KeyboardInterrupt is passed on after saving.
        """
        if self.progress >= 1.0:
            return  # Nothing is left to do, and what is there stays byte for byte.
        window, now = _Window(), time.monotonic()
        last_save = last_preview = last_log = last_tick = now
        if preview is not None and self.place.step == 0:
            preview(self)
        try:
            for batch in self._batches():
                if self.progress >= 1.0:
                    break
                window.add(self._step(batch))
                window.steps += 1
                now = time.monotonic()
                self.place = Place(self.place.step + 1, self.place.elapsed_s + now - last_tick)
                last_tick = now
                if now - last_log >= LOG_EVERY_S or self.progress >= 1.0:
                    self._report(window, report)
                    window, last_log = _Window(), now
                if now - last_save >= self.config.checkpoint_s:
                    self.save()
                    last_save = last_tick = time.monotonic()
                if preview is not None and now - last_preview >= self.config.preview_s:
                    preview(self)
                    last_preview = last_tick = time.monotonic()
        except KeyboardInterrupt:
            self.save()
            raise
        self.save()
        if preview is not None:
            preview(self)

    @property
    def progress(self) -> float:
        """Share of the budget spent, 0 to 1."""
        budget = self.config.budget
        shares = [0.0]
        if budget.steps is not None:
            shares.append(self.place.step / max(1, budget.steps))
        if budget.minutes is not None:
            shares.append(self.place.elapsed_s / max(1e-9, budget.minutes * 60))
        return min(1.0, max(shares))

    def _batches(self) -> Iterator[Batch]:
        def forever() -> Iterator[Batch]:
            step = self.place.step
            while True:
                yield _on(self.batches.batch(step), self.device)
                step += 1

        ahead = self.config.prefetch or (2 if self.device.type != "cpu" else 0)
        return prefetch(forever(), ahead) if ahead else forever()

    def _step(self, batch: Batch) -> dict[str, float]:
        step = self.place.step
        moment = Moment(step, self.progress, step_generator(self.config.seed, step, stream=1))
        values: dict[str, float] = {}
        for phase in self.phases:
            if phase.active(moment):
                values |= self._phase_step(phase, batch, moment)
        average = self.learner.generator_modules.state_dict()
        decay = min(self.config.optimizer.ema_decay, (1 + moment.step) / (10 + moment.step))
        torch._foreach_lerp_(
            list(self.average.values()), [average[name] for name in self.average], 1 - decay
        )
        return values

    def _phase_step(self, phase: Phase, batch: Batch, moment: Moment) -> dict[str, float]:
        optimizer = self.optimizers[phase.name]
        rate = learning_rate(self.config.optimizer, moment.step, moment.progress)
        rate *= phase.rate(moment)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(self.device.type, torch.bfloat16):
            terms = phase.loss(batch, moment)
            total = torch.stack(
                [term.float() for name, term in terms.items() if name not in phase.observed]
            ).sum()
        if not bool(torch.isfinite(total)):
            raise UserError(
                f"{self.run.path}: the {phase.name} loss is no longer finite at step"
                f" {moment.step}; the last checkpoint is kept, go on from it with"
                " --set optimizer.lr= at half the rate"
            )
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(phase.parameters, self.config.optimizer.clip_norm)
        optimizer.step()
        return {name: float(term.detach()) for name, term in terms.items()}

    def _report(self, window: _Window, report: Callable[[TrainStatus], None] | None) -> None:
        means = window.means()
        spent_s = max(1e-9, time.monotonic() - window.started)
        progress, elapsed_s = self.progress, self.place.elapsed_s
        remaining_s = elapsed_s * (1 - progress) / progress if progress > 0 else None
        # The critic does not look at every step; between its looks the last figure stands.
        self._identity = identity = means.pop("swap_cosine", self._identity)
        status = TrainStatus(
            self.place.step,
            progress,
            elapsed_s,
            remaining_s,
            window.steps * 2 * self.config.per_side / spent_s,
            means,
            identity,
        )
        self.run.log(
            {
                "step": status.step,
                "progress": round(progress, 5),
                "elapsed_s": round(elapsed_s, 2),
                "faces_per_s": round(status.faces_per_s, 1),
                "identity": identity,
                "losses": means,
            }
        )
        if report is not None:
            report(status)


def learning_rate(config: OptimizerConfig, step: int, progress: float) -> float:
    """Linear warm-up over steps, level to `plateau`, then a cosine to `final_share`."""
    warm = min(1.0, (step + 1) / max(1, config.warmup_steps))
    fall = max(0.0, progress - config.plateau) / max(1e-9, 1 - config.plateau)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, fall)))
    return config.lr * warm * (config.final_share + (1 - config.final_share) * cosine)


def _optimizer(phase: Phase, config: TrainConfig) -> torch.optim.AdamW:
    # Adversaries react to each other; less momentum keeps them from circling (Radford et al. 2016).
    first_beta = 0.5 if phase.adversary else 0.9
    return torch.optim.AdamW(
        phase.parameters,
        lr=config.optimizer.lr,
        betas=(first_beta, 0.99),
        weight_decay=config.optimizer.weight_decay,
        fused=True,
    )


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {name}: is not available here; take cpu or auto") from error
    return device


def _on(batch: Batch, device: torch.device) -> Batch:
    return batch if device.type == "cpu" else batch.to(device)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
