"""A notebook becomes the file that is graded: what is taken, what is left out, which line belongs to which cell."""

from __future__ import annotations

import ast
import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assignment.manifest import load
from autograder.intake import IntakeError, cells
from autograder.intake.notebook import NOTEBOOK_MB, Notebook, assemble
from autograder.intake.submission import read_submission
from autograder.reports.feedback import Notice, SourceLine
from autograder.reports.in_cells import in_cells

ROOT = Path(__file__).parents[2]
MANIFEST = load()
NAMES = {name: list(MANIFEST.aliases.get(name, ())) for task in MANIFEST.tasks for name in task.names}
TEMPLATE = (ROOT / "template" / "dml.py").read_text(encoding="utf-8")
STUB = 'def triplet_loss(distances_pos, distances_neg, margin):\n    raise NotImplementedError("x")\n'
LOSS = "def triplet_loss(distances_pos, distances_neg, margin):\n    return distances_pos\n"


def code(source, **metadata) -> dict:
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": [], "execution_count": None}


def text(source) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def notebook(*parts, **more) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(parts), **more}).encode()


def made(*parts) -> tuple[str, Notebook]:
    """Assemble in this process: the texts are ours."""
    result = cells.assemble(notebook(*parts), NAMES, TEMPLATE)
    return result["source"], Notebook(tuple(map(tuple, result["pieces"])), tuple(result["notes"]))


def namespace(source: str) -> dict:
    scope: dict = {"__name__": "made"}
    exec(compile(source, "made", "exec"), scope)
    return scope


def test_definitions_and_what_they_need():
    source, found = made(
        text("# hello"),
        code("import numpy as np\nimport pandas_of_mine\nHALF, OTHER = 0.5, [1, 2]\ndevice = 'cpu' if HALF else None"),
        code("def helper(x):\n    return x * HALF\n\nprint(helper(3))\nunused = 1 / 0"),
        code("for step in range(3):\n    loss = step\n    print(loss / 0)"),
        code("def triplet_loss(a, b, m):\n    loss = helper(a)\n    return loss\n\ntriplet_loss(1, 2, 3).plot()"),
    )
    assert namespace(source)["triplet_loss"](4, 0, 0) == 2
    assert "unused" not in source and "pandas" not in source and "range(3)" not in source and ".plot" not in source
    assert "device" not in source and "HALF, OTHER" in source
    assert not found.notes


def test_every_line_knows_its_cell():
    parts = (
        text("# one"),
        code("import math"),
        code("\n\ndef distances(a, b):\n    return math.sqrt(a)\n"),
        code(LOSS),
    )
    source, found = made(*parts)
    lines = source.splitlines()
    for number, line in enumerate(lines, start=1):
        if (place := found.place(number)) is not None:
            cell, inner = place
            assert parts[cell - 1]["source"].splitlines()[inner - 1] == line
    at = lines.index("    return math.sqrt(a)") + 1
    assert found.place(at) == (3, 4)
    assert found.in_cells(f"a loop in line {at} of it") == "a loop in cell 3, line 4 of it"
    assert found.in_cells("line 1 is the template's") == "line 1 is the template's"
    notice = Notice("t", f"see line {at}", SourceLine(at, f"text with line {at}"))
    told = in_cells(notice, found)
    assert told.text == "see cell 3, line 4"
    assert told.where.position == "cell 3, line 4" and told.where.text == f"text with line {at}"


def test_the_last_definition_counts_but_no_stub():
    source, found = made(code(LOSS), code(LOSS.replace("return distances_pos", "return 7")))
    assert namespace(source)["triplet_loss"](1, 2, 3) == 7
    assert any("cells 1 and 2" in note for note in found.notes)
    tree = ast.parse(TEMPLATE)
    node = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "triplet_loss")
    stub = ast.get_source_segment(TEMPLATE, node)
    source, found = made(code(LOSS), code(stub))
    assert namespace(source)["triplet_loss"](1, 2, 3) == 1
    assert not found.notes
    source, _ = made(code(stub))
    with pytest.raises(NotImplementedError):
        namespace(source)["triplet_loss"](1, 2, 3)


def test_a_class_in_several_cells():
    first = "class CUBtriplet:\n    def a(self):\n        return 1\n"
    for second in (
        "class CUBtriplet(CUBtriplet):\n    def b(self):\n        return 2\n",
        "def b(self):\n    return 2\nCUBtriplet.b = b\n",
        "def b(self):\n    return 2\nsetattr(CUBtriplet, 'b', b)\n",
    ):
        source, _ = made(code(first), code(second))
        thing = namespace(source)["CUBtriplet"]()
        assert (thing.a(), thing.b()) == (1, 2)


def test_an_older_definition_that_is_still_needed():
    source, _ = made(
        code(LOSS), code("old = triplet_loss\ndef triplet_loss(a, b, m):\n    return old(a, b, m) + 1\ntriplet_loss(0)")
    )
    assert namespace(source)["triplet_loss"](1, 2, 3) == 2


def test_names_that_tags_give():
    source, _ = made(
        code("def my_loss(a):\n    return a\n", nbgrader={"grade_id": "triplet_loss"}), code("def spare(): 1")
    )
    assert "my_loss" in source and "spare" not in source  # the report can say that it was renamed
    source, _ = made(code("def mine(a):\n    return a\n", tags=["train"]))
    assert "mine" in source
    source, _ = assemble(notebook(code("def mine(a):\n    return a\n", tags=["smooth-ap"])), "hw.ipynb", MANIFEST)
    assert "mine" in source
    source, _ = made(code("def tripletloss(a):\n    return a\n"))  # an alias of the manifest
    assert "tripletloss" in source


def test_magics_and_shell_escapes_are_left_out_where_they_stand():
    source, found = made(
        code("%matplotlib inline\n!pip install 'x\nfiles = !ls\n" + LOSS + "triplet_loss?\n"),
        code("%%time\ndef distances(a, b):\n    x = '''\n%d\n!no magic\n''' % 3\n    return (a\n  % b)\n"),
        code("%%bash\nrm -rf /\n"),
        code("%%writefile dml.py\ndef gem(x):\n    return x\n"),
        code("if True:\n    %timeit 1\n    def train(m):\n        return 5\n"),
    )
    scope = namespace(source)
    assert scope["triplet_loss"](1, 2, 3) == 1 and scope["distances"](7, 4) == 3
    assert scope["gem"](2) == 2 and scope["train"](0) == 5
    for what in ("%matplotlib inline", "!pip install 'x", "files = !ls", "%%bash", "%timeit 1"):
        assert any(f"`{what}`" in note for note in found.notes), what
    assert all("\n" not in note for note in found.notes)


def test_other_folders_are_told():
    parts = [
        code("import os\nos.chdir('/home/me')"),
        code("%cd .."),
        code("%run other.ipynb"),
        code("sys.path.append('..')"),
    ]
    _, found = made(code(LOSS), *parts)
    for cell in (2, 3, 4, 5):
        assert any(note.startswith(f"cell {cell} ") and "only this notebook" in note for note in found.notes)


def test_a_broken_cell_costs_its_own_functions_only():
    source, found = made(code("def train(:\n    pass\n'''open"), code(LOSS), code("what this does"))
    assert source.index("def triplet_loss") < source.index("def train(:")  # it cannot swallow what follows
    assert "what this does" not in source
    assert any(note.startswith("cell 3 is no valid Python") for note in found.notes)


def test_nothing_of_the_tasks():
    source, found = made(code("print('hello')"))
    assert "hello" not in source
    assert found.notes == ("no cell defines a function or class of the tasks",)


def test_many_notes_are_cut():
    _, found = made(*[code("%magic a") for _ in range(50)], code(LOSS))
    assert len(found.notes) == 21 and found.notes[-1].startswith("and 30 more")


def refused(data: bytes) -> str:
    with pytest.raises(IntakeError) as caught:
        assemble(data, "hw.ipynb", MANIFEST)
    message = str(caught.value)
    assert message.startswith("hw.ipynb ") and "\n" not in message
    return message


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"cells": [', "no valid JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[1, 2]", "no notebook"),
        (notebook(code(LOSS), nbformat=3), "format 3"),
        (b'{"nbformat": 5, "cells": []}', "format 5"),
        (b'{"nbformat": 4, "cells": {}}', "no list of cells"),
        (notebook(text("only words")), "no code cells"),
        (notebook(7, None, code(3)), "no code cells"),
        (notebook(code("1"), metadata={"kernelspec": {"language": "R"}}), "no notebook for Python"),
        (b"[" * 200_000, "nested too deeply"),
        (notebook(code("x = '" + "y" * 600_000 + "'\ndef gem(a):\n    return x")), "KB of code"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_one_line(data, says):
    assert says in refused(data)


@pytest.mark.parametrize(
    "bomb",
    [
        "-" * 200_000 + "1",
        "(" * 5000 + ")" * 5000,
        "a" + ".b" * 100_000,
        "x = " + "[" * 90 + "1" + "]" * 90,
        "\0",
        "\ud800",
    ],
    ids=["signs", "brackets", "attributes", "lists", "null", "surrogate"],
)
def test_parser_bombs_get_a_verdict(bomb):
    data, source, message = notebook(code(bomb), code(LOSS)), "", ""
    try:
        source, _ = assemble(data, "hw.ipynb", MANIFEST)
    except IntakeError as problem:
        message = str(problem)
    if message:
        assert message.startswith("hw.ipynb ") and "\n" not in message
    else:
        assert namespace(source)["triplet_loss"](1, 2, 3) == 1


def test_outputs_cost_nothing_up_to_a_limit(tmp_path):
    loud = {**code(LOSS), "outputs": [{"output_type": "stream", "name": "stdout", "text": "x" * (20 << 20)}]}
    source, _ = assemble(notebook(loud), "hw.ipynb", MANIFEST)
    assert len(source) < 10_000
    path = tmp_path / "hw.ipynb"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    with pytest.raises(IntakeError, match="clear the outputs"):
        read_submission(path, MANIFEST)
    assert "clear the outputs" in refused(b" " * ((NOTEBOOK_MB << 20) + 1))


def test_a_submission_of_a_notebook(tmp_path):
    path = tmp_path / "HW.IPYNB"
    path.write_bytes(notebook(code(LOSS)))
    submission = read_submission(path, MANIFEST, owner="s-1")
    assert submission.notebook.place(submission.source.splitlines().index(LOSS.splitlines()[0]) + 1) == (1, 1)


def test_the_reference_cut_into_cells_is_the_reference():
    reference = (ROOT / "solution" / "dml.py").read_text(encoding="utf-8")
    tree, lines = ast.parse(reference), reference.splitlines()
    starts = [node.lineno - 1 for node in tree.body[:-1]]
    ends = [*starts[1:], tree.body[-1].lineno - 1]
    parts = [code("\n".join(lines[a:b])) for a, b in zip(starts, ends, strict=True)]
    random.Random(0).shuffle(parts)  # reordered: definitions find each other when they are called
    source, found = made(*parts)
    wanted = {ast.dump(node) for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    assert wanted <= {ast.dump(node) for node in ast.parse(source).body}
    assert not found.notes


def test_graded_behind_the_wall_the_feedback_names_cells(wall, short_manifest):
    from autograder.grading.grade import grade
    from autograder.grading.make_record import record_of
    from autograder.grading.record import from_json, to_json
    from autograder.intake.submission import submission_of
    from autograder.reports import html, markdown
    from autograder.reports.feedback import feedback

    noise = code("import warnings, sys\n%matplotlib inline\nwarnings.warn('careful')\nprint('x', file=sys.stderr)")
    loss = code(
        "def helper(x):\n    warnings.warn('again')\n    return x.clamp_min(0)\n\n"
        + LOSS.replace("return distances_pos", "return helper(distances_pos - distances_neg + margin)")
    )
    wrong = code("\ndef distances(a, b):\n    import math\n    return math.no_such(a)\n")
    submission = submission_of(notebook(text("# hello"), noise, loss, wrong), "hw.ipynb", short_manifest)
    result = grade(submission, wall, short_manifest, 1, ["triplet-loss", "distances"])
    entry = record_of(result, short_manifest)
    assert [task.earned for task in entry.tasks] == [1, 0]  # warnings and words on stderr cost nothing
    assert from_json(to_json(entry)) == entry
    told = feedback(entry, short_manifest, submission.source)
    where = {test.where.position for test in told.tasks[1].tests if test.where}
    assert "cell 4, line 4" in where
    for page in (markdown.render(told), html.render(told)):
        assert "cell 4, line 4" in page and "matplotlib inline" in page


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
sources = st.sampled_from([LOSS, STUB, "%magic", "!ls", "def gem(", "x = 1", "gem = x", "class train: x", "'''", "\\"])
odd_cells = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw"]) | json_values,
        "source": sources | st.lists(sources | json_values, max_size=3) | st.text(max_size=60) | json_values,
        "metadata": json_values | st.fixed_dictionaries({"nbgrader": json_values, "tags": json_values}),
    },
)


@given(st.lists(odd_cells | json_values, max_size=6), json_values, st.sampled_from([4, 4, 4, 3, "4", None, True]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_notebook_gets_a_verdict(parts, metadata, version):
    data = json.dumps({"nbformat": version, "metadata": metadata, "cells": parts}).encode()
    result, message = {}, ""
    try:
        result = cells.assemble(data, NAMES, TEMPLATE)
    except cells.Unusable as problem:
        message = str(problem)
    if message:
        assert "\n" not in message
        return
    found = Notebook(tuple(map(tuple, result["pieces"])), tuple(result["notes"]))
    lines = result["source"].split("\n")
    assert all(first + count - 1 <= len(lines) for first, count, _, _ in found.cells)
    assert all("\n" not in note for note in found.notes)
