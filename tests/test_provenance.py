"""Consent is asked for and carried."""

from __future__ import annotations

import pytest

from faceloom.errors import UserError
from faceloom.provenance import MODEL_KEY, check_consent, clip_metadata


@pytest.mark.parametrize("line", [None, "", "  \n "])
def test_no_consent_is_refused(line: str | None) -> None:
    with pytest.raises(UserError, match="--consent"):
        check_consent(line)


def test_metadata_says_all() -> None:
    metadata = clip_metadata("ab" * 32, "Ann, film", "Bo, film")
    assert "contains a synthetic face" in metadata["comment"]
    assert "Ann, film" in metadata["comment"]
    assert "Bo, film" in metadata["comment"]
    assert metadata[MODEL_KEY] == "ab" * 32


def test_consent_becomes_one_line() -> None:
    assert check_consent(" Ann,\n film ") == "Ann, film"
