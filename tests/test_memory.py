"""Freed memory stays with the process, so that it need not be emptied anew."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

_MEGABYTES = 16
_PROGRAM = f"""
import ctypes, sys, torch
from faceloom.memory import keep_freed_memory

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
        "fordblks", "keepcost")]

look = ctypes.CDLL(None).mallinfo2
look.restype = Info
if sys.argv[1] == "kept":
    keep_freed_memory()
before = look()
held = torch.ones({_MEGABYTES} << 18)
during = look()
del held
print(during.hblks - before.hblks, (look().arena - before.arena) >> 20)
"""


def held_by(mode: str) -> tuple[int, int]:
    """Of a large tensor: mappings of its own that it takes, and MB that stay when it is freed."""
    command = [sys.executable, "-c", _PROGRAM, mode]
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    mappings, megabytes = map(int, found.stdout.split())
    return mappings, megabytes


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"),
    reason="needs glibc 2.33, whose allocator it is for",
)
def test_what_is_freed_is_kept() -> None:
    assert held_by("given back") == (1, 0)
    mappings, megabytes = held_by("kept")
    assert mappings == 0
    assert megabytes >= _MEGABYTES - 1
