"""Work on several threads: each with its share of torch's, and the same results."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest
import torch

from faceloom.threads import one_torch_thread, side_by_side


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def about_me(delay_s: float = 0.0) -> tuple[int, int]:
    time.sleep(delay_s)
    torch.ones(100_000).exp()  # A thread that has computed has taken up its number of threads.
    return threading.get_ident(), torch.get_num_threads()


@pytest.mark.parametrize(("threads", "each"), [(2, 1), (5, 2)])
def test_each_call_has_a_thread_and_its_share_of_torchs(threads: int, each: int) -> None:
    torch.set_num_threads(threads)
    for _ in range(2):
        found = side_by_side([partial(about_me, delay_s) for delay_s in (0.05, 0.0)])
        assert len({ident for ident, _ in found} | {threading.get_ident()}) == 3
        assert [own for _, own in found] == [each, each]
        assert torch.get_num_threads() == threads
    later: list[tuple[int, int]] = []
    thread = threading.Thread(target=lambda: later.append(about_me()))
    thread.start()
    thread.join()
    assert later[0][1] == threads, "threads that begin afterwards are not narrowed"


def test_with_one_thread_calls_follow_each_other_here() -> None:
    with one_torch_thread():
        assert side_by_side([about_me, about_me]) == [(threading.get_ident(), 1)] * 2


def test_results_come_in_the_calls_order() -> None:
    torch.set_num_threads(2)

    def after(delay_s: float) -> float:
        time.sleep(delay_s)
        return delay_s

    assert side_by_side([partial(after, 0.05), partial(after, 0.0)]) == [0.05, 0.0]


def test_a_failure_is_raised_once_all_are_done() -> None:
    torch.set_num_threads(2)
    done: list[str] = []

    def fail() -> None:
        raise ValueError("planted")

    def work() -> None:
        time.sleep(0.05)
        done.append("work")

    with pytest.raises(ValueError, match="planted"):
        side_by_side([fail, work])
    assert done == ["work"]
