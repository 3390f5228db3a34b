"""Fixtures of the tests of pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.browser import NoBrowserError, open_browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; skips where none can be had."""
    try:
        with open_browser() as opened:
            yield opened
    except NoBrowserError as error:
        pytest.skip(str(error))
