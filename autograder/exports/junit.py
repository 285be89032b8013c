"""JUnit XML: one suite per student, one case per hidden test, for dashboards and continuous integration.

It contains nothing but the student's feedback, so students may see it. The format is that of Ant and Jenkins: all
counts, `system-out` and `system-err`, times without a zone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from xml.etree import ElementTree

from assignment.manifest import Manifest
from assignment.text import one_line
from autograder.exports.feedback_text import failure_line, lateness, read_feedback
from autograder.exports.results import Result
from autograder.grading.record import Record

ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
NO_MOMENT = "1970-01-01T00:00:00"


def as_junit(results: Sequence[Result], manifest: Manifest) -> str:
    """The report of these students; ExportError if a record is missing or damaged."""
    root = ElementTree.Element("testsuites")
    for number, result in enumerate(results):
        root.append(_suite(number, result, manifest))
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(number: int, result: Result, manifest: Manifest) -> ElementTree.Element:
    record = result.record() if result.row.graded else None
    cases = _cases(result, record, manifest) if record else [_no_grade(result)]
    kinds = [child.tag for case in cases for child in case]
    when = MOMENT.match(record.measured.date) if record else None
    counts = {"tests": len(cases), "failures": kinds.count("failure"), "errors": kinds.count("error")}
    suite = _element(
        "testsuite",
        id=number,
        name=result.row.key or "submission",
        package=f"{manifest.title} {manifest.version}",
        timestamp=when[0] if when else NO_MOMENT,
        hostname="grader",
        **counts,
        skipped=kinds.count("skipped"),
        time=f"{record.measured.seconds if record else 0.0:.3f}",
    )
    facts = {"points": result.row.points, "bonus": result.row.bonus, "final": result.final()}
    properties = ElementTree.SubElement(suite, "properties")
    properties.extend(_element("property", name=name, value=f"{value:g}") for name, value in facts.items())
    suite.extend(cases)
    ElementTree.SubElement(suite, "system-out").text = lateness(result) or None
    ElementTree.SubElement(suite, "system-err")
    return suite


def _cases(result: Result, record: Record, manifest: Manifest) -> list[ElementTree.Element]:
    feedback = read_feedback(result, manifest, record)
    seconds = _seconds(record)
    cases = []
    for task in feedback.tasks:
        for test in task.tests:
            for behaviour in (test.behaviour, *test.also):
                waiting = seconds[behaviour] or seconds[behaviour.rpartition(" (")[0]]
                taken = waiting.pop(0) if waiting else 0.0
                name = f"{behaviour} ({task.number})"
                case = _element("testcase", classname=task.id, name=name, time=f"{taken:.3f}")
                if test.state == "failed":
                    text = failure_line(test)
                    case.append(_element("failure", text, message=one_line(text, 200), type="failed"))
                elif test.state != "passed":
                    case.append(_element("skipped", message=test.headline or task.words))
                cases.append(case)
    return cases


def _no_grade(result: Result) -> ElementTree.Element:
    case = _element("testcase", classname="submission", name="the submission can be graded", time="0.000")
    case.append(_element("error", result.row.problem, message=result.row.problem or "no grade", type=result.row.state))
    return case


def _seconds(record: Record) -> dict[str, list[float]]:
    """Seconds of the tests by behaviour, in the order in which they ran."""
    found: dict[str, list[float]] = defaultdict(list)
    for task, test in record.tests():
        taken = record.measured.test_seconds.get(f"{task.id}/{test.name}", 0.0)
        found[one_line(test.behaviour)].append(float(taken))
    return found


def _element(tag: str, text: str = "", /, **attributes: object) -> ElementTree.Element:
    """An element; characters that XML forbids are removed from its texts."""
    element = ElementTree.Element(tag, {key: _legal(str(value)) for key, value in attributes.items()})
    element.text = _legal(text) or None
    return element


def _legal(text: str) -> str:
    return ILLEGAL.sub("", one_line(text, 2000))
