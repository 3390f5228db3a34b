"""Running a producer ahead of its consumer, on one thread.

OpenCV, PyAV and torch release Python's lock while they work, so decoding, computing and encoding
overlap. The queue is bounded: memory stays flat.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")


class _End:
    """Closes the queue; carries the producer's exception, if it had one."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def prefetch(items: Iterable[Item], depth: int = 8) -> Generator[Item, None, None]:
    """The same items, produced up to `depth` ahead on a thread.

    The producer's exceptions are raised here; a consumer that stops early stops the thread.
    """
    waiting: queue.Queue[Item | _End] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(item: Item | _End) -> None:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def produce() -> None:
        error: BaseException | None = None
        source = iter(items)
        try:
            for item in source:
                put(item)
                del item  # Not to be kept alive while the next is made.
                if stopped.is_set():
                    break
        except BaseException as raised:  # Handed to the consumer, whatever it is.
            error = raised
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()
        put(_End(error))

    thread = threading.Thread(target=produce, name="faceloom-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
            del item
    finally:
        stopped.set()
        thread.join()
