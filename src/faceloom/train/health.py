"""Collapse: how a training that goes wrong is noticed before its budget is spent.

Three faults, each measured against what the same run did when it was well:

    constant output     pictures of different faces come out alike
    dead player         a phase's gradient has vanished, or an adversary's loss: it has lost or won
                        for good, and the other learns nothing from it
    runaway mask        the mask has gone everywhere, or nowhere

A sign must last before it is a fault. A state in which a sign shows is `suspect`: it is no state to
return to. All of it follows from the steps alone and is part of the checkpoint, so a resumed run
judges as the unbroken one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from faceloom.models.base import SIDES, ShownFaces, Side, Swapper

PROBE_EVERY = 50
"""Steps between looks at painted faces."""
MOST_ROLLBACKS = 3
RATE_CUT = 0.5
"""What a fault leaves of the learning rate."""
_QUIET_STEPS = 50
_BAD_PROBES = 2
_SETTLED_STEPS = 20
"""A phase's usual figures count from here on."""
_MEMORY = 0.98
_VANISHED_NORM = 1e-3
_VANISHED_LOSS = 1e-2
_LIVELY, _CONSTANT = 0.15, 0.03
"""Spread of painted faces over that of the real ones."""
_LATEST_START = 1000
"""Steps after which restored faces must have differed once."""
_STILL = 0.02
"""Real faces that differ by less than this (of 2) say nothing."""
_EVERYWHERE, _NOWHERE = 0.985, 0.02
_WELL_UNDER, _WELL_OVER = 0.9, 0.2


class CollapseError(Exception):
    """Training has gone wrong; the text says how."""


def not_finite_error(phase: str) -> CollapseError:
    """A phase's loss or gradient is not finite."""
    return CollapseError(f"the {phase} loss is no longer finite")


@dataclass(frozen=True)
class Watch:
    """What is remembered of a run's health; plain values, for the checkpoint."""

    steps: dict[str, int] = field(default_factory=dict)
    """By phase: how often it ran."""
    usual_norm: dict[str, float] = field(default_factory=dict)
    usual_loss: dict[str, float] = field(default_factory=dict)
    quiet: dict[str, int] = field(default_factory=dict)
    """By phase: steps in a row without a gradient to speak of."""
    lively: dict[str, bool] = field(default_factory=dict)
    """By painted direction: whether its faces have differed, its mask has been well."""
    bad_probes: dict[str, int] = field(default_factory=dict)

    @property
    def suspect(self) -> bool:
        """Whether a sign of collapse shows."""
        return any(self.quiet.values()) or any(self.bad_probes.values())


@dataclass(frozen=True)
class PhaseFigures:
    """One phase's step."""

    norm: float
    """Of its gradient, before clipping."""
    loss: float
    adversary: bool


def watch_step(watch: Watch, phases: Mapping[str, PhaseFigures]) -> Watch:
    """After a step. Raises CollapseError if a player is dead."""
    steps, quiet = dict(watch.steps), dict(watch.quiet)
    norms, losses = dict(watch.usual_norm), dict(watch.usual_loss)
    for name, figures in phases.items():
        steps[name] = steps.get(name, 0) + 1
        settled = steps[name] > _SETTLED_STEPS
        vanished = figures.norm < _VANISHED_NORM * norms.get(name, 0.0)
        if figures.adversary:
            vanished |= 0 <= figures.loss < _VANISHED_LOSS * losses.get(name, 0.0)
        if settled and vanished:
            quiet[name] = quiet.get(name, 0) + 1
            if quiet[name] >= _QUIET_STEPS:
                raise CollapseError(f"the {name} is dead (its gradient has vanished)")
            continue
        quiet[name] = 0
        norms[name] = _mixed(norms.get(name), figures.norm)
        losses[name] = _mixed(losses.get(name), abs(figures.loss))
    return replace(watch, steps=steps, quiet=quiet, usual_norm=norms, usual_loss=losses)


def watch_pictures(watch: Watch, probe: Mapping[str, PaintedFigures], step: int) -> Watch:
    """After a look at painted faces. Raises CollapseError for constant output or a runaway mask."""
    lively, bad = dict(watch.lively), dict(watch.bad_probes)
    for name, seen in probe.items():
        signs = {
            f"{name} spread": (
                seen.spread is not None and seen.spread > _LIVELY,
                seen.spread is not None and seen.spread < _CONSTANT,
                f"the output is constant ({name}: all faces come out alike)",
            ),
            f"{name} mask over": (
                seen.masks and seen.alpha < _WELL_UNDER,
                seen.alpha > _EVERYWHERE,
                f"the mask has run away ({name}: it covers the whole picture)",
            ),
            f"{name} mask under": (
                seen.masks and seen.hull_alpha > _WELL_OVER,
                seen.hull_alpha < _NOWHERE,
                f"the mask has run away ({name}: nothing of the face is left in it)",
            ),
        }
        for sign, (well, ill, words) in signs.items():
            lively[sign] = lively.get(sign, False) or well
            # What never was well may still be on its way, but restored faces must differ early.
            due = sign.endswith("spread") and seen.restores and step >= _LATEST_START
            bad[sign] = bad.get(sign, 0) + 1 if ill and (lively[sign] or due) else 0
            if bad[sign] >= _BAD_PROBES:
                raise CollapseError(words)
    return replace(watch, lively=lively, bad_probes=bad)


@dataclass(frozen=True)
class PaintedFigures:
    """What one direction's painted faces look like."""

    spread: float | None
    """Deviation over the faces, over that of the real ones; None where those do not differ."""
    alpha: float
    """Mean opacity of the whole picture."""
    hull_alpha: float
    """Mean opacity within the hull."""
    masks: bool
    """Whether opacity is anything but exactly 1 everywhere, as it is without a mask."""
    restores: bool
    """Whether faces are painted as the person they are."""


@dataclass(frozen=True)
class ProbeFaces:
    """A few faces of each side: tight crops (N, 3, S, S) in [-1, 1], hulls (N, 1, S, S), and where
    their features lie."""

    faces: dict[Side, Tensor]
    hulls: dict[Side, Tensor]
    shown: dict[Side, ShownFaces] = field(default_factory=dict)

    def to(self, device: torch.device) -> ProbeFaces:
        return ProbeFaces(
            {side: tensor.to(device) for side, tensor in self.faces.items()},
            {side: tensor.to(device) for side, tensor in self.hulls.items()},
            {side: shown.to(device) for side, shown in self.shown.items()},
        )


@torch.inference_mode()
def look(swapper: Swapper, module: nn.Module, probe: ProbeFaces) -> dict[str, PaintedFigures]:
    """Paint the faces of both sides as both people and measure; by direction, such as "a as b".

    `module` holds the swapper's weights; it is in evaluation mode meanwhile.
    """
    found = {}
    was_training = module.training
    module.eval()
    for side in SIDES:
        source, hull = probe.faces[side], probe.hulls[side]
        inside = hull.mean().clamp_min(1e-6)
        real = float((source.std(dim=0) * hull.mean(dim=0)).mean() / inside)
        for to in SIDES:
            rgb, alpha, _ = swapper.swap(source, to, probe.shown.get(side))
            spread = float((rgb.std(dim=0) * hull.mean(dim=0)).mean() / inside)
            found[f"{side} as {to}"] = PaintedFigures(
                spread / real if real > _STILL else None,
                float(alpha.mean()),
                float((alpha * hull).mean() / inside),
                bool((alpha != 1).any()),
                to == side,
            )
    module.train(was_training)
    return found


def _mixed(usual: float | None, now: float) -> float:
    return now if usual is None else _MEMORY * usual + (1 - _MEMORY) * now
