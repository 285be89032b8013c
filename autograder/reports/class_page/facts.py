"""The contents of the class page as plain values, for the template.

Names, file names and flags are untrusted: they pass through `one_line` here, and the template escapes them.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import quote

from assignment.text import one_line
from autograder.classroom.class_file import PROBLEM_KINDS, ClassFile, StudentRow
from autograder.classroom.summary import flagged
from autograder.grading.record import LateResult
from autograder.misconceptions import catalogue
from autograder.reports.words import STATES, SYMBOLS

Value = float | int | None
Group = Callable[[str, str, Sequence[str]], str]
STANDINGS = {"unlisted": "not in the roster", "duplicate": "not clear who"}
HARDEST, LEADERS, LARGEST, PROBLEMS, FLAGS = 15, 20, 5, 100, 80  # entries shown of each list


@dataclass(frozen=True)
class Person:
    """A student: number of the row, name or key, and link to the feedback, "" for none."""

    number: int
    name: str
    key: str
    href: str


@dataclass(frozen=True)
class Row:
    """A student's row.

    Attributes:
        before: points before lateness, None if the same. signs: a symbol for each task. flags: number of different
            flags. order: sort key of each column.
    """

    person: Person
    state: str
    points: float | None
    before: float | None
    bonus: float | None
    signs: str
    complete: int
    of: int
    misconceptions: list[str]
    flags: int
    p_at_1: float | None
    seconds: float | None
    peak_mb: float | None
    notes: str
    order: list[Value]


@dataclass(frozen=True)
class Count:
    """Something that `count` of `of` students have. `group`: name of their group for the script, "" for none."""

    title: str
    count: int
    of: int
    group: str = ""

    @property
    def share(self) -> float:
        """The share of the students, 0 … 1."""
        return self.count / self.of if self.of else 0.0


@dataclass(frozen=True)
class Task:
    """A task over the class: number of students by state, and the mean of the points."""

    number: int
    title: str
    bonus: bool
    possible: float
    mean: float
    graded: int
    states: dict[str, int]
    group: str

    @property
    def rate(self) -> float:
        """The share of the graded files in which it is complete."""
        return self.states.get("all", 0) / self.graded if self.graded else 0.0


@dataclass(frozen=True)
class Leader:
    """A place on the list by P@1; equal values share it."""

    place: int
    person: Person
    p_at_1: float


@dataclass(frozen=True)
class Problem:
    """A problem for the instructor."""

    kind: str
    who: str
    message: str


@dataclass
class Facts:
    """The page without its plots and the similar pairs.

    Attributes:
        rows: by key; empty on a page with pseudonyms. groups: name → title and numbers of rows.
        largest: heading → the students with the highest values, and these as text. unread: damaged records.
    """

    title: str
    version: str
    date: str
    machine: str
    possible: float
    bonus_possible: float
    pseudonymous: bool
    handed_in: int
    missing: list[str]
    graded: int
    full: int
    mean: float | None
    median: float | None
    points: list[float]
    p_at_1: list[float]
    seconds: list[float]
    peak_mb: list[float]
    rows: list[Row] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    misconceptions: list[Count] = field(default_factory=list)
    tests: list[Count] = field(default_factory=list)
    leaders: list[Leader] = field(default_factory=list)
    flags: list[Count] = field(default_factory=list)
    more_flags: int = 0
    problems: list[Problem] = field(default_factory=list)
    more_problems: int = 0
    notes: int = 0
    identical: list[list[str]] = field(default_factory=list)
    largest: dict[str, list[tuple[Person, str]]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    groups: dict[str, tuple[str, list[int]]] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)  # by key


def collect(
    class_file: ClassFile,
    flags: Mapping[str, list[str]],
    unread: list[str],
    root: PurePosixPath,
    pseudonyms: Mapping[str, str] | None = None,
) -> Facts:
    """Compute the contents of the page.

    Args:
        class_file: the summary. flags, unread: of the records. root: the batch's folder relative to the page.
        pseudonyms: of all students; the page then shows single students only on the list by P@1.
    """
    students, graded = class_file.students, [s for s in class_file.students if s.graded]
    points = [float(s.final.points) for s in graded]
    facts = Facts(
        title=one_line(class_file.assignment.title),
        version=one_line(class_file.assignment.version, 40),
        date=one_line(class_file.measured.date, 40).replace("T", " ").removesuffix("+00:00") + " UTC",
        machine=one_line(class_file.measured.machine, 60),
        possible=class_file.possible.points,
        bonus_possible=class_file.possible.bonus,
        pseudonymous=pseudonyms is not None,
        handed_in=len(students),
        missing=[one_line(m.name or m.key, 80) for m in class_file.missing],
        graded=len(graded),
        full=sum(value >= class_file.possible.points for value in points),
        mean=statistics.fmean(points) if points else None,
        median=statistics.median(points) if points else None,
        points=points,
        p_at_1=[s.p_at_1 for s in graded if s.p_at_1 is not None],
        seconds=[s.seconds for s in graded if s.seconds is not None],
        peak_mb=[s.peak_mb for s in graded if s.peak_mb is not None],
    )
    known = {m.id: m.name for m in catalogue.load()}
    people = facts.people = _people(students, root, pseudonyms)
    place = {student.key: number for number, student in enumerate(students)}
    named = pseudonyms is None

    def group(name: str, title: str, keys: Sequence[str]) -> str:
        """Register a group of students for the script; return its name, "" on a page with pseudonyms."""
        if not named:
            return ""
        facts.groups[name] = (title, sorted(place[key] for key in keys if key in place))
        return name

    for task in class_file.tasks:
        if task.mean is not None:
            rest = [s.key for s in graded if task.id in s.tasks and s.tasks[task.id].state != "all"]
            title = one_line(task.title)
            facts.tasks.append(
                Task(
                    number=task.number,
                    title=title,
                    bonus=task.bonus,
                    possible=task.possible,
                    mean=task.mean,
                    graded=task.graded,
                    states={state: task.states.get(state, 0) for state in STATES},
                    group=group(f"t{task.number}", f"not complete: {title}", rest),
                )
            )
    for n, entry in enumerate(class_file.misconceptions):
        title = one_line(known.get(entry.id, entry.id))
        name = group(f"m{n}", title, entry.students)
        facts.misconceptions.append(Count(title, entry.count, len(graded), name))
    facts.tests = _tests(class_file)
    facts.leaders = _leaders(graded, people)[: LEADERS if named else None]
    if not named:
        return facts
    _flags(facts, flags, group)
    facts.unread = [one_line(key, 80) for key in unread]
    _problems(facts, class_file)
    facts.identical = [list(keys) for keys in class_file.identical]
    facts.rows = _rows(students, people, known, class_file)
    facts.largest = {
        "Longest": _largest(facts.rows, "seconds", "s"),
        "Most memory": _largest(facts.rows, "peak_mb", "MB"),
    }
    return facts


def _tests(class_file: ClassFile) -> list[Count]:
    """The tests that fail most often; of tests with the same text the one that fails most."""
    numbers = {task.id: task.number for task in class_file.tasks}
    found: dict[str, Count] = {}
    for test in class_file.tests:
        if test.failed and len(found) < HARDEST:
            title = f"Task {numbers.get(test.task, '?')}: {one_line(test.behaviour)}"
            found.setdefault(title, Count(title, test.failed, test.passed + test.failed))
    return list(found.values())


def _people(
    students: Sequence[StudentRow], root: PurePosixPath, pseudonyms: Mapping[str, str] | None
) -> dict[str, Person]:
    people = {}
    for number, student in enumerate(students):
        key = student.key
        if pseudonyms is not None:
            people[key] = Person(0, pseudonyms[key], "", "")
            continue
        page = quote((root / student.folder / "feedback.html").as_posix(), safe="/")
        name = one_line(student.name or key, 80)
        people[key] = Person(number, name or "?", one_line(key, 80), page)
    return people


def _leaders(graded: Sequence[StudentRow], people: Mapping[str, Person]) -> list[Leader]:
    found = [(round(s.p_at_1, 4), people[s.key]) for s in graded if s.p_at_1 is not None]
    found.sort(key=lambda pair: (-pair[0], pair[1].name, pair[1].key))
    values = [value for value, _ in found]
    first = {value: n for n, value in reversed([*enumerate(values, start=1)])}
    return [Leader(first[value], person, value) for value, person in found]


def _flags(facts: Facts, flags: Mapping[str, list[str]], group: Group) -> None:
    """Count the flags, the rarest first."""
    who: dict[str, list[str]] = defaultdict(list)
    for key, found in flags.items():
        for what in dict.fromkeys(one_line(what, 120) for what in flagged(found)):
            who[what].append(key)
    counted = sorted(who.items(), key=lambda pair: (len(pair[1]), pair[0]))
    facts.more_flags = len(counted[FLAGS:])
    for n, (what, keys) in enumerate(counted[:FLAGS]):
        facts.flags.append(Count(what, len(keys), facts.graded, group(f"f{n}", what, keys)))


def _problems(facts: Facts, class_file: ClassFile) -> None:
    found = [Problem(one_line(p.kind, 40), one_line(p.who, 80), one_line(p.message)) for p in class_file.problems]
    kinds = Counter(problem.kind for problem in found)
    facts.notes = kinds["note"]
    rest = [problem for problem in found if problem.kind != "note"]
    facts.problems, facts.more_problems = rest[:PROBLEMS], len(rest[PROBLEMS:])


def _rows(
    students: Sequence[StudentRow],
    people: Mapping[str, Person],
    known: Mapping[str, str],
    class_file: ClassFile,
) -> list[Row]:
    tasks = [task.id for task in class_file.tasks if task.graded]
    names = sorted((people[s.key].name.casefold(), people[s.key].key) for s in students)
    rank = {pair: n for n, pair in enumerate(names)}
    rows = []
    for student in students:
        person, graded = people[student.key], student.graded
        final, late = student.final, student.late
        states = [student.tasks[task].state for task in tasks if task in student.tasks]
        notes = [PROBLEM_KINDS.get(student.state, ""), STANDINGS.get(student.standing, ""), _late(late)]
        notes += [f"attempt {student.attempts}"] if student.attempts > 1 else []
        points = float(final.points) if graded else None
        rows.append(
            Row(
                person=person,
                state=student.state,
                points=points,
                before=float(student.points) if graded and student.points != final.points else None,
                bonus=float(final.bonus) if graded else None,
                signs="".join(SYMBOLS[state] for state in states),
                complete=states.count("all"),
                of=len(states),
                misconceptions=[one_line(known.get(name, name), 80) for name in student.misconceptions],
                flags=student.flags,
                p_at_1=student.p_at_1,
                seconds=student.seconds,
                peak_mb=student.peak_mb,
                notes=", ".join(filter(None, notes)),
                order=[
                    rank[person.name.casefold(), person.key],
                    points,
                    float(final.bonus) if graded else None,
                    states.count("all") if graded else None,
                    len(student.misconceptions) if graded else None,
                    student.flags if graded else None,
                    student.p_at_1,
                    student.seconds,
                    student.peak_mb,
                    sum(bool(note) for note in notes),
                ],
            )
        )
    return rows


def _late(late: LateResult | None) -> str:
    if late is None:
        return ""
    if late.days is None:
        return "late, unknown by how much"
    return f"late, day {late.days}"


def _largest(rows: list[Row], column: str, unit: str) -> list[tuple[Person, str]]:
    found = [(getattr(row, column), row) for row in rows if getattr(row, column) is not None]
    found.sort(key=lambda pair: (-pair[0], pair[1].person.key))
    return [
        (row.person, f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}") for value, row in found[:LARGEST]
    ]
