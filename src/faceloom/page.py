"""Pages that need nothing else: templates of the package, filled, with style and script inside.

A page asks the network for nothing, and forbids itself to: its content security policy allows data
inside the page, its own script (by hash) and no other address.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render_page(template: str, script: str | None = None, **values: Any) -> str:
    """A page from the package's templates with its style and at most one script inside."""
    environment = _environment()
    code = _asset(script) if script is not None else ""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; media-src data: blob:; style-src 'unsafe-inline';"
        f" script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    return environment.get_template(template).render(
        policy=policy,
        style=Markup(_asset("report.css")),  # noqa: S704 - ours, as packed.
        script=Markup(code),  # noqa: S704 - ours, as packed.
        **values,
    )


def data_uri(data: bytes, kind: str) -> str:
    """Bytes of a media type as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("faceloom", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _asset(name: str) -> str:
    loader = _environment().loader
    assert loader is not None
    return loader.get_source(_environment(), name)[0]
