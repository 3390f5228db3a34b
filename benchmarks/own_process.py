"""A measurement in a fresh interpreter, so that its threads and its peak memory are its own."""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from typing import Any


def in_own_process(
    module: str, function: str, *arguments: Any, variables: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What `module.function(*arguments)` found, with its `peak_mb` if it did not note that itself;
    arguments and result go as JSON, `variables` are added to the environment.

    Ends the program if the measurement fails.
    """
    command = [sys.executable, "-m", "benchmarks.own_process", module, function]
    done = subprocess.run(
        [*command, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(variables or {})},
    )
    if done.returncode:
        raise SystemExit(f"{module}.{function}{arguments}: failed\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def peak_mb() -> float:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    module, function, arguments = sys.argv[1:]
    found = getattr(importlib.import_module(module), function)(*json.loads(arguments))
    found.setdefault("peak_mb", peak_mb())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
