"""The student's feedback as one HTML page: no script, nothing from the network, every text escaped."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from autograder.reports import pictures
from autograder.reports.feedback import Feedback

TEMPLATES = Path(__file__).with_name("templates")
POLICY = "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'"


def render(feedback: Feedback) -> str:
    """Return the page's text."""
    css = (TEMPLATES / "feedback.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    grid = feedback.retrieval.grid if feedback.retrieval else None
    return (
        _environment()
        .get_template("feedback.html.j2")
        .render(
            feedback=feedback,
            css=Markup(css),  # our own file: its hash, which the policy names, is of the text as it stands
            policy=f"{POLICY}; style-src 'sha256-{digest}'",
            tiles=list(pictures.tiles(grid)) if grid else [],
            picture_size=pictures.size(grid) if grid else (0, 0),
            marks=grid.marks() if grid else [],
        )
    )


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


def points(value: float) -> str:
    """Points without needless digits: 2, 0.5, 13.25."""
    return f"{round(value, 2):g}"
