"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

MEDIA = Path(__file__).parents[2] / "shared" / "media"


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real clips and photographs; skips where it is not there."""
    if not MEDIA.is_dir():
        pytest.skip(f"real media are not at {MEDIA}")
    return MEDIA
