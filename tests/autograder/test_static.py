"""The static examination: a syntax error costs only the function it stands in."""

from __future__ import annotations

import ast

import pytest

from autograder.grading.reference_files import reference
from autograder.sandbox.inside.static import examine, repair

NAMES = {"distances": ["dist"]}


def broken(line: str, by: str) -> str:
    text = reference()
    assert line in text
    return text.replace(line, by, 1)


def names_of(source: str) -> set[str]:
    return {node.name for node in ast.parse(source).body if hasattr(node, "name")}


def test_clean_file_stays_as_it_is():
    repaired, problems = repair(reference())
    assert not problems
    assert ast.dump(ast.parse(repaired)) == ast.dump(ast.parse(reference()))


def test_one_function_is_lost():
    source = broken("return (distances_pos - distances_neg + margin).clamp_min(0)", "return (distances_pos - ")
    repaired, problems = repair(source)
    assert [p.lost for p in problems] == ["triplet_loss"]
    assert problems[0].line == source[: source.index("return (distances_pos - ")].count("\n") + 1
    assert names_of(repaired) == names_of(reference())
    scope: dict = {}
    exec(compile(repaired, "dml.py", "exec"), scope)
    with pytest.raises(SyntaxError, match=f"line {problems[0].line}"):
        scope["triplet_loss"](1, 2, 3)


def test_one_method_is_lost():
    repaired, problems = repair(broken("device = next((parameter.device", "device = = next((parameter.device"))
    assert [p.lost for p in problems] == ["minehard"]
    kept = next(n for n in ast.parse(repaired).body if getattr(n, "name", "") == "CUBtriplet")
    assert {"__init__", "__getitem__", "__len__", "minehard"} <= {n.name for n in kept.body if hasattr(n, "name")}


def test_two_errors_in_two_functions():
    source = broken("squared = a.square()", "squared = = a.square()").replace(
        "hits = relevant.cumsum", "hits = ) cumsum"
    )
    _, problems = repair(source)
    assert {p.lost for p in problems} == {"distances", "average_precision"}


def test_open_bracket_tabs_and_line_ends():
    for source in (
        "x = 1\ndef f(:\n    pass\n\ndef g():\n\treturn 1\n",
        "x = 1\r\ndef f(:\r\n    pass\r\n\r\ndef g():\r\n\treturn 1\r\n",
    ):
        repaired, problems = repair(source)
        assert [p.lost for p in problems] == ["f"]
        assert (problems[0].line, problems[0].column) == (2, 7)
        assert {"f", "g"} == names_of(repaired)


def test_files_beyond_repair_are_reported_not_raised():
    for source in ("(" * 5000, "a = " + "-" * 100_000 + "1", "'''" + "x\n" * 10):
        _, findings = examine(source, NAMES)
        assert findings["syntax"]


def test_flags_are_for_the_instructor():
    _, findings = examine("import os, gc\nimport torch\nx = os._exit\n", NAMES)
    assert findings["flags"] == ["line 1: import gc", "line 1: import os", "line 3: _exit"]


def test_methods_of_models_are_not_flagged():
    """The reference itself calls `eval()` and `modules()`; only builtins of these names are flagged."""
    usual = (
        "model.eval()\nfor m in model.modules(): m.eval()\nfast = torch.compile(model)\nre.compile('x')\nmodules = 1\n"
    )
    assert examine(usual, NAMES)[1]["flags"] == []
    assert examine(reference(), NAMES)[1]["flags"] == []
    odd = "eval('1')\nexec('1')\ncompile('1', '', 'eval')\n__import__('os')\nsys.modules['x'] = 1\n"
    assert examine(odd, NAMES)[1]["flags"] == [
        f"line {n}: {what}" for n, what in enumerate(["eval", "exec", "compile", "__import__", "sys.modules"], start=1)
    ]
