"""Render the page: escaped text, one style sheet and at most one script, both allowed by hash in its policy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from assignment import safe_page
from assignment.text import counted, points
from autograder.reports.class_page.facts import Facts
from autograder.reports.class_page.pairs import Alike
from autograder.reports.class_page.plots import Plot
from autograder.reports.words import STATES, SYMBOLS

TEMPLATES = Path(__file__).with_name("templates")
FREQUENT = 20  # misconceptions that are not folded


def render(facts: Facts, plots: Sequence[Plot], alike: Alike) -> str:
    """Return the page as HTML."""
    css = (TEMPLATES / "class.css").read_text(encoding="utf-8")
    script = (TEMPLATES / "class.js").read_text(encoding="utf-8")
    template = safe_page.environment(TEMPLATES, points=points, counted=counted).get_template("class.html.j2")
    return template.render(
        facts=facts,
        plots=plots,
        alike=alike,
        people=facts.people,
        states=STATES,
        symbols=SYMBOLS,
        frequent=FREQUENT,
        css=Markup(css),
        script=Markup(script),
        data=Markup(_data(facts)),
        policy=safe_page.policy(css, "" if facts.pseudonymous else script),
    )


def _data(facts: Facts) -> str:
    """The script's data as JSON with `<` escaped, so that it cannot end the element around it."""
    groups = {name: {"title": title, "rows": rows} for name, (title, rows) in facts.groups.items()}
    text = json.dumps({"order": [row.order for row in facts.rows], "groups": groups}, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
