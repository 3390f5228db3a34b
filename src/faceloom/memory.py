"""How memory that has been freed is kept, where the same is asked for again at every step."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of glibc's `mallopt`."""
_KEPT_BYTES = 1 << 30
_LARGEST_KEPT_BYTES = 32 << 20
"""More is not allowed: a larger piece goes back when it is freed."""


def keep_freed_memory() -> None:
    """Have the allocator keep up to a gigabyte of what is freed. By itself glibc gives it back to
    the system, which empties every page anew when a training step asks for it again: a twentieth of
    the time of a step on one thread. Does nothing where there is no glibc."""
    if sys.platform != "linux":
        return
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
