"""The run's log for TensorBoard: `tensorboard --logdir RUN`.

Written by torch's own writer, which needs the package `tensorboard` (the extra of that name) for
its format, and TensorFlow not at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from faceloom.errors import UserError
from faceloom.image import read_image

FOLDER = "tensorboard"


class TensorBoardLog:
    """Scalars and grids of one run. Raises UserError if the extra is not installed."""

    def __init__(self, run: Path, from_step: int = 0) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UserError(
                "--tensorboard: needs the package tensorboard; install it with"
                " pip install 'faceloom[tensorboard]'"
            ) from error
        # What a killed run wrote after its checkpoint is shown no more.
        self._writer = SummaryWriter(str(run / FOLDER), purge_step=from_step or None)

    def show(self, entry: dict[str, Any]) -> None:
        """One entry of the log."""
        step = int(entry["step"])
        if "notice" in entry:
            self._writer.add_text("notice", str(entry["notice"]), step)
        for group in ("losses", "score"):
            for name, value in entry.get(group, {}).items():
                if name != "step":
                    self._writer.add_scalar(f"{group}/{name}", value, step)
        for name in ("rate", "faces_per_s", "identity"):
            if entry.get(name) is not None:
                self._writer.add_scalar(f"run/{name}", entry[name], step)
        self._writer.flush()

    def show_picture(self, png: Path, step: int) -> None:
        """A preview grid."""
        self._writer.add_image("preview", read_image(png), step, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
