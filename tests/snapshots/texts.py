"""The texts of the snapshots: functions without arguments that return the same text on every machine."""

from __future__ import annotations

import difflib
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath

import typer
from rich.console import Console
from typer.testing import CliRunner

from assignment.__main__ import app as student_app
from assignment.checking.outcome import FAILED, Reason
from assignment.checking.student import StudentError
from autograder.__main__ import app
from autograder.classroom.batch import Report
from autograder.classroom.class_file import CRASHED, UNUSABLE, read_class_file
from autograder.classroom.journal import Entry
from autograder.classroom.summary import Summary
from autograder.exports.feedback_text import lines, read_feedback
from autograder.exports.gradescope.results import results_json
from autograder.exports.junit import as_junit
from autograder.exports.results import read_results
from autograder.exports.table import as_csv
from autograder.grading.make_record import record_of
from autograder.grading.record import HandIn, LateResult, Record
from autograder.grading.reference_files import template
from autograder.intake.classes import ASIDE, DUPLICATE, UNLISTED, Attempt, Class, Student
from autograder.intake.lateness import Late
from autograder.intake.roster import Person
from autograder.reports import class_batch, markdown, terminal, ungraded, words
from autograder.reports.class_page import pairs, render
from autograder.reports.class_page.facts import collect
from autograder.reports.feedback import feedback
from tests.autograder import class_folder, made_up_class
from tests.autograder.made_up_grades import (
    MANIFEST,
    grade_of,
    hostile_record,
    outcome,
    partial_source,
    real_record,
    with_retrieval,
)

FOLDER = Path(__file__).parent
WIDTH = 120


def difference(name: str, text: str) -> str:
    """The difference of a text from its snapshot, in the format of `diff -u`; "" if there is none."""
    path = FOLDER / f"{name}.txt"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    return "".join(difflib.unified_diff(before.splitlines(True), text.splitlines(True), path.name, "now"))


def commands(root: typer.Typer, program: str) -> str:
    """Help of a program and its commands: texts, options and defaults, without the layout of the terminal."""
    group = typer.main.get_command(root)
    found = [f"{program}\n{group.help}"]
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        found.append(f"\n{program} {name}\n{command.help}")
        for option in command.params:
            names = ", ".join([*option.opts, *option.secondary_opts])
            default = getattr(option.default, "value", option.default)
            shown = f" [default: {default}]" if default and not callable(default) else ""
            found.append(f"  {names} {option.metavar or ''}: {getattr(option, 'help', '') or ''}{shown}")
    if epilog := getattr(group, "epilog", None):
        found.append(f"\n{epilog}")
    return "\n".join(found) + "\n"


@cache
def records() -> dict[str, tuple[Record, str]]:
    """Records of all kinds with their sources, by a title."""
    partial = real_record(partial_source())
    failed = StudentError(Reason.IMPORT, "no module named seaborn", "ModuleNotFoundError", 2)
    crashed = StudentError(Reason.IMPORT, "crash signal 11")
    tests = [outcome(status=FAILED, reason=Reason.IMPORT)]
    endless = "import torch\nwhile True:\n    pass\n"
    seaborn = "import torch\nimport seaborn\n"
    late = HandIn("s-1", late=LateResult(2, 0.2))
    return {
        "template": (real_record(template()), template()),
        "several mistakes": (with_retrieval(partial), partial_source()),
        "late": (replace(real_record(template(), ["triplet-loss"]), hand_in=late), template()),
        "an import that fails": (record_of(grade_of(tests, seaborn, import_problem=failed), MANIFEST), seaborn),
        "an import that crashes": (record_of(grade_of(tests, endless, import_problem=crashed), MANIFEST), endless),
        "hostile": hostile_record(shown=False),
    }


def reports() -> str:
    """The feedback of students, in Markdown."""
    found = [
        f"===== {title} =====\n\n{markdown.render(feedback(record, MANIFEST, source))}"
        for title, (record, source) in records().items()
    ]
    for state, problem in ((UNUSABLE, "dml.py is empty"), (CRASHED, "the worker was lost, 2 times")):
        text = markdown.render(ungraded.feedback(state, problem, "dml.py", MANIFEST))
        found.append(f"===== no grade: {state} =====\n\n{text}")
    return _without_lines("\n".join(found))


def tables() -> str:
    """What instructors read in the terminal about a record."""
    file = io.StringIO()
    console = Console(file=file, width=WIDTH)
    for title, (record, _) in records().items():
        console.print(f"===== {title} =====", highlight=False)
        terminal.print_result(record, MANIFEST, console)
    return _without_lines("\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n")


def _without_lines(text: str) -> str:
    """The text without numbers of lines, which change whenever the reference does."""
    return re.sub(r"\bline \d{2,}", "line …", text)


def sentences() -> str:
    """All sentences about frequent errors and about calls without a value."""
    found = [sentence for _, _, sentence in words.EXPLANATIONS]
    found += [sentence for _, sentence in words.VALUE_SENTENCES]
    reasons = (Reason.TIMEOUT, Reason.MEMORY, Reason.CRASH, Reason.GARBAGE, Reason.EXIT, "not tried")
    for reason in (*reasons, Reason.UNJUDGED, Reason.BUDGET, "other"):
        found.append(words.session_problem(reason, MANIFEST.limits, improvement=False))
    return "\n".join([*words.STATES.values(), *words.SESSION_WORDS.values(), *found]) + "\n"


def exports() -> str:
    """The exports of two students: Gradescope's results.json, JUnit XML, lines of a comment, the table."""
    people = [
        class_folder.Person("ada", "Ada Example", lost=("triplet-loss", "gem"), late=Late(3, 0.3)),
        class_folder.Person("bob", "Bob Example", lost=None),
    ]
    with tempfile.TemporaryDirectory() as name:
        results = read_results(class_folder.write_class(Path(name), people))
        ada = results.students[0]
        found = {
            "results.json": results_json(ada, MANIFEST, leaderboard=True),
            "results.json without a grade": results_json(results.students[1], MANIFEST),
            "JUnit XML": as_junit(results.students, MANIFEST),
            "comment": "\n".join(lines(ada, read_feedback(ada, MANIFEST))) + "\n",
            "table": as_csv(results).replace("\r\n", "\n").removeprefix("\ufeff"),
        }
    return "\n".join(f"===== {title} =====\n\n{text}" for title, text in found.items())


def _student(key: str, **more: object) -> Student:
    attempt = Attempt("dml.py", "dml.py", Path("dml.py"), key * 4)
    known = {"name": "", "email": "", "folder": key, "standing": ASIDE, "where": key, "latest": attempt}
    return Student(key, **{**known, **more})  # type: ignore[arg-type]


class _JournalOf:
    """A journal with damaged lines and grades of another grader."""

    torn, damaged = 17, 2
    entries = {"k": Entry("k", "h", {"grader": "other"})}  # noqa: RUF012


def batch() -> str:
    """The lines of a batch, with all kinds of problems."""
    file = io.StringIO()
    console = Console(file=file, width=WIDTH)
    students = [
        _student("s-1", late=Late(None, None), notes=("an earlier attempt is not graded",)),
        _student("s-2", latest=None, problem="no Python file or notebook was submitted"),
        _student("s-3"),
        _student("s-4", standing=UNLISTED, unclear="not in the roster"),
        _student("s-5", standing=DUPLICATE, unclear="two submissions"),
    ]
    members = Class("folders", students, [Person("s-6", "Max Missing", "")], ["notes.txt"])
    summary = Summary(MANIFEST, "2026-05-31T23:59+02:00")
    for student in students:
        state, problem = {"s-2": (UNUSABLE, student.problem), "s-3": (CRASHED, "it crashed the sandbox")}.get(
            student.key, ("graded", "")
        )
        record = None if problem else class_folder.record_of(("triplet-loss",))
        summary.add(student, record, state, problem)
    class_batch._print_journal(_JournalOf(), "this", console)  # type: ignore[arg-type]
    class_batch._print_moved(Report(aside=["s-7"]), Path("out"), console)
    report = Report(graded=3, files=2, taken_over=1, crashed=1, seconds=60, summary=Path("out/class.json"))
    class_batch._print_summary(report, summary, members, console)
    console.print("===== problems in class.json =====")
    for problem in summary.problems(members):
        console.print(f"{problem.kind} | {problem.who} | {problem.message}", soft_wrap=True, highlight=False)
    return file.getvalue()


class _Headings(HTMLParser):
    """The texts of headings, of headers of tables, and of labels."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._depth = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("h1", "h2", "h3", "label") or (tag == "th" and ("scope", "col") in attrs):
            self._depth, self.found = 1, [*self.found, ""]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("h1", "h2", "h3", "label", "th"):
            self._depth = 0

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.found[-1] += data


def class_page() -> str:
    """Headings of the class page, and of the page for students."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made_up_class.write_class(folder, 12, flags={4: ["line 3: import os"]}, messages={7: "no file"})
        tree = read_class_file(folder)
        names = {row.key: f"name {n}" for n, row in enumerate(tree.students)}
        for title, pseudonyms in (("class page", None), ("page for students", names)):
            facts = collect(tree, {}, [], PurePosixPath(), pseudonyms)
            headings = _Headings(render.render(facts, [], pairs.Alike())).found
            found += [f"===== {title} =====", *filter(None, (" ".join(text.split()) for text in headings))]
    return "\n".join(found) + "\n"


ERRORS: tuple[str, ...] = (
    "grade", "grade missing.py", "grade folder", "grade empty.py", "grade notes.txt", "grade class.zip",
    "grade x.py --task triplet_loss", "grade x.py --task 99", "grade x.py --data cub", "grade x.py --root folder",
    "grade --replay missing.json", "grade --replay empty.py", "grade --replay missing.json --seed 1",
    "grade x.py --checkpoint missing.pt", "grade x.py --checkpoint empty.py --baseline-weights empty.py",
    "batch missing --out out", "batch folder --out folder", "batch folder --out folder/out",
    "batch folder/a --out folder",
    "batch empty --out out", "batch folder --out out --deadline soon", "batch folder --out out --roster missing.csv",
    "batch folder --out out --gpu", "batch folder --out out --dask x --workers 2",
    "export folder", "export folder --csv t.csv", "export missing --junit t.xml", "export empty --junit t.xml",
    "export class --csv folder", "export class class --csv t.csv", "export class --csv t.csv --out x.csv",
    "export class --moodle missing.csv", "export class --moodle empty.py", "export class --moodle t.csv",
    "export class --canvas t.csv", "export class --nbgrader missing.db", "export class --junit x.py/t.xml",
    "report folder", "report damaged", "report class --out x.py/page.html",
    "release --check --nbgrader course", "release --gradescope x.py/zip",
)  # fmt: skip
STUDENT_ERRORS = (
    "check missing.py",
    "check x.py --task triplet_loss",
    "config --set nonsense=1",
    "config --set seed=x",
)


@contextmanager
def _inside(folder: str) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def errors() -> str:
    """The one-line errors of the commands for wrong options and inputs."""
    return "".join(_errors())


def _errors() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as name, _inside(name):
        for folder in ("folder/a", "empty", "damaged"):
            Path(folder).mkdir(parents=True)
        files = {"empty.py": "", "x.py": "x = 1\n", "notes.txt": "x", "class.zip": "x", "t.csv": "a,b\n1,2\n"}
        for path, text in {**files, "folder/a/dml.py": "x = 1\n", "damaged/class.json": "{"}.items():
            Path(path).write_text(text)
        class_folder.write_class(Path("class"), [class_folder.Person("ada")])
        for root, lines_ in ((app, ERRORS), (student_app, STUDENT_ERRORS)):
            for line in lines_:
                done = CliRunner().invoke(root, line.split(), env={"COLUMNS": "400", "NO_COLOR": "1"})
                text = re.sub(r"\x1b\[[0-9;]*m", "", done.output).replace(os.path.realpath(name), "…")
                yield f"$ {line}\n{text.strip()}\nexit status {done.exit_code}\n\n"


TEXTS: dict[str, Callable[[], str]] = {
    "autograder-help": lambda: commands(app, "python -m autograder"),
    "assignment-help": lambda: commands(student_app, "python -m assignment"),
    "feedback": reports,
    "terminal": tables,
    "sentences": sentences,
    "exports": exports,
    "batch": batch,
    "class-page": class_page,
    "errors": errors,
}
