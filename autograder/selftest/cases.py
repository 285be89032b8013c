"""The known files, and the grade that each must get."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assignment.checking.outcome import NOT_IMPLEMENTED
from assignment.manifest import Manifest
from assignment.manifest import load as load_manifest
from autograder.grading import reference_files
from autograder.grading.scoring import ALL, Score
from autograder.intake.submission import decode
from autograder.misconceptions import catalogue

FOLDER = Path(__file__).parent
REFERENCE, TEMPLATE, MISCONCEPTION, STYLE, ATTACK = "reference", "template", "misconception", "style", "attack"
KINDS = (REFERENCE, TEMPLATE, STYLE, MISCONCEPTION, ATTACK)


@dataclass(frozen=True)
class Case:
    """One known file. `tasks`: those in which a misconception loses points; empty for the other kinds."""

    kind: str
    id: str
    source: str
    tasks: tuple[str, ...] = ()

    @property
    def trains(self) -> bool:
        """Whether the task that trains is graded too, because the result may differ from the reference's."""
        return self.kind in (REFERENCE, TEMPLATE, STYLE) or (
            self.kind == MISCONCEPTION and trains_differently(self.source)
        )

    @property
    def expected(self) -> str:
        """The expectation in words, for the table."""
        return {
            REFERENCE: "everything",
            TEMPLATE: "0, all not implemented",
            MISCONCEPTION: f"less in {', '.join(self.tasks)} only",
            STYLE: "everything",
            ATTACK: "what the wrong solution gets",
        }[self.kind]


def cases() -> list[Case]:
    """All known files, the slow ones first so that parallel graders end together."""
    reference = reference_files.reference()
    found = [Case(REFERENCE, "solution", reference)]
    found += [Case(STYLE, path.stem, overlaid(path, reference)) for path in sorted((FOLDER / "styles").glob("*.py"))]
    found += [Case(MISCONCEPTION, m.id, m.source, m.tasks) for m in catalogue.load()]
    wrong = wrong_solution()
    found += [Case(ATTACK, path.stem, overlaid(path, wrong)) for path in sorted((FOLDER / "attacks").glob("*.py"))]
    return [*found, Case(TEMPLATE, "template", reference_files.template())]


def trains_differently(source: str) -> bool:
    """Whether a file differs from the reference in anything that mining, sampling and training run."""
    own, reference = definitions(source), definitions(reference_files.reference())
    todo, reached = [*load_manifest().training_task.names], set()
    while todo:
        name = todo.pop()
        if name not in own or name in reached:
            continue
        reached.add(name)
        todo += [node.id for node in ast.walk(own[name]) if isinstance(node, ast.Name)]
    return any(name not in reference or ast.dump(own[name]) != ast.dump(reference[name]) for name in reached)


def definitions(source: str) -> dict[str, ast.stmt]:
    """Top-level functions and classes of a file by name."""
    return {node.name: node for node in ast.parse(source).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


def overlaid(path: Path, base: str) -> str:
    """The complete file of an overlay."""
    return catalogue.assemble(base, decode(path.read_bytes(), path.name))


def wrong_solution() -> str:
    """The complete file that answers every task, wrongly; what attacks start from."""
    return overlaid(FOLDER / "wrong_solution.py", reference_files.reference())


def witness() -> str:
    """A file that cannot be imported if an earlier submission left anything behind."""
    return (FOLDER / "witness.py").read_text(encoding="utf-8")


def dependants(tasks: tuple[str, ...], manifest: Manifest) -> set[str]:
    """The tasks that need one of these, directly or not."""
    found: set[str] = set()
    for task in manifest.tasks:  # prerequisites come before their dependants
        if (set(tasks) | found) & set(task.needs):
            found.add(task.id)
    return found


def fault_of(case: Case, score: Score, manifest: Manifest, wrong_points: float) -> str:
    """What is wrong with a case's score, "" if nothing is."""
    check: dict[str, Callable[[], str]] = {
        REFERENCE: lambda: _not_full(score),
        STYLE: lambda: _not_full(score),
        TEMPLATE: lambda: _not_empty(score),
        MISCONCEPTION: lambda: _not_only(case.tasks, score, manifest),
        ATTACK: lambda: _too_much(score, wrong_points),
    }
    return check[case.kind]()


def _not_full(score: Score) -> str:
    short = [s.task.id for s in score.tasks if s.state != ALL]
    return f"loses points in {', '.join(short)}" if short else ""


def _not_empty(score: Score) -> str:
    other = [s.task.id for s in score.tasks if s.state != NOT_IMPLEMENTED]
    return f"not 'not implemented': {', '.join(other)}" if other else ""


def _not_only(tasks: tuple[str, ...], score: Score, manifest: Manifest) -> str:
    spared = [s.task.id for s in score.tasks if s.task.id in tasks and s.state == ALL]
    allowed = {*tasks, *dependants(tasks, manifest)}
    hit = [s.task.id for s in score.tasks if s.task.id not in allowed and s.state != ALL]
    faults = [f"keeps all points of {', '.join(spared)}"] if spared else []
    faults += [f"loses points in {', '.join(hit)}"] if hit else []
    return "; ".join(faults)


def _too_much(score: Score, wrong_points: float) -> str:
    got = score.points + score.bonus
    return f"gets {got:g} instead of at most {wrong_points:g}" if got > wrong_points else ""
