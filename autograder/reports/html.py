"""Render a student's feedback as one HTML page without scripts and network resources; every text is escaped."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from assignment import safe_page
from assignment.text import points
from autograder.reports import pictures
from autograder.reports.feedback import Feedback

TEMPLATES = Path(__file__).with_name("templates")


def render(feedback: Feedback) -> str:
    """Return the HTML."""
    css = (TEMPLATES / "feedback.css").read_text(encoding="utf-8")
    template = safe_page.environment(TEMPLATES, points=points).get_template("feedback.html.j2")
    grid = feedback.retrieval.grid if feedback.retrieval else None
    return template.render(
        feedback=feedback,
        css=Markup(css),
        policy=safe_page.policy(css),
        tiles=list(pictures.tiles(grid)) if grid else [],
        picture_size=pictures.size(grid) if grid else (0, 0),
        marks=grid.marks() if grid else [],
    )
