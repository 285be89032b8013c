"""Honest files between all known attacks get the grades that they get alone, and no report shows another file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.selftest.cases import ATTACK, MISCONCEPTION, REFERENCE, STYLE, TEMPLATE, cases
from autograder.selftest.run import hidden_lines

ROOT = Path(__file__).parents[2]
TASKS = ("triplet-loss", "distances")
HONEST = 16

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs_bubblewrap,
]


def class_of(root: Path, sources: dict[str, str]) -> Path:
    for name, source in sources.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "dml.py").write_bytes(source.encode("utf-8", "surrogatepass"))
    return root


def batch(source: Path, out: Path) -> None:
    tasks = [part for task in TASKS for part in ("--task", task)]
    command = [sys.executable, "-m", "autograder", "batch", source, "--out", out, "--workers", 2, "--no-canary", *tasks]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    done = subprocess.run(list(map(str, command)), cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def record_of(out: Path, student: str) -> dict:
    return json.loads((out / "students" / student / "record.json").read_text())


def secret(name: str) -> str:
    """A text that is in one student's file and in no other."""
    return f"only-{name}-knows-this"


def test_attacks_change_no_honest_grade_and_show_no_other_file(tmp_path):
    known = cases()
    some = [case for case in known if case.kind == MISCONCEPTION and set(case.tasks) & set(TASKS)]
    some += [case for case in known if case.kind in (REFERENCE, STYLE, TEMPLATE)]
    honest = {f"honest-{n:02}": case.source for n, case in enumerate(some[:: max(1, len(some) // HONEST)])}
    attacks = {case.id.replace("_", "-"): case.source for case in known if case.kind == ATTACK}
    assert len(honest) >= HONEST and len(attacks) > 50
    signed = {name: f"{source}\n# {secret(name)}\n" for name, source in {**honest, **attacks}.items()}

    batch(class_of(tmp_path / "alone", {name: signed[name] for name in honest}), tmp_path / "out-alone")
    names = sorted(honest)
    spread = {f"{names[n % len(names)]}-{name}": name for n, name in enumerate(sorted(attacks))}  # sorted in between
    mixed = {name: signed[name] for name in honest} | {key: signed[name] for key, name in spread.items()}
    batch(class_of(tmp_path / "mixed", mixed), tmp_path / "out")

    for name in honest:
        alone, among = record_of(tmp_path / "out-alone", name), record_of(tmp_path / "out", name)
        assert alone.pop("measured") and among.pop("measured")
        assert among == alone, name

    hidden = hidden_lines()
    secrets = {key: secret(spread.get(key, key)) for key in mixed}
    for key, source in mixed.items():
        folder = tmp_path / "out" / "students" / key
        assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == [
            "feedback.html", "feedback.md", "handed_in.py", "record.json",
        ]  # fmt: skip
        for path in folder.iterdir():
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
            others = [whose for whose, mark in secrets.items() if whose != key and mark in text]
            assert not others, f"{key}/{path.name} shows the file of {others[0]}"
            shown = [line for line in hidden if line in text and line not in source]
            assert not shown, f"{key}/{path.name} shows a hidden test: {shown[0]}"


def test_the_search_would_find_something():
    assert len(hidden_lines()) > 100
    assert any(line in (ROOT / "autograder/hidden_tests/test_distances.py").read_text() for line in hidden_lines())
