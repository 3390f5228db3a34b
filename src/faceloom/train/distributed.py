"""One training in one process or in many: devices, precision, and what processes must agree on.

Lightning Fabric starts the processes (or finds those that torchrun, SLURM and the like started),
chooses devices and carries tensors between them. Every process holds the whole model and computes
its share of each batch; gradients are summed over all processes before the step, so that all
weights stay alike. Only the first process writes.

The sum is taken once a step, after all of a process's own work, and not while gradients are still
being computed: a process that runs out of memory or meets a value that is not finite can then say
so, and no other waits for it forever (docs/decisions/0017).
"""

from __future__ import annotations

import atexit
import logging
import os
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from faceloom.errors import UserError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from faceloom.train.config import TrainConfig


class Processes:
    """All processes of one training, seen from one of them."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric

    @property
    def count(self) -> int:
        """How many share each batch."""
        return self._fabric.world_size

    @property
    def index(self) -> int:
        """Which one this is, from 0."""
        return self._fabric.global_rank

    @property
    def is_first(self) -> bool:
        """Whether this one writes."""
        return self.index == 0

    @property
    def device(self) -> torch.device:
        return self._fabric.device

    def autocast(self) -> AbstractContextManager[Any]:
        """The precision of forward passes."""
        return self._fabric.autocast()

    def clock_s(self) -> float:
        """The first process's clock, so that all keep the same schedule."""
        now = time.monotonic()
        return self.first_says({"s": now}, ["s"])["s"]

    def most(self, value: int) -> int:
        """The highest of all processes' values."""
        if self.count == 1:
            return value
        values = torch.zeros(self.count, dtype=torch.int64, device=self.device)
        values[self.index] = value
        return int(self._sum(values).max())

    def first_says(self, figures: dict[str, float], names: list[str]) -> dict[str, float]:
        """The first process's figures of these names; what the others give does not count."""
        if self.count == 1:
            return figures
        values = torch.zeros(len(names), dtype=torch.float64)
        if self.is_first:
            values = torch.tensor([figures[name] for name in names], dtype=torch.float64)
        return dict(zip(names, self._sum(values.to(self.device)).tolist(), strict=True))

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Sum the gradients of all processes, all parameters at once; a parameter that has none in
        any process has none afterwards."""
        if self.count == 1:
            return
        parameters = list(parameters)
        if not parameters:
            return
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        given = torch.tensor([float(p.grad is not None) for p in parameters], device=self.device)
        flat = self._sum(torch.cat([given, *(grad.reshape(-1).float() for grad in grads)]))
        given, *parts = flat.split([len(parameters), *(grad.numel() for grad in grads)])
        for parameter, part, there in zip(parameters, parts, given.tolist(), strict=True):
            parameter.grad = part.view(parameter.shape) if there else None

    def summed(self, terms: dict[str, float]) -> dict[str, float]:
        """Sums over all processes, which must all have the same names."""
        if self.count == 1 or not terms:
            return terms
        names = sorted(terms)
        values = torch.tensor([terms[n] for n in names], dtype=torch.float64, device=self.device)
        return dict(zip(names, self._sum(values).tolist(), strict=True))

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            self._fabric.barrier()

    def check_alike(self, step: int, run: str) -> None:
        """Raises UserError if processes resumed at different steps: they see different folders."""
        if self.most(step) != -self.most(-step):
            raise UserError(
                f"{run}: is not the same folder for all processes; put it where all machines see it"
            )

    def _sum(self, values: Tensor) -> Tensor:
        found = self._fabric.all_reduce(values, reduce_op="sum")
        assert isinstance(found, Tensor)
        return found


def connect(config: TrainConfig) -> Processes:
    """Start the other processes, if any, and find this one's device.

    Raises UserError for a device or precision that cannot be had.
    """
    from lightning_fabric import Fabric

    # What it says at each start is in the run's record.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    accelerator, device_index = _accelerator(config.device)
    devices, nodes = _processes(config.devices, config.nodes)
    many = devices * nodes > 1
    if many and device_index is not None:
        raise UserError(
            f"device {config.device}: is one device; with --devices or --nodes take cpu or cuda"
        )
    try:
        fabric = Fabric(
            accelerator=accelerator,
            devices=devices if device_index is None else [device_index],
            num_nodes=nodes,
            strategy="ddp" if many else "auto",
            precision=config.precision,
        )
        if many:
            fabric.launch()
            atexit.register(_leave)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"--devices {devices} --nodes {nodes}: cannot be had here ({reason})"
        ) from error
    return Processes(fabric)


def _leave() -> None:
    """Leave the group while Python still stands: Fabric does so for nccl alone, and gloo's threads,
    met by the end of the process, now and then abort it ("terminate called")."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def process_index() -> int:
    """Which process this is, before or without `connect`; 0 for the only one."""
    for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return 0


def _processes(devices: int, nodes: int) -> tuple[int, int]:
    """Devices a machine and machines: as asked for, or as torchrun started them."""
    if devices * nodes > 1:
        return devices, nodes
    if "TORCHELASTIC_RUN_ID" in os.environ:
        local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        return local, int(os.environ.get("WORLD_SIZE", "1")) // max(1, local)
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "1")
    if tasks.isdigit() and int(tasks) > 1:
        raise UserError(
            f"srun: started {tasks} processes, and each would train alone; say --devices (a"
            " machine) and --nodes"
        )
    return devices, nodes


def _accelerator(name: str) -> tuple[str, int | None]:
    """Fabric's name of the kind of device, and which one of it, if a certain one is meant."""
    if name == "auto":
        return ("cuda" if torch.cuda.is_available() else "cpu"), None
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {name}: is not available here; take cpu or auto") from error
    return device.type, device.index if device.type != "cpu" else None
