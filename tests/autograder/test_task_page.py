"""`python -m autograder task`: the page of every task leads to files and lines that hold what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assignment.manifest import load
from autograder.__main__ import app
from autograder.misconceptions import catalogue
from autograder.release import task_page

ROOT = Path(__file__).parents[2]
PLACE = re.compile(r"(\S+\.(?:py|toml)):(\d+)")
MANIFEST = load()


def run(*arguments: str):
    return CliRunner().invoke(app, ["task", *arguments])


@pytest.mark.parametrize("task", MANIFEST.tasks, ids=lambda task: task.id)
def test_a_page_for_every_task(task):
    done = run(task.id)
    assert done.exit_code == 0
    assert done.output == run(str(task.number)).output
    found = {part: [] for part in ("assignment.toml", "template", "solution", "hidden_tests", "public_tests")}
    for name, line in PLACE.findall(done.output):
        text = (ROOT / name).read_text().splitlines()[int(line) - 1]
        found[next(part for part in found if part in name)].append(text.strip())
    assert found["assignment.toml"] == [f'id = "{task.id}"']
    if task.stub:
        assert set(found["solution"]) == {f"### BEGIN SOLUTION {task.id}"}
        assert set(found["template"]) == {f'raise NotImplementedError("{task.label}")'}
    else:
        assert found["template"] == []
        assert len(found["solution"]) == len(task.names)
    assert found["public_tests"] and all(line.startswith("@") for line in found["public_tests"])
    assert found["hidden_tests"] and all(line.startswith("@") for line in found["hidden_tests"])
    for word in (task.title, *task.names, *task.needs, *task.hints, *MANIFEST.aliases.get(task.names[0], ())):
        assert word in done.output
    for mistake in catalogue.load():
        path = f"autograder/misconceptions/wrong/{mistake.id}.py"
        assert (path in done.output) == (task.id in mistake.tasks)
        assert (ROOT / path).is_file()


@pytest.mark.parametrize("task", MANIFEST.tasks, ids=lambda task: task.id)
def test_the_points_of_its_tests_are_those_of_the_task(task):
    assert sum(test.points for test in task_page.marked_tests(task, task_page.HIDDEN_TESTS)) == pytest.approx(
        task.points
    )


def test_without_an_id_the_tasks_are_listed():
    lines = run().output.splitlines()
    assert len(lines) == len(MANIFEST.tasks)
    assert all(task.id in line and task.title in line for task, line in zip(MANIFEST.tasks, lines, strict=True))


def test_an_unknown_id_names_the_nearest():
    done = run("smooth-app")
    assert done.exit_code == 2
    assert "there is no task 'smooth-app'; did you mean 'smooth-ap'?" in done.output
