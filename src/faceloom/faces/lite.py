"""Running a TensorFlow Lite network."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def open_interpreter(path: Path, delegates: bool = True) -> Any:
    """LiteRT's interpreter of a file, on one thread. Without `delegates` (the fast kernels) its
    operations and constants can be read."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = OpResolverType.AUTO if delegates else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with _native_log_silenced():
        net = Interpreter(model_path=str(path), num_threads=1, experimental_op_resolver_type=kind)
        net.allocate_tensors()
    return net


class LiteNet:
    """A TensorFlow Lite network on one thread; gives its outputs in the file's order."""

    def __init__(self, path: Path) -> None:
        self._net = open_interpreter(path)
        self._input = self._net.get_input_details()[0]["index"]
        self._outputs = [detail["index"] for detail in self._net.get_output_details()]

    def __call__(self, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        self._net.set_tensor(self._input, x)
        self._net.invoke()
        return [self._net.get_tensor(index) for index in self._outputs]


@contextlib.contextmanager
def _native_log_silenced() -> Iterator[None]:
    """LiteRT writes a line about its CPU kernels straight to the error stream; nobody needs it."""
    try:
        kept = os.dup(2)
    except OSError:
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
