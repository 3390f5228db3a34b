"""Torch on one thread, where other stages of a pipeline want the cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Within the block torch computes on one thread, here and in threads that begin there: a second
    one would wait for the core that another stage has."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
