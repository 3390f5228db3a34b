"""Each phase's optimiser, AdamW (Loshchilov & Hutter 2019) or SOAP, its rate over a run, and its
state."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from faceloom.models.base import Phase
from faceloom.train.config import OptimizerConfig
from faceloom.train.soap import Soap

Optimizers = Mapping[str, torch.optim.Optimizer]
"""By the name of their phase."""


def make_optimizer(phase: Phase, config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimiser of a phase's weights."""
    groups = [{"params": own, "factor": factor} for own, factor in phase.groups()]
    if config.kind == "soap" and not phase.adversary:
        return Soap(groups, config.lr, (0.9, 0.99), config.weight_decay)
    # Adversaries react to each other; less momentum keeps them from circling (Radford et al. 2016).
    first_beta = 0.5 if phase.adversary else 0.9
    return torch.optim.AdamW(
        groups,
        lr=config.lr,
        betas=(first_beta, 0.99),
        weight_decay=config.weight_decay,
        fused=True,
    )


def align_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Lay each gradient out in memory as its weight is. Fused steps walk through both side by side
    and check nothing: a gradient laid out otherwise would move the wrong weights."""
    for parameter in parameters:
        grad = parameter.grad
        if grad is not None and grad.stride() != parameter.stride():
            parameter.grad = _laid_out_as(parameter, grad)


def learning_rate(config: OptimizerConfig, step: int, progress: float) -> float:
    """Linear warm-up over steps, level to `plateau`, then a cosine to `final_share`."""
    warm = min(1.0, (step + 1) / max(1, config.warmup_steps))
    fall = max(0.0, progress - config.plateau) / max(1e-9, 1 - config.plateau)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, fall)))
    return config.lr * warm * (config.final_share + (1 - config.final_share) * cosine)


def optimizer_state(optimizers: Optimizers, phases: Sequence[Phase]) -> dict[str, Tensor]:
    """What optimisers remember of each weight, by phase, place and name, for a checkpoint."""
    return {
        f"{phase.name}.{index}.{name}": torch.as_tensor(value)
        for phase in phases
        for index, parameter in enumerate(phase.parameters)
        for name, value in optimizers[phase.name].state[parameter].items()
    }


def load_optimizer_state(
    optimizers: Optimizers, phases: Sequence[Phase], tensors: dict[str, Tensor]
) -> None:
    """Undo `optimizer_state`; a weight without a record has none afterwards."""
    for phase in phases:
        optimizer = optimizers[phase.name]
        for index, parameter in enumerate(phase.parameters):
            state = under(tensors, f"{phase.name}.{index}.")
            optimizer.state.pop(parameter, None)
            if state:
                optimizer.state[parameter] = {
                    name: _laid_out_as(parameter, value) for name, value in state.items()
                }


def _laid_out_as(parameter: Tensor, value: Tensor) -> Tensor:
    """A copy where the parameter is, and laid out as it is if it has its shape: fused steps rely
    on both."""
    if value.shape != parameter.shape:
        return value.to(parameter.device, copy=True)
    return torch.empty_like(parameter).copy_(value)


def under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with the prefix, without it."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
