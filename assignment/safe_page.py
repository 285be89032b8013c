"""What all pages of this project share: nothing from the network, every text escaped, own style and script by hash."""

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
    """The Content-Security-Policy of a page with this style sheet and, if there is one, this script.

    They are our own files; the policy names the hashes of their texts as they stand on the page, and allows no other.
    """
    allowed = f"{POLICY}; style-src '{_hash(css)}'"
    return f"{allowed}; script-src '{_hash(script)}'" if script else allowed


@cache
def environment(templates: Path, **filters: Callable[..., Any]) -> Environment:
    """Where a folder's templates are filled in; whatever is put into them is escaped, whatever is missing an error.

    Args:
        filters: name in the templates → function.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,  # names and messages come from files that anyone may have made
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(filters)
    return made


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
