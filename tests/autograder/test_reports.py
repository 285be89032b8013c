"""The reports: nothing hostile gets through unescaped, nothing hidden gets through at all, nothing is half written."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from assignment.checking.agent import Agent
from assignment.checking.outcome import FAILED, NOT_IMPLEMENTED, PASSED, SKIPPED, Outcome
from assignment.checking.runner import TestRun
from assignment.checking.student import Student, StudentError
from assignment.manifest import load
from autograder import summary
from autograder.grading import HIDDEN_TESTS, Grade
from autograder.intake import classes
from autograder.known import reference, submission_of, template
from autograder.misconceptions.catalogue import execute
from autograder.record import record
from autograder.reports import html, markdown, safe, terminal, ungraded, words, write
from autograder.reports.feedback import feedback
from autograder.sandbox.wall import Ending
from autograder.scoring import score

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
TIMEOUTS = ("timeout", "memory", "crash", "garbage", "exit", "output", "budget", "unjudged", "something new")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def grade_of(outcomes, source, name="dml.py", import_problem=None, findings=None, output=""):
    """A grade with these outcomes; tasks without any are not graded."""
    for task in {o.task for o in outcomes}:
        own = [o for o in outcomes if o.task == task]
        own[-1].points += MANIFEST.task(task).points - sum(o.points for o in own)
    return Grade(
        submission=submission_of(name, source),
        score=score(outcomes, MANIFEST),
        seed=7,
        tasks=None,
        findings=findings or {"syntax": [], "flags": [], "loops": {}, "usable": True},
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
    return record(grade_of(tests.run(HIDDEN_TESTS), source), MANIFEST)


@pytest.fixture(scope="module")
def full():
    return real_record(reference())


@pytest.fixture(scope="module")
def empty():
    return real_record(template())


@pytest.fixture(scope="module")
def partial():
    return real_record(partial_source())


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
    extra = record(grade_of([passed], ""), MANIFEST)["tasks"]
    tasks = sorted([*entry["tasks"], *extra], key=lambda t: t["number"])
    return {**entry, "tasks": tasks, "points": entry["points"] + task.points}


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
    findings = {
        "syntax": [{"line": 2, "column": 1, "message": HOSTILE, "lost": HOSTILE}],
        "flags": [HOSTILE],
        "loops": {},
        "usable": True,
    }
    problem = StudentError("import", HOSTILE, HOSTILE, 2)
    source = f"import torch\nx = '{HOSTILE}'\ndef {SECRET_WORD}_triplet(): pass\n"
    return record(grade_of(outcomes, source, HOSTILE, problem, findings, HOSTILE), MANIFEST), source


class Tags(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes = set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs


OWN_TAGS = set(
    "html head meta title style body main header section h1 h2 p div b strong svg rect text g image circle path span "
    "details summary ul li dl dt dd code footer".split()
)


@pytest.mark.parametrize("shown", [False, True])
def test_hostile_texts_are_escaped(shown):
    entry, source = hostile_record(shown)
    page, text, _ = reports(entry, source)
    found = Tags()
    found.feed(page)
    assert found.tags <= OWN_TAGS
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in ("src", "style")]
    assert all(value.startswith(("data:image/png", "#")) for name, value in found.attributes if name == "href")
    for output in (page, text):
        output.encode("utf-8")
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]", output)
    assert "<" not in text
    outside_code = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert not re.search(r"(?<!\\)\[|(?<!\\)!\[|https?://|www\.", outside_code)
    assert not re.search(r"^\s*#+ head", text, re.MULTILINE)
    assert len(page) < 200_000 and len(text) < 60_000


def test_hostile_texts_do_not_reach_the_terminal():
    for shown in (False, True):
        entry, _ = hostile_record(shown)
        plain = in_terminal(entry)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", plain)
        assert "[red]rich[/red]" in plain and ":smile:" in plain  # shown as written, not as markup
        coloured = in_terminal(entry, force_terminal=True, color_system="standard")
        escapes = set(re.findall(r"\x1b(?:\[[\d;]*m)?", coloured))
        assert all(re.fullmatch(r"\x1b\[[\d;]*m", escape) for escape in escapes)


@pytest.mark.parametrize("reason", ["unexpected", "exception", "missing", "signature", "value", *TIMEOUTS])
def test_hidden_values_stay_hidden(reason):
    hidden = outcome(
        status=FAILED,
        reason=reason,
        problem=f"is {SECRET_NUMBERS[0]}, has the shape (918273, 1), takes {SECRET_NUMBERS[4]} steps, line 918273",
        called=f"GDextractor.{SECRET_WORD}(a {SECRET_WORD}, float32 ({SECRET_NUMBERS[2]},), {SECRET})",
        returned=np.array([float(number) for number in SECRET_NUMBERS]),
        expected=np.array([float(number) for number in SECRET_NUMBERS]),
        exception=SECRET_WORD,
        message=f"shape {SECRET}; did you rename it to `{SECRET_WORD}`?",
        line=918273,
    )
    other = outcome(
        test="test_other",
        status=FAILED,
        reason=reason,
        returned=[float(SECRET_NUMBERS[0]), SECRET, {"a": SECRET}],
        expected=SECRET,
        exception=f"Error{SECRET_WORD}",
        message=SECRET,
    )
    problem = StudentError("import", SECRET, SECRET_WORD, 0)  # of a second process, after a test had ended the first
    entry = record(grade_of([hidden, other], "x = 1\n" * 50, import_problem=problem), MANIFEST)
    for output in reports(entry, "x = 1\n" * 50):
        for secret in (SECRET_WORD, "7351946", "4681357", "918273", "1726354"):
            assert secret not in output


def test_values_of_shown_tests_are_shown():
    shown = outcome(
        status=FAILED,
        reason="unexpected",
        problem="has 1 of 3 values wrong",
        called="triplet_loss(float32 (3,), float32 (3,), a number)",
        returned=np.array([0.3, -0.6, 0.1], dtype=np.float32).round(3),
        expected=np.array([0.3, 0, 0.1]),
        shown=True,
    )
    for output in reports(record(grade_of([shown], ""), MANIFEST)):
        assert "[0.3, -0.6, 0.1], float32 (3,)" in output and "[0.3, 0, 0.1]" in output
        assert "It has 1 of 3 values wrong." in output


@pytest.mark.parametrize(
    "value", [True, None, 3, 0.5, "nan", "text", [], [1.0, "x"], {}, {"dtype": 1, "shape": "x", "first": 2}]
)
def test_any_value_can_be_described(value):
    assert safe.kind(value) and safe.shown(value)


def test_first_import_is_quoted():
    problem = StudentError("import", "No module named 'sklean'", "ModuleNotFoundError", 2)
    outcomes = [outcome(status=FAILED, reason="import", message="No module named 'sklean'")]
    entry = record(grade_of(outcomes, "import torch\nimport sklean\n", import_problem=problem), MANIFEST)
    for output in reports(entry, "import torch\nimport sklean\n"):
        assert re.search(r"ModuleNotFoundError: No module named .{1,6}sklean", output)
        assert "import sklean" in output
    assert "not run" in reports(entry)[1]


def test_renamed_function_is_found_in_the_source():
    gone = outcome(status=FAILED, reason="missing", called="triplet_loss(float32 (5,), float32 (5,), a number)")
    entry = record(grade_of([gone], ""), MANIFEST)
    assert (
        "did you rename it to `tripletLoss`?"
        in reports(entry, "def helper(): pass\ndef tripletLoss(a, b, c): pass\n")[1]
    )
    assert "did you rename" not in reports(entry, "def helper(): pass\n")[1]


def test_a_missing_function_is_not_there_rather_than_wrong():
    gone = outcome(status=FAILED, reason="missing", called="triplet_loss(float32 (5,), float32 (5,), a number)")
    wrong = outcome("gem", status=FAILED, reason="value", message="got None")
    entry = record(grade_of([gone, wrong], ""), MANIFEST)
    (first, second) = feedback(entry, MANIFEST).tasks
    assert (first.symbol, first.words, first.open) == ("○", "not in the file", True)
    assert (second.symbol, second.words, second.open) == ("✗", "not right yet", True)
    assert "did you rename it to `tripletLoss`?" in html.render(
        feedback(entry, MANIFEST, "def tripletLoss(a, b, c): pass\n")
    ).replace("<code>", "`").replace("</code>", "`")
    assert "○ not implemented yet" in in_terminal(entry)


@pytest.mark.parametrize(
    ("late", "says"),
    [
        (None, ""),
        ({"days": 2, "loss": 0.2}, "on day 2 after the deadline: 20 % are taken off. Before: 20 points and 5 bonus."),
        ({"days": 2, "loss": 0.2}, "After, and this counts: 16 points and 4 bonus."),
        ({"days": 1, "loss": 0.0}, "on day 1 after the deadline: nothing is taken off."),
        ({"days": None, "loss": None}, "does not say by how much: nothing is taken off here."),
    ],
)
def test_lateness_is_told_with_the_points_before_and_after(full, late, says):
    entry = {**with_retrieval(full), "hand_in": {"late": late}}
    for text in reports(entry)[:2]:
        assert says in text
        assert any(words in text for words in ("Handed in late", "calls this hand-in late")) == bool(says)


@pytest.mark.parametrize("state", [summary.UNUSABLE, summary.FELL])
def test_who_has_no_grade_reads_why_and_what_to_do(tmp_path, state):
    told = ungraded.feedback(state, f"no Python file was handed in ({HOSTILE}); hand in dml.py", HOSTILE, MANIFEST)
    write.write_pages(told, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["feedback.html", "feedback.md"]
    page, text = ((tmp_path / name).read_text(encoding="utf-8") for name in ("feedback.html", "feedback.md"))
    found = Tags()
    found.feed(page)
    assert found.tags <= OWN_TAGS and "<" not in text
    for output in (page, text):
        assert "no grade yet" in output and "assignment check dml.py" in output and "of 20" not in output
        assert ("no Python file was handed in" in output) == (state == summary.UNUSABLE)


def test_wrong_signature_shows_the_definition():
    wrong = outcome(
        "training-step", status=FAILED, reason="signature", called="train(a Linear, a DataLoader, a SGD, a number)"
    )
    source = "import torch\n\n\ndef train(model, loader):\n    pass\n"
    text = reports(record(grade_of([wrong], source), MANIFEST), source)[1]
    assert "line 4: `def train(model, loader):`" in text
    assert "train(a Linear, a DataLoader, a SGD, a number)" in text


@pytest.mark.parametrize(
    ("exception", "message", "part"),
    [
        ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)", "shapes of two tensors"),
        ("RuntimeError", "expected m1 and m2 to have the same dtype, but got: float != double", "dtypes"),
        ("IndexError", "index 7 is out of bounds for dimension 0 with size 5", "past the end"),
        ("RuntimeError", "element 0 of tensors does not require grad and does not have a grad_fn", "requires_grad"),
        ("TypeError", "train() missing 1 required positional argument: 'margin'", "other arguments"),
        ("AttributeError", "'NoneType' object has no attribute 'shape'", "None was used"),
        (
            "RuntimeError",
            "one of the variables needed for gradient computation has been modified by an inplace operation",
            "place",
        ),
        ("RuntimeError", "Expected all tensors to be on the same device, but found cuda:0 and cpu!", "device"),
        ("RuntimeError", "selected index k out of range", "topk"),
        ("RuntimeError", "view size is not compatible with input tensor's size", "reshaped"),
        ("NameError", "name 'x' is not defined", "not been given a value"),
    ],
)
def test_frequent_messages_are_explained(exception, message, part):
    assert part in words.explain(exception, message)


def test_own_exception_is_not_named():
    raised = outcome(status=FAILED, reason="exception", exception="Oops", line=3)
    text = reports(record(grade_of([raised], ""), MANIFEST), "a = 1\n\nraise Oops(1)\n")[1]
    assert "Your code raised an exception of your own in line 3." in text and "line 3: `raise Oops(1)`" in text
    raised.exception = "IndexError"
    text = reports(record(grade_of([raised], ""), MANIFEST), "")[1]
    assert "Your code raised an IndexError." in text and "Oops" not in text


def test_same_failures_are_told_once():
    alike = [outcome(test=f"test_{i}", behaviour=f"case {i}", status=FAILED, reason="timeout") for i in range(4)]
    told = feedback(record(grade_of(alike, ""), MANIFEST), MANIFEST)
    (test,) = told.tasks[0].tests
    assert test.also == ("case 1", "case 2", "case 3") and test.points == MANIFEST.task("triplet-loss").points


def test_full_marks(full):
    told = feedback(with_retrieval(full), MANIFEST, reference())
    assert (told.points, told.possible, told.bonus, told.bonus_possible) == (20, 20, 5, 5)
    assert told.next_step is None and not told.notices and told.retrieval.grid is not None
    page = html.render(told)
    assert page.count("data:image/png;base64,") == 30 and "Every task is complete." in page


def test_template_is_short_and_kind(empty):
    told = feedback(empty, MANIFEST, template())
    assert {task.words for task in told.tasks} == {"not implemented yet"} and all(task.silent for task in told.tasks)
    assert told.next_step.title.startswith("Task 1: ")
    assert len(markdown.render(told)) < 3000
    assert "✗" not in in_terminal(empty) and in_terminal(empty).count("not implemented yet") == len(empty["tasks"])


def test_partial_marks(partial):
    text = reports(partial, partial_source())[1]
    assert "did you rename it to `mean_avg_precision`?" in text
    assert "waits: it needs “Triplet loss” first" in text
    assert "None came back" in text and "Your code raised a RuntimeError in line" in text
    assert re.search(r"`smooth_ap_loss` cannot be called .*\n(.*\n)*?.*line \d+: `def smooth_ap_loss\(", text)
    lines = in_terminal(partial).splitlines()
    assert sum("average_precision(" in line for line in lines) <= 3  # failures of one kind share a line


def test_real_vocabulary_is_kept(partial):
    """The calls that the hidden tests make read the same after they are made safe, but for large sizes."""
    known = safe.vocabulary(MANIFEST)
    calls = {test["called"] for task in partial["tasks"] for test in task["tests"] if test["called"]}
    assert calls
    for call in calls:
        assert "object" not in safe.called(call, known)


def test_odd_grids_are_left_out(full):
    entry = with_retrieval(full)
    (test,) = next(task for task in entry["tasks"] if task["id"] == "improvement")["tests"]
    for odd in (
        None,
        3,
        {},
        {"queries": 1},
        {**test["details"]["grid"], "right": {"dtype": "x", "shape": [1], "base64": "??"}},
    ):
        test["details"]["grid"] = odd
        assert feedback(entry, MANIFEST).retrieval.grid is None
    test["details"].clear()
    assert feedback(entry, MANIFEST).retrieval is None


def keys(tree, path=""):
    """All paths of a JSON tree: "tasks[].tests[].name"."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from keys(value, f"{path}.{key}" if path else key)
    elif isinstance(tree, list) and tree and path.partition("[")[0] in ("tasks", "syntax", "flags", "asked_tasks"):
        for value in tree:
            yield from keys(value, f"{path}[]")
    else:
        yield path


def test_every_entry_is_documented(full, partial):
    page = Path(write.__file__).with_name("RECORD.md").read_text(encoding="utf-8")
    entries, _, values = page.partition("## Reasons")
    documented = re.findall(r"^\| `([^`]+)` \|", entries, re.MULTILINE)
    documented = [re.sub(r"^(hand_in\.\w+)\[\]$", r"\1", name) for name in documented]  # lists that may be empty
    patterns = [re.escape(d).replace(r"\*", r"[^.]+") for d in documented]
    facts = {"name": "best.pt", "sha256": "", "bytes": 0, "data": "few", "images": 0, "baseline_sha256": ""}
    handed = {**full, "checkpoint": facts}  # tests/autograder/test_checkpoint.py makes a real one
    cells = {"submission": {"notebook": {"cells": [], "notes": []}}}  # test_notebook_intake.py makes a real one
    somebody = classes.Student("s-1", "", "", "s-1", "listed", "s-1", None)
    of_class = {"hand_in": dict.fromkeys(summary.hand_in(somebody), "")}
    odd = (with_retrieval(full), hostile_record(False)[0], handed, cells, of_class)
    found = {path for tree in (full, partial, *odd) for path in keys(tree)}
    found = {re.sub(r"(\.(?:returned|expected|details\.\w+)).*", r"\1", path, flags=re.DOTALL) for path in found}
    assert not [path for path in sorted(found) if not any(re.fullmatch(pattern, path) for pattern in patterns)]
    prefixes = [path[: match.end()] for path in found for match in re.finditer(r"\w+(\[\])?|\*", path)]
    prefixes += [prefix.removesuffix("[]") for prefix in prefixes]
    unused = [d for d, p in zip(documented, patterns, strict=True) if not any(re.fullmatch(p, x) for x in prefixes)]
    assert set(unused) <= {"asked_tasks[]"}
    reasons = {test["reason"] for entry in (full, partial) for task in entry["tasks"] for test in task["tests"]} - {""}
    assert all(f"`{reason}`" in values for reason in (*reasons, *TIMEOUTS[:-1]))


def test_reports_are_written(full, tmp_path):
    out = tmp_path / "deep" / "er"
    written = write.write_reports(full, feedback(full, MANIFEST), out)
    assert json.loads(written.record.read_text()) == full
    assert sorted(p.name for p in out.iterdir()) == ["feedback.html", "feedback.md", "record.json"]
    assert "</html>" in written.html.read_text() and written.markdown.read_text().startswith("# ")
    write.write_reports(full, feedback(full, MANIFEST), out)
    assert len(list(out.iterdir())) == 3


def test_full_disk_leaves_earlier_results(full, empty, tmp_path, monkeypatch):
    write.write_reports(full, feedback(full, MANIFEST), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    calls = []

    def fsync(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(write.os, "fsync", fsync)
    with pytest.raises(
        write.ReportError, match=r"^the reports cannot be written to .* \(No space left on device\); .*$"
    ):
        write.write_reports(empty, feedback(empty, MANIFEST), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_folder_that_cannot_be_written(full, tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(write.ReportError) as caught:
        write.write_reports(full, feedback(full, MANIFEST), tmp_path / "file" / "out")
    assert "\n" not in str(caught.value) and (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(full, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(write.ReportError, match="Permission denied"):
        write.write_reports(full, feedback(full, MANIFEST), tmp_path)


def test_progress_counts_and_stays_silent_without_a_terminal():
    file = io.StringIO()
    with terminal.Progress(MANIFEST, Console(file=file), HOSTILE) as progress:
        for status in (PASSED, FAILED, SKIPPED, PASSED):
            progress(outcome(status=status, reason="" if status == PASSED else NOT_IMPLEMENTED))
    assert progress.counts == {"triplet-loss": [2, 1, 1]} and file.getvalue() == ""


def test_progress_in_a_terminal():
    file = io.StringIO()
    with terminal.Progress(MANIFEST, Console(file=file, force_terminal=True, width=100), "grading dml.py") as progress:
        progress(outcome())
        progress._live.refresh()
    assert "grading dml.py: 1 test" in file.getvalue() and "1 tests" not in file.getvalue()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium to open the page in")
@pytest.mark.parametrize("size", ["900,1600", "390,1600"], ids=["desk", "phone"])
def test_page_in_a_browser(partial, size, tmp_path):
    """The style sheet gets past the page's own policy, and the page is drawn."""
    entry = with_retrieval(partial, 0.5, 0.4)
    page = write.write_reports(entry, feedback(entry, MANIFEST, partial_source()), tmp_path).html
    picture = tmp_path / "page.png"
    switches = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    more = f"--disable-component-update --disable-sync --hide-scrollbars --user-data-dir={tmp_path}/profile"
    command = [
        CHROMIUM,
        *switches.split(),
        *more.split(),
        f"--window-size={size}",
        f"--screenshot={picture}",
        page.as_uri(),
    ]
    subprocess.run(command, timeout=90, capture_output=True, check=True)
    image = Image.open(picture).convert("RGB")
    assert image.getpixel((2, 2)) in (
        (0xF4, 0xF5, 0xF7),
        (0x10, 0x13, 0x18),
    )  # the ground of the light or the dark style
    assert len(image.getcolors(1 << 20) or []) > 100
