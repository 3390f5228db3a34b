"""What a clip says of itself: that its face is synthetic, whose consent it rests on, which model
made it."""

from __future__ import annotations

from faceloom import __version__
from faceloom.errors import UserError

NOTICE = "contains a synthetic face"
SYNTHETIC = "synthetic"
"""The consent line of people who do not exist."""
MODEL_KEY, CONSENT_FOOTAGE_KEY, CONSENT_FACE_KEY = (
    "faceloom_model_sha256", "faceloom_consent_footage", "faceloom_consent_face",
)  # fmt: skip


def check_consent(consent: str | None) -> str:
    """The consent line, trimmed. Raises UserError if there is none."""
    line = " ".join((consent or "").split())
    if not line:
        raise UserError(
            '--consent: is missing; say who agreed, to what and when: --consent "Name, for this'
            ' film, 2026-05-01" (or --consent synthetic for people who do not exist)'
        )
    return line


def clip_metadata(model_sha256: str, consent_footage: str, consent_face: str) -> dict[str, str]:
    """The metadata that every converted clip carries."""
    comment = (
        f"{NOTICE}; made with faceloom {__version__}; model {model_sha256[:16]};"
        f" consent of the person in the footage: {consent_footage};"
        f" consent of the person whose face is shown: {consent_face}"
    )
    return {
        "comment": comment,
        "description": NOTICE,
        MODEL_KEY: model_sha256,
        CONSENT_FOOTAGE_KEY: consent_footage,
        CONSENT_FACE_KEY: consent_face,
    }
