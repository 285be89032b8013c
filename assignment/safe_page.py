"""What all HTML pages share: no network access, all text escaped, style and script allowed by hash."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

POLICY = "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'"


def policy(css: str, script: str = "") -> str:
    """Return the Content-Security-Policy of a page with this style sheet and script.

    The policy allows these two by the hashes of their texts, and no others.
    """
    allowed = f"{POLICY}; style-src '{_hash(css)}'"
    return f"{allowed}; script-src '{_hash(script)}'" if script else allowed


@cache
def environment(templates: Path, **filters: Callable[..., Any]) -> Environment:
    """Return the jinja2 environment of a folder of templates: values are escaped, undefined ones raise.

    Args:
        filters: name in the templates → function.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,  # names and messages may come from untrusted files
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(filters)
    return made


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
