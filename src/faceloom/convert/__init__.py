"""From footage and a trained run to converted clips: the stage behind `faceloom convert`."""

from faceloom.convert.clip import (
    OUTPUT_KINDS,
    ClipReport,
    ConvertOptions,
    ConvertReport,
    ConvertStatus,
    OutputKind,
    Work,
    convert,
)

__all__ = [
    "OUTPUT_KINDS",
    "ClipReport",
    "ConvertOptions",
    "ConvertReport",
    "ConvertStatus",
    "OutputKind",
    "Work",
    "convert",
]
