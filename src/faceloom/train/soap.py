"""AdamW in a basis that follows the gradients: SOAP (Vyas et al. 2024, arXiv:2409.11321).

A convolution's gradient is a matrix of outputs by inputs. Its outputs are turned into the
eigenbasis of their second moment before Adam scales them, so that scaling meets independent
directions. One side alone is turned: the other one is up to twenty times as large, and its basis
would cost more than the network. All else (biases, dense layers) moves by AdamW.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

_MOMENT = 0.95
"""Memory of the gradients' second moment between outputs."""
_SAMPLED_EVERY = 5
"""Steps between two gradients that enter it: every one of them costs as much as turning it."""
_RIDGE = 1e-12


class Soap(torch.optim.Optimizer):
    """As `torch.optim.AdamW`; `turn_every` steps lie between two corrections of a basis.

    State of a turned weight W (O, I, h, w): `step`; `exp_avg` and `exp_avg_sq` (O, h w I), turned;
    and `basis` (O, O), its eigenvectors in columns, of `moment` (O, O); of another one AdamW's.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.01,
        eps: float = 1e-8,
        turn_every: int = 10,
    ) -> None:
        kept = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "eps": eps}
        super().__init__(params, {**kept, "turn_every": turn_every})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move the weights that have a gradient. `closure` is not taken."""
        if closure is not None:
            raise ValueError("Soap takes no closure")
        for group in self.param_groups:
            moved = [p for p in group["params"] if p.grad is not None]
            self._step_plainly([p for p in moved if not _is_turned(p)], group)
            for parameter in moved:
                if _is_turned(parameter):
                    self._step_turned(parameter, group)

    def _step_plainly(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        states = [self.state[p] for p in parameters]
        for parameter, state in zip(parameters, states, strict=True):
            if not state:
                state["step"] = torch.tensor(0.0, device=parameter.device)
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
        if parameters:
            adamw(
                parameters,
                [p.grad for p in parameters if p.grad is not None],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                [state["step"] for state in states],
                fused=True,
                amsgrad=False,
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                maximize=False,
            )

    def _step_turned(self, parameter: Tensor, group: dict[str, Any]) -> None:
        assert parameter.grad is not None
        gradient_OK, state = _rows(parameter.grad), self.state[parameter]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(gradient_OK)
            state["exp_avg_sq"] = torch.zeros_like(gradient_OK)
            state["moment"] = gradient_OK @ gradient_OK.T
            ridge = _RIDGE * torch.eye(len(gradient_OK)).to(gradient_OK)
            state["basis"] = torch.linalg.eigh(state["moment"] + ridge)[1]
        state["step"] += 1
        step = int(state["step"])
        if step > 1 and step % _SAMPLED_EVERY == 0:
            state["moment"].lerp_(gradient_OK @ gradient_OK.T, 1 - _MOMENT**_SAMPLED_EVERY)
        if step > 1 and step % group["turn_every"] == 0:
            _turn(state)
        first, second = group["betas"]
        basis_OO = state["basis"]
        turned_OK = basis_OO.T @ gradient_OK
        mean_OK = state["exp_avg"].lerp_(turned_OK, 1 - first)
        spread_OK = (
            state["exp_avg_sq"].mul_(second).addcmul_(turned_OK, turned_OK, value=1 - second)
        )
        scale_OK = torch.sqrt(spread_OK, out=turned_OK).div_(math.sqrt(1 - second**step))
        move_OK = basis_OO @ torch.div(mean_OK, scale_OK.add_(group["eps"]), out=scale_OK)
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(_unrows(move_OK, parameter), alpha=-group["lr"] / (1 - first**step))


def _is_turned(parameter: Tensor) -> bool:
    """A convolution with several outputs, and more inputs than outputs."""
    return parameter.ndim == 4 and 1 < parameter.shape[0] <= parameter[0].numel()


def _rows(weight: Tensor) -> Tensor:
    """(O, I, h, w) -> (O, h w I): no copy where weights lie channels last."""
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)


def _unrows(rows_OK: Tensor, like: Tensor) -> Tensor:
    outputs, inputs, height, width = like.shape
    return rows_OK.view(outputs, height, width, inputs).permute(0, 3, 1, 2)


def _turn(state: dict[str, Any]) -> None:
    """One power iteration towards the eigenbasis of the present moment, largest first."""
    basis_OO = state["basis"]
    sizes_O = (basis_OO * (state["moment"] @ basis_OO)).sum(dim=0)
    order_O = sizes_O.argsort(descending=True)
    state["exp_avg_sq"] = state["exp_avg_sq"][order_O]
    state["basis"] = torch.linalg.qr(state["moment"] @ basis_OO[:, order_O])[0]
    state["exp_avg"] = (state["basis"].T @ basis_OO) @ state["exp_avg"]
