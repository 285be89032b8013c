"""The page's text: every word escaped, one own style sheet, one own script at most, their hashes in its policy."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from autograder.reports.class_page.facts import Facts
from autograder.reports.class_page.pairs import Alike
from autograder.reports.class_page.plots import Plot
from autograder.reports.html import points
from autograder.reports.words import STATES, SYMBOLS

TEMPLATES = Path(__file__).with_name("templates")
POLICY = "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'"
FREQUENT = 20  # misconceptions that stand open


def render(facts: Facts, plots: Sequence[Plot], alike: Alike) -> str:
    """Return the page's text."""
    css = (TEMPLATES / "class.css").read_text(encoding="utf-8")
    script = (TEMPLATES / "class.js").read_text(encoding="utf-8")
    policy = f"{POLICY}; style-src '{_hash(css)}'" + ("" if facts.pseudonymous else f"; script-src '{_hash(script)}'")
    return (
        _environment()
        .get_template("class.html.j2")
        .render(
            facts=facts,
            plots=plots,
            alike=alike,
            people=facts.people,
            states=STATES,
            symbols=SYMBOLS,
            frequent=FREQUENT,
            css=Markup(css),  # our own files: the policy names the hashes of their texts as they stand
            script=Markup(script),
            data=Markup(_data(facts)),
            policy=policy,
        )
    )


def _data(facts: Facts) -> str:
    """What the script reads, as JSON in which no `<` stands that could end the element around it."""
    groups = {name: {"title": title, "rows": rows} for name, (title, rows) in facts.groups.items()}
    text = json.dumps({"order": [row.order for row in facts.rows], "groups": groups}, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["points"] = points
    return environment
