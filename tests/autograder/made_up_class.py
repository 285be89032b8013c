"""A class as a batch leaves it in its folder, with made-up grades and files: the summary is the real one's."""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import replace
from pathlib import Path

from assignment.manifest import load
from autograder.classroom.class_file import UNUSABLE
from autograder.classroom.summary import Summary, run_measured
from autograder.grading.record import Record, to_json
from autograder.intake.classes import Attempt, Class, Student
from autograder.intake.lateness import Late
from autograder.intake.roster import Person
from autograder.misconceptions import catalogue
from tests.autograder import class_folder

MANIFEST = load()
IDS = [m.id for m in catalogue.load()]
FIRST = "Ana Bjørn Chiara Dmitri Elif Farid Greta Hana Ivo Jana Karel Lucía Mei Noor Ondřej Petra Rosa Søren".split()
LAST = "Novák Müller García Kowalska Öztürk Nguyen Smith Dvořáková Haddad Lindqvist".split()


def written_by(seed: int, functions: int = 6) -> str:
    """A file as one person might write it: each has expressions of their own."""
    rng = random.Random(seed)
    lines = ["import torch", ""]
    for n in range(functions):
        lines += [f"def f{n}(a, b, c):"]
        for _ in range(8):
            terms = [f"{rng.choice('abc')} {rng.choice('+-*/')} {rng.randint(1, 99)}" for _ in range(4)]
            lines += [f"    {rng.choice('abc')} = ({') * ('.join(terms)})"]
        lines += [f"    return {rng.choice('abc')}.{rng.choice(['sum', 'mean', 'max'])}(dim={rng.randint(0, 3)})", ""]
    return "\n".join(lines)


def disguised(text: str) -> str:
    """The same program with other names, comments, quotes of docs and blank lines."""
    text = re.sub(r"\bf(\d)\b", r"helper_number_\1", text)
    for old, new in (("a", "first_value"), ("b", "other"), ("c", "third")):
        text = re.sub(rf"\b{old}\b", new, text)
    return text.replace("\n    return", "\n\n    # the result, at last\n    return")


def record_of(rng: random.Random, flags: list[str]) -> Record:
    """A made-up record with what summary and page read of one."""
    record = class_folder.record_of(flags=flags)
    tasks = []
    for task in record.tasks:
        status = rng.choice(["passed", "passed", "passed", "failed", "skipped"])
        reason = {"passed": "", "failed": "unexpected", "skipped": "not-implemented"}[status]
        test = replace(
            task.tests[0],
            status=status,
            reason=reason,
            misconception=rng.choice([*IDS[:40], "", "", ""]) if status == "failed" else "",
            details={"p_at_1_after": round(rng.gauss(0.6, 0.05), 6)} if task.id == "improvement" else {},
        )
        state = {"passed": "all", "failed": "none", "skipped": "not-implemented"}[status]
        tasks.append(replace(task, earned=task.possible if status == "passed" else 0.0, state=state, tests=(test,)))
    seconds, peak = round(rng.lognormvariate(0.5, 0.6), 3), round(rng.uniform(1, 300), 1)
    return replace(
        record,
        points=sum(task.earned for task in tasks if not task.bonus),
        bonus=sum(task.earned for task in tasks if task.bonus),
        tasks=tuple(tasks),
        measured=replace(record.measured, seconds=seconds, peak_mb=peak),
    )


def write_class(
    folder: Path,
    number: int,
    *,
    names: dict[int, str] | None = None,
    keys: dict[int, str] | None = None,
    sources: dict[int, str] | None = None,
    flags: dict[int, list[str]] | None = None,
    messages: dict[int, str] | None = None,
    seed: int = 0,
) -> list[Student]:
    """Write class.json, and the folders of those who have a source or flags.

    Args:
        names, keys, sources, flags: what is special, by the number of the student.
        messages: those who get no grade, and why.
    """
    rng = random.Random(seed)
    summary = Summary(MANIFEST)
    students = []
    for n in range(number):
        source = (sources or {}).get(n, f"x = {n}\n")
        sha = hashlib.sha256(source.encode()).hexdigest()
        problem = (messages or {}).get(n, "")
        student = Student(
            key=(keys or {}).get(n, f"s-{n:04d}"),
            name=(names or {}).get(n, f"{rng.choice(FIRST)} {rng.choice(LAST)}"),
            email="",
            folder=f"s-{n:04d}",
            standing="listed",
            where=f"s-{n:04d}",
            latest=None if problem else Attempt("dml.py", "", folder, sha),
            late=Late(1, 0.1) if n % 7 == 3 else None,
            problem=problem,
        )
        students.append(student)
        if problem:
            summary.add(student, None, UNUSABLE, problem)
            continue
        record = record_of(rng, (flags or {}).get(n, []))
        summary.add(student, record)
        if n in (sources or {}) or n in (flags or {}):
            own = folder / "students" / student.folder
            own.mkdir(parents=True, exist_ok=True)
            (own / "record.json").write_text(to_json(record))
            (own / "handed_in.py").write_bytes(source.encode())
    members = Class("folders", students, [Person("s-gone", "Max Missing", "")], ["left.txt was left alone"])
    class_file = summary.class_file(members, ("g", "a"), "bubblewrap", run_measured(1.0, number, number, 0))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "class.json").write_text(class_file.to_json())
    return students
