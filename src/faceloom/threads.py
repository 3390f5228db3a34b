"""Torch on fewer threads, where other work goes on beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from threading import Barrier
from typing import TypeVar

import torch

T = TypeVar("T")


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


def side_by_side(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What each call gives, in order; each on a thread of its own with its share of torch's threads
    where there is one for each, one after the other else.

    Two halves of a batch on a core each are done sooner than one after the other on both: small
    tensors are not worth dividing, and what is divided waits for the slower half. Waits for all,
    and raises what the first one that failed raised.
    """
    each = torch.get_num_threads() // len(calls)
    if len(calls) == 1 or each == 0:
        return [call() for call in calls]
    futures = [_pool(len(calls), each).submit(call) for call in calls]
    wait(futures)
    return [future.result() for future in futures]


@cache
def _pool(workers: int, threads: int) -> ThreadPoolExecutor:
    """Workers with this many torch threads each."""
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, "beside", initializer=_use, initargs=(threads,))
    all_begun = Barrier(workers)
    wait([pool.submit(all_begun.wait) for _ in range(workers)])
    # The last one to set its own number has set that of threads to come.
    torch.set_num_threads(before)
    return pool


def _use(threads: int) -> None:
    """Give this thread so many. A thread takes up the process's number when it first asks for its
    own, and would lose what it was given before."""
    torch.get_num_threads()
    torch.set_num_threads(threads)
