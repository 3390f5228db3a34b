"""The producer runs ahead within bounds, hands on its errors, and stops when nobody listens."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from faceloom.video import prefetch


def running() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "faceloom-prefetch" and t.is_alive()]


def wait_for(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.005)
    return False


def test_items_come_in_order() -> None:
    assert list(prefetch(range(100), depth=3)) == list(range(100))
    assert list(prefetch([], depth=1)) == []
    assert running() == []


def test_the_producer_runs_ahead_but_not_far() -> None:
    made: list[int] = []

    def produce() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    items = prefetch(produce(), depth=4)
    assert next(items) == 0
    assert wait_for(lambda: len(made) == 6)
    time.sleep(0.05)
    assert len(made) == 6  # One used, four waiting, one in the producer's hand.
    items.close()


def test_an_error_reaches_the_consumer_after_what_came_before() -> None:
    def produce() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("the disk is gone")

    seen: list[int] = []
    with pytest.raises(OSError, match="the disk is gone"):
        seen.extend(prefetch(produce()))
    assert seen == [1, 2]
    assert running() == []


def test_a_consumer_that_stops_early_stops_the_thread() -> None:
    closed = threading.Event()

    def produce() -> Iterator[int]:
        try:
            yield from range(10_000_000)
        finally:
            closed.set()

    items = prefetch(produce(), depth=2)
    assert next(items) == 0
    items.close()
    assert closed.is_set()
    assert running() == []


def test_chained_producers_all_stop() -> None:
    inner = prefetch(iter(range(10_000_000)), depth=2)
    outer = prefetch(inner, depth=2)
    assert next(outer) == 0
    outer.close()
    assert running() == []


def test_an_error_in_the_consumer_stops_the_thread() -> None:
    def use(number: int) -> None:
        raise RuntimeError(number)

    items = prefetch(range(10_000_000), depth=2)
    with pytest.raises(RuntimeError), contextlib.closing(items):
        use(next(items))
    assert running() == []
