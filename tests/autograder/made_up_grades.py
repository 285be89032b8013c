"""Records of made-up outcomes for the tests of the reports, hostile ones among them."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from rich.console import Console

from assignment.checking.agent import Agent
from assignment.checking.outcome import FAILED, Outcome
from assignment.checking.runner import TestRun
from assignment.checking.student import Student, StudentError
from assignment.manifest import load
from autograder.grading.grade import HIDDEN_TESTS, Grade
from autograder.grading.make_record import record_of
from autograder.grading.record import SyntaxFinding
from autograder.grading.reference_files import reference, submission_of
from autograder.grading.scoring import score
from autograder.grading.values import valid
from autograder.misconceptions.catalogue import execute
from autograder.reports import html, markdown, terminal
from autograder.reports.feedback import feedback
from autograder.sandbox.wall import Ending

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>"
    "\x1b[31mred\x1b]0;title\x07\x1bP1q\x1b\\ \x9b2J \x08\r\n# head\n"
    "[link](javascript:alert(3)) ![i](http://evil.example/i.png) www.evil.example `tick` ``two`` **bold** | cell "
    "\u202eesrever\u200b {{ 7 * 7 }} {% raw %} \"'&amp; [red]rich[/red] :smile: \ud800"
)
SECRET_NUMBERS = ("0.7351946", "-2.4681357", "918273", "8.1726354e-05", "73519467351946735194673519467")
SECRET_WORD = "hiddenlabelseventeen"
SECRET = f"{SECRET_WORD} {' '.join(SECRET_NUMBERS)}"
MANIFEST = load()
TIMEOUTS = ("timeout", "memory", "crash", "garbage", "exit", "budget", "unjudged", "something new")


def grade_of(outcomes, source, name="dml.py", import_problem=None, syntax=(), flags=(), output=""):
    """A grade with these outcomes; tasks without any are not graded."""
    for task in {o.task for o in outcomes}:
        own = [o for o in outcomes if o.task == task]
        own[-1].points += MANIFEST.task(task).points - sum(o.points for o in own)
    return Grade(
        submission=submission_of(name, source),
        score=score(outcomes, MANIFEST),
        seed=7,
        tasks=None,
        syntax=syntax,
        flags=flags,
        import_problem=import_problem,
        isolation="process",
        seccomp=False,
        versions={"python": "3.11", "torch": "2.15", "torchvision": "0.29", "numpy": "2.4"},
        endings=(Ending(output=output, output_bytes=len(output)),),
    )


def outcome(task="triplet-loss", test="test_values", points=0.0, **options):
    return Outcome(
        test, task, options.pop("behaviour", "values"), options.pop("hint", "Look again."), points, **options
    )


def real_record(source, tasks=None):
    """The record of a file graded in this process, without a wall and without the improvement task."""
    tasks = tasks or [task.id for task in MANIFEST.tasks if task.id != "improvement"]
    module = execute(source, "dml")
    agent = Agent(module, MANIFEST)
    agent_loops = {"value": []}

    def perform(request):
        return agent_loops if request["op"] == "loops" else agent.perform(request)

    tests = TestRun(lambda task, seed: Student(perform, seed), MANIFEST, seed=7, tasks=tasks)
    return record_of(grade_of(tests.run(HIDDEN_TESTS), source), MANIFEST)


def partial_source():
    """The reference with several of the usual mistakes."""
    source = reference().replace("def mean_average_precision(", "def mean_avg_precision(")
    return source + (
        "\n\ndef triplet_loss(pos, neg, margin):\n    return pos - neg + margin\n"
        "\n\ndef average_precision(distances, labels, query_label):\n    return distances.view(3, 700)\n"
        "\n\ndef smooth_ap_loss(features):\n    return 0\n"
        "\n\ndef batch_triplet_loss(features, labels, margin):\n    distances(features, features)\n"
        "\n\ndef contrastive_loss(distances, same, margin):\n    raise NotImplementedError\n"
    )


def with_retrieval(entry, before=0.413, after=0.587):
    """The record with an improvement task that passed."""
    rng = np.random.default_rng(0)
    grid = {
        "queries": rng.integers(0, 255, (5, 28, 28), dtype=np.uint8),
        "retrieved": rng.integers(0, 255, (5, 5, 28, 28), dtype=np.uint8),
        "right": rng.random((5, 5)) < 0.6,
    }
    details = {"p_at_1_before": before, "p_at_1_after": after, "grid": grid}
    task = MANIFEST.task("improvement")
    passed = outcome("improvement", "test_improves", task.points, behaviour="P@1 rises", details=details)
    extra = record_of(grade_of([passed], ""), MANIFEST).tasks
    tasks = sorted([*entry.tasks, *extra], key=lambda t: t.number)
    return replace(entry, tasks=tuple(tasks), points=entry.points + task.points)


def reports(entry, source=""):
    """The three texts that a student may see: page, Markdown, and every string of the feedback itself."""
    told = feedback(entry, MANIFEST, source)
    return html.render(told), markdown.render(told), repr(told)


def in_terminal(entry, **options):
    """What the instructor's terminal gets."""
    file = io.StringIO()
    terminal.print_result(entry, MANIFEST, Console(file=file, width=160, **options))
    return file.getvalue()


def hostile_record(shown):
    """A record in which every text that a student controls is hostile."""
    outcomes = [
        outcome(
            status=FAILED,
            reason=reason,
            shown=shown,
            problem="has the shape (918273, 1), not (5,)" if reason == "unexpected" else "",
            called=f"{HOSTILE}(float32 (5,), a {HOSTILE})",
            returned={
                "text": HOSTILE,
                HOSTILE: [HOSTILE, np.zeros(3)],
                "shape": HOSTILE,
                "dtype": HOSTILE,
                "first": HOSTILE,
            },
            expected=np.zeros(5),
            exception=HOSTILE,
            message=HOSTILE * 50,
            line=2,
            misconception=HOSTILE,
        )
        for reason in ("unexpected", "exception", "missing", "signature", "value", *TIMEOUTS)
    ]
    syntax = (SyntaxFinding(2, 1, valid(HOSTILE), valid(HOSTILE)),)
    problem = StudentError("import", HOSTILE, HOSTILE, 2)
    source = f"import torch\nx = '{HOSTILE}'\ndef {SECRET_WORD}_triplet(): pass\n"
    return record_of(grade_of(outcomes, source, HOSTILE, problem, syntax, (valid(HOSTILE),), HOSTILE), MANIFEST), source
