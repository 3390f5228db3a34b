"""Starting from what is known already: weights of another run, or of the trunk that is shipped.

Whatever has the same place and shape is taken; a trunk's one decoder goes to both sides, and a
pair's decoder of the wanted face can become a trunk's. What did not fit stays as it was drawn, and
is said.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import torch
from torch import Tensor, nn

from faceloom.errors import UserError
from faceloom.models import MaskedGanConfig, ModelConfig
from faceloom.models.pair import PairGenerator, Trunk
from faceloom.train.config import FAST
from faceloom.train.run import Run, read_names, read_tensors

TRUNK, SCRATCH, AUTO = "trunk", "none", "auto"
_SIDES_DECODER = ("decoders.a.", "decoders.b.")
_ONE_DECODER = "decoder."
_OF_A_PAIR = ("galleries.", "carried")
"""Pictures of a pair's people, and how far it is trusted, are no knowledge to start from."""
_SKIPS = ".skips."
_ADDED_LATER = (".reference.", _SKIPS)
"""Parts of decoders that change nothing as drawn."""
_TOLD, _LOOKS = "told.weight", "told_looks.weight"


@dataclass(frozen=True)
class WarmStart:
    """What a run began with."""

    source: str
    """`trunk`, or the folder of a run."""
    sha256: str
    """Of the weights' file."""
    taken: int
    """Weights that were taken, of the generator's."""
    weights: int
    left_out: tuple[str, ...]
    """Parts of the generator (`encoder`, `decoders.a` ...) of which something did not fit."""
    trust: float = 0.0
    """How far swaps are held to a trunk's (`trust`), 0 to 1."""

    @property
    def share(self) -> float:
        """How much of the generator was taken, 0 to 1."""
        return self.taken / max(1, self.weights)


def trunk_name(size_px: int) -> str:
    """The file of the shipped trunk of a size, in `faceloom.assets`."""
    return f"trunk_{size_px}.safetensors"


def has_trunk(model: ModelConfig) -> bool:
    """Whether a trunk for this model is shipped: for the pair model of preset `fast`, and for a
    trunk of its shape, to be trained on."""
    if not isinstance(model, MaskedGanConfig) or model.landmarks is not None:
        return False
    size_px = model.shape.size_px
    shipped = files("faceloom.assets").joinpath(trunk_name(size_px)).is_file()
    return shipped and model.shape == FAST.get(size_px)


def tells_looks(size_px: int) -> bool:
    """Whether the shipped trunk of this size is told shape and colouring, not identity alone."""
    return _LOOKS in _weights_of(TRUNK, size_px)


def knows_skips(start: str, size_px: int) -> bool:
    """Whether the source has learned what to take from the footage (docs/decisions/0039).

    Raises UserError if it has no weights.
    """
    return start != SCRATCH and any(_SKIPS in name for name in _weights_of(start, size_px))


def _weights_of(start: str, size_px: int) -> set[str]:
    with _source(start, size_px) as path:
        return read_names(path)


def _source(start: str, size_px: int) -> contextlib.AbstractContextManager[Path]:
    """The file of weights that a trunk or a run's folder means."""
    if start == TRUNK:
        return as_file(files("faceloom.assets").joinpath(trunk_name(size_px)))
    run = Run(Path(start))
    if not run.model_path.is_file():
        raise UserError(f"{start}: holds no trained model to start from; give a run's folder")
    return contextlib.nullcontext(run.chosen_model())


def resolved_start(start: str, model: ModelConfig) -> str:
    """What `--from` means: `auto` is the shipped trunk where there is one, else nothing.

    Raises UserError if a trunk is asked for that is not shipped.
    """
    if start == AUTO:
        return TRUNK if has_trunk(model) else SCRATCH
    if start == TRUNK and not has_trunk(model):
        raise UserError(
            f"--from trunk: none is shipped for this model at {model.shape.size_px} px; give"
            " --from none, or the folder of a run of its shape"
        )
    return start if start in (TRUNK, SCRATCH) else str(Path(start).resolve())


def warm_start(
    generator: nn.Module, start: str, size_px: int, people_2E: Tensor | None = None
) -> WarmStart | None:
    """Load what fits of `start` (`trunk`, `none` or a run's folder) into the generator.

    Both sides' decoders get a trunk's one decoder, each as it is when told its side's person
    (`data.description`).
    Raises UserError if the source has no weights, is damaged, or nothing of it fits.
    """
    if start == SCRATCH:
        return None
    with _source(start, size_px) as path:
        return _load(generator, path, start, people_2E)


def _load(generator: nn.Module, path: Path, source: str, people_2E: Tensor | None) -> WarmStart:
    known, _ = read_tensors(path)
    if people_2E is not None:
        known |= _told(known, generator, people_2E)
    own = {n: t for n, t in generator.state_dict().items() if not n.startswith(_OF_A_PAIR)}
    taken: dict[str, Tensor] = {}
    for name, tensor in own.items():
        found = next((known[n] for n in _names(name) if n in known), None)
        if found is not None and found.shape == tensor.shape:
            if not bool(torch.isfinite(found).all()):
                raise UserError(f"{path}: holds values that are not finite; start from another run")
            taken[name] = found.to(tensor.dtype)
    if not taken:
        raise UserError(
            f"{source}: none of its weights fit this model; take a run of the same preset and size,"
            " or --from none"
        )
    generator.load_state_dict(generator.state_dict() | taken)
    missed = {_part(name) for name in own if name not in taken}
    return WarmStart(
        source,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        sum(tensor.numel() for tensor in taken.values()),
        sum(tensor.numel() for tensor in own.values()),
        tuple(sorted(missed)),
    )


def _told(known: dict[str, Tensor], generator: nn.Module, people_2E: Tensor) -> dict[str, Tensor]:
    """Both decoders as a trunk's is when told their person (`models.pair.Trunk`). What a trunk from
    before does not tell yet changes nothing."""
    if _TOLD not in known or not isinstance(generator, PairGenerator):
        return {}
    trunk = Trunk(generator.shape, generator.referenced, generator.skipped)
    own = trunk.state_dict()
    fitting = {n: t.float() for n, t in known.items() if n in own and own[n].shape == t.shape}
    needed = [
        name
        for name in own
        if name.startswith(_ONE_DECODER) and not any(part in name for part in _ADDED_LATER)
    ]
    if not all(name in fitting for name in needed):
        return {}
    trunk.load_state_dict(own | fitting)
    return {
        prefix + name: tensor
        for prefix, person in zip(_SIDES_DECODER, people_2E, strict=True)
        for name, tensor in trunk.decoder_of(person).items()
    }


def _names(name: str) -> tuple[str, ...]:
    """Where a weight may stand in the source: its own place first."""
    for prefix in _SIDES_DECODER:
        if name.startswith(prefix):
            return name, _ONE_DECODER + name.removeprefix(prefix)
    if name.startswith(_ONE_DECODER):
        return name, _SIDES_DECODER[1] + name.removeprefix(_ONE_DECODER)
    return (name,)


def _part(name: str) -> str:
    first, _, rest = name.partition(".")
    return f"{first}.{rest.partition('.')[0]}" if first == "decoders" else first
