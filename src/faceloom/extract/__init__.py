"""From footage to a face set: the stage behind `faceloom extract`."""

from faceloom.extract.stage import ExtractOptions, ExtractReport, ExtractStatus, extract

__all__ = ["ExtractOptions", "ExtractReport", "ExtractStatus", "extract"]
