"""The 468-point mesh network in torch, differentiable: for losses on landmarks.

The same weights and the same graph as `find.MeshLandmarker` runs: both are read from its TensorFlow
Lite file (`weights.FACE_MESH`), whose six kinds of operations are few lines each. Frozen.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceloom.faces import frozen
from faceloom.faces.lite import open_interpreter
from faceloom.weights import FACE_MESH

MESH_PX = 192
_POINTS = 468


class _Step(NamedTuple):
    kind: str
    inputs: tuple[int, ...]
    output: int
    sizes: tuple[int, int]
    """Side of the input's and of the output's map."""


class MeshNet(nn.Module):
    """Views (B, 3, 192, 192) in [0, 1], as `find` cuts them, to points (B, 468, 3), view pixels."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__()
        net = open_interpreter(path or FACE_MESH.path(), delegates=False)
        shapes = {one["index"]: tuple(one["shape"]) for one in net.get_tensor_details()}
        operations = [op for op in net._get_ops_details() if op["op_name"] != "DELEGATE"]
        self._input = int(net.get_input_details()[0]["index"])
        self._steps: list[_Step] = []
        made = {self._input}
        for operation in operations:
            inputs, output = [int(i) for i in operation["inputs"]], int(operation["outputs"][0])
            kind = str(operation["op_name"])
            for index in inputs:
                if index >= 0 and index not in made:
                    self._keep(kind, index, net.get_tensor(index))
            made.add(output)
            sizes = (int(shapes[inputs[0]][1]), int(shapes[output][1]))
            self._steps.append(_Step(kind, tuple(inputs), output, sizes))
        outputs = [int(one["index"]) for one in net.get_output_details()]
        (self._output,) = (i for i in outputs if int(np.prod(shapes[i])) == 3 * _POINTS)
        self.eval().requires_grad_(False)

    def _keep(self, kind: str, index: int, values: Any) -> None:
        """A constant, in torch's order of axes."""
        tensor = torch.from_numpy(np.array(values))
        if kind == "CONV_2D" and tensor.ndim == 4:
            tensor = tensor.permute(0, 3, 1, 2)
        elif kind == "DEPTHWISE_CONV_2D" and tensor.ndim == 4:
            tensor = tensor.permute(3, 0, 1, 2)
        elif kind == "PRELU":
            tensor = tensor.flatten()
        layout = torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
        tensor = tensor.contiguous(memory_format=layout)
        self.register_buffer(f"tensor_{index}", tensor, persistent=False)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.buffers()).device

    def _constant(self, index: int) -> Tensor:
        tensor: Tensor = getattr(self, f"tensor_{index}")
        return tensor

    def forward(self, views_BCHW: Tensor) -> Tensor:
        # Channels last: half the time on a CPU.
        found = {self._input: views_BCHW.contiguous(memory_format=torch.channels_last)}
        for step in self._steps:
            found[step.output] = self._run(step, found)
        return found[self._output].reshape(-1, _POINTS, 3)

    def _run(self, step: _Step, found: dict[int, Tensor]) -> Tensor:
        x, rest = found[step.inputs[0]], step.inputs[1:]
        match step.kind:
            case "CONV_2D":
                return _convolved(x, self._constant(rest[0]), self._constant(rest[1]), step.sizes)
            case "DEPTHWISE_CONV_2D":
                weight, bias = (self._constant(index) for index in rest)
                return _convolved(x, weight, bias, step.sizes, groups=len(weight))
            case "PRELU":
                return frozen.prelu(x, self._constant(rest[0]))
            case "ADD":
                return x + found[rest[0]]
            case "MAX_POOL_2D":
                return F.max_pool2d(x, step.sizes[0] // step.sizes[1])
            case "PAD":  # Of channels alone: the shortcut of a block that widens.
                before, after = self._constant(rest[0])[3].tolist()
                return F.pad(x, (0, 0, 0, 0, before, after))
        raise ValueError(f"the mesh network has an operation that is not known: {step.kind}")


def _convolved(
    x: Tensor, weight: Tensor, bias: Tensor, sizes: tuple[int, int], groups: int = 1
) -> Tensor:
    """TensorFlow's convolution: padded to size / stride, the odd pixel below and to the right, or
    not padded where the map shrinks to a single place."""
    size, kernel = sizes[0], weight.shape[-1]
    if sizes[1] == 1 and kernel == size:
        return F.conv2d(x, weight, bias, groups=groups)
    stride = size // sizes[1]
    padding = max(0, (sizes[1] - 1) * stride + kernel - size)
    low, high = padding // 2, padding - padding // 2
    if low != high:
        x = F.pad(x, (low, high, low, high))
        low = 0
    return frozen.convolve(x, weight, bias, stride, low, groups)


@cache
def load_mesh_net() -> MeshNet:
    """The one instance on the CPU."""
    return MeshNet()
