"""A test's requests to a student's file: which are sent together, and which of them an error belongs to."""

from __future__ import annotations

import types

import numpy as np
import pytest

from assignment.checking.agent import Agent
from assignment.checking.runner import BrokenTests, TestRun
from assignment.checking.student import Student, StudentError
from assignment.manifest import load

SOURCE = """
import random
from torch import nn

class GDextractor(nn.Module):
    def __init__(self, network, dim):
        super().__init__()
        if dim < 0:
            raise ValueError("negative")
        self.draw = random.random()

    def forward(self, x):
        return x + 1

def ArcFace(dim, n_classes):
    return 3.0

def triplet_loss(a, b, margin):
    return len(margin)

def distances(a, b):
    return random.random()
"""


@pytest.fixture
def conversation():
    """A student, and the list of the requests that were sent."""
    module = types.ModuleType("dml")
    module.__file__ = "dml.py"
    exec(compile(SOURCE, "dml.py", "exec"), module.__dict__)
    agent, sent = Agent(module, load()), []

    def perform(request):
        sent.append(request)
        return agent.perform(request)

    return Student(perform, seed=3), sent


def test_objects_and_settings_wait_for_the_next_value(conversation):
    student, sent = conversation
    model = student.GDextractor(student.probe.shift(1.0), 4)
    student.probe.set_training(model, False)
    assert sent == []
    assert model(np.zeros(2, np.float32)).array.tolist() == [1, 1]
    assert [request["name"] for request in sent[0]["before"]] == ["shift", "GDextractor", "set_training"]
    assert model.get("training").value is False
    assert sent[1]["before"] == []


def test_waiting_requests_have_their_own_seeds(conversation):
    student, _ = conversation
    first, second = student.GDextractor(None, 1), student.GDextractor(None, 1)
    draws = [first.get("draw").value, second.get("draw").value, student.distances(0, 0).value]
    assert len(set(draws)) == 3
    again = Student(student._perform, seed=3)
    again.distances.run(0, 0)
    assert again.GDextractor(None, 1).get("draw").value == draws[1]


def test_an_error_belongs_to_the_request_that_made_it(conversation):
    student, _ = conversation
    model = student.GDextractor(None, -1)
    with pytest.raises(StudentError) as problem:
        model(np.zeros(2))
    found = problem.value
    assert (found.kind, found.type_name, found.line, found.called) == (
        "exception",
        "ValueError",
        9,
        "GDextractor(None, a number)",
    )


def test_requests_after_an_error_are_not_performed(conversation):
    student, _ = conversation
    counter = student.probe.shift(1.0)
    assert counter.get("calls").value == 0
    student.GDextractor(None, -1)
    with pytest.raises(StudentError):
        counter(np.zeros(2))
    assert counter.get("calls").value == 0


def test_a_value_where_an_object_is_expected(conversation):
    student, _ = conversation
    head = student.ArcFace(2, 3)
    with pytest.raises(StudentError, match="expected an object, got a number") as problem:
        head(np.zeros((1, 2)))
    assert (problem.value.kind, problem.value.called) == ("value", "ArcFace(a number, a number)")


def test_an_error_of_a_waiting_request_is_raised_at_the_end(conversation):
    student, _ = conversation
    student.GDextractor(None, -1)
    with pytest.raises(StudentError, match="negative"):
        student.finish()
    student.finish()


def test_a_type_error_in_the_file_is_not_a_wrong_signature(conversation):
    student, _ = conversation
    with pytest.raises(StudentError) as inside:
        student.triplet_loss(1, 2, 0.5)
    assert (inside.value.kind, inside.value.line) == ("exception", 19)
    with pytest.raises(StudentError) as outside:
        student.triplet_loss(1, 2)
    assert (outside.value.kind, outside.value.line) == ("signature", 0)


@pytest.mark.parametrize(
    ("task_id", "loop_free", "missing"),
    [("distances", False, "no test marked `loop_free=True`"), ("gem", True, "no name in its `loop_free`")],
)
def test_tests_and_manifest_agree_on_what_is_loop_free(tmp_path, task_id, loop_free, missing):
    (tmp_path / "pytest.ini").write_text("[pytest]\npython_files = test_*.py\n")
    (tmp_path / f"test_{task_id}_mark.py").write_text(
        "from assignment.checking import task\n\n\n"
        f'@task("{task_id}", points=1, behaviour="", hint="", loop_free={loop_free})\n'
        "def test_it(student):\n    pass\n"
    )
    run = TestRun(lambda task, seed: None, load(), seed=0)
    with pytest.raises(BrokenTests, match=f"task '{task_id}' has {missing}"):
        run.run(tmp_path)
