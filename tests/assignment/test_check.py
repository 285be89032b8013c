"""The student's command: loading a file, the public checks, what is printed, exit status, watching."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from assignment import check as checking
from assignment import todo
from assignment.checking import home, load
from assignment.checking.limit import TookTooLong, time_limit
from assignment.manifest import UnknownTaskError
from assignment.manifest import load as manifest

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "solution/dml.py").read_text("utf-8")
TEMPLATE = (ROOT / "template/dml.py").read_text("utf-8")


def run(path: Path, *tasks: str, hints: int = 0) -> tuple[int, str]:
    """Check a file; give exit status and output."""
    out = io.StringIO()
    status = checking.check(path, list(tasks), hints, Console(file=out, width=200, color_system=None))
    return status, out.getvalue()


def written(tmp_path: Path, text: str | bytes, name: str = "dml.py") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def replaced(old: str, new: str) -> str:
    assert old in REFERENCE
    return REFERENCE.replace(old, new, 1)


# ------------------------------------------------------------------------------------------------------ loading


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"x = 1\n\0\n", "line 2: null byte"),
        ("x = 1\n".encode("utf-16"), "encoded as UTF-16"),
        ("x = 1\n# caf\u00e9\n".encode("latin-1"), "line 2: byte 0xe9 is not utf-8"),
        (b"# coding: klingon\nx = 1\n", "unknown encoding"),
        (b"# coding: rot13\nx = 1\n", "cannot be decoded as 'rot13'"),
        (b"x = (1,\n  2]\n", "line 2, column 4: syntax error"),
        (b"def f(:\n", "line 1, column 7: syntax error"),
        (b"return 1\n", "line 1, column 1: syntax error"),
        (b"x = " + b"-" * 100_000 + b"1\n", "nested too deeply"),
        (b"x = " + b"(" * 500 + b")" * 500, "syntax error"),
        (b"import os\nx = 1 / 0\n", "line 2: importing the file raises ZeroDivisionError: division by zero"),
        (b"import not_there_at_all\n", "line 1: importing the file raises ModuleNotFoundError"),
        (b"raise ValueError\n", "line 1: importing the file raises ValueError"),
        (b"raise ValueError('two\\nlines')\n", "raises ValueError: two lines"),
        (b"def f(): f()\nf()\n", "line 1: importing the file raises RecursionError"),
        (b"import sys\nsys.exit(3)\n", "line 2: importing the file ends the program (exit 3)"),
        (b"# " + b"x" * 600_000 + b"\n", "larger than 512 KB"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path, data, says):
    path = written(tmp_path, data)
    with pytest.raises(load.LoadError) as problem:
        load.load_module(path)
    assert says in str(problem.value)
    assert "\n" not in str(problem.value)


def test_what_is_no_file_is_one_line(tmp_path):
    with pytest.raises(load.LoadError, match="there is no such file"):
        load.load_module(tmp_path / "nothing.py")
    with pytest.raises(load.LoadError, match="is a folder; give the file in it"):
        load.load_module(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(load.LoadError, match="not an ordinary file"):
        load.load_module(tmp_path / "pipe")


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfx = 'caf\xc3\xa9'\r\n",
        "# coding: latin-1\nx = 'caf\u00e9'\n".encode("latin-1"),
        "x = (\n\t'caf\u00e9')\n".encode(),
        b"from __future__ import annotations\nimport dataclasses\n@dataclasses.dataclass\nclass A:\n    b: int\n"
        b"x = 'caf\xc3\xa9'\n",
    ],
    ids=["BOM and CRLF", "declared encoding", "tab", "dataclass"],
)
def test_a_file_that_can_be_used_is_loaded(tmp_path, data):
    assert load.load_module(written(tmp_path, data)).x == "caf\u00e9"


def test_a_file_is_loaded_afresh_and_replaces_no_library(tmp_path):
    import random

    path = written(tmp_path, "x = 1\n", "random.py")
    assert load.load_module(path).x == 1
    written(tmp_path, "x = 2\n", "random.py")
    assert load.load_module(path).x == 2
    assert sys.modules["random"] is random


def test_a_syntax_error_shows_a_caret(tmp_path):
    status, out = run(written(tmp_path, "x = 1\ny = (3 4)\n"))
    assert status == 2
    assert out.splitlines()[1:] == ["y = (3 4)", "     ^"]


# ----------------------------------------------------------------------------------------------------- checking


def test_the_reference_passes_every_check():
    status, out = run(ROOT / "solution/dml.py")
    assert status == 0, out
    assert "11 of 11 tasks pass their checks, and 4 of the bonus" in out


def test_every_check_of_the_template_is_to_do():
    status, out = run(ROOT / "template/dml.py")
    assert status == 1
    assert out.startswith("Task 1: Global descriptors: MAC and SPoC pooling, length one  to do")
    assert out.count("  to do") == len(manifest().tasks) + 1
    assert "not right yet" not in out


def test_every_task_has_one_to_three_checks():
    outcomes = home.check_file(ROOT / "solution/dml.py", manifest()).outcomes
    for task in manifest().tasks:
        assert 1 <= sum(o.task == task.id for o in outcomes) <= 3, task.id
    assert all(o.shown and o.hint and o.points == 0 for o in outcomes)


def test_a_wrong_value_is_shown_with_call_and_place(tmp_path):
    wrong = replaced("(distances_pos - distances_neg + margin).clamp_min(0)", "distances_pos - distances_neg + margin")
    path = written(tmp_path, wrong)
    status, out = run(path, hints=2)
    assert status == 1
    facts = {line.split()[0]: line.split(None, 1)[1].strip() for line in out.splitlines()[2:8]}
    assert facts["called"] == "triplet_loss([0.7, 0.3], [0.4, 0.9], 0.1)"
    assert facts["returned"] == "[0.4, -0.5]"
    assert facts["expected"] == "[0.4, 0]"
    line = 1 + wrong.splitlines().index(
        next(text for text in wrong.splitlines() if text.startswith("def triplet_loss"))
    )
    assert facts["where"] == f"{path}, line {line}"
    assert "hint 1 of 3" in out and "hint 2 of 3" in out and "hint 3 of 3" not in out
    assert "5  One epoch of training" in out and "waiting" in out


def test_an_exception_is_shown_with_its_line_and_what_was_printed(tmp_path):
    lines = 'print("shape", a.shape)\n    raise KeyError("[red]mine[/]")\n    squared = a.square()'
    path = written(tmp_path, replaced("squared = a.square()", lines))
    status, out = run(path, "distances")
    assert status == 1
    assert "raised   KeyError: '[red]mine[/]'" in out
    line = 1 + path.read_text("utf-8").splitlines().index('    raise KeyError("[red]mine[/]")')
    assert f"line {line}" in out
    assert "printed  shape torch.Size([2, 2])" in out


def test_a_renamed_stub_and_another_signature_are_told(tmp_path):
    text = replaced("def gem(maps: Tensor, p: float | Tensor = 3.0", "def gemm(maps: Tensor, p: float | Tensor = 3.0")
    _, out = run(written(tmp_path, text), "gem")
    assert "did you rename it to `gemm`?" in out
    _, out = run(
        written(tmp_path, replaced("def distances(a: Tensor, b: Tensor)", "def distances(a: Tensor)")), "distances"
    )
    assert "cannot be called as the task says" in out


def test_a_loop_in_a_loop_free_task_is_found_when_the_value_is_right(tmp_path):
    loop = "return torch.stack([(row - b).square().sum(dim=1) for row in a])\n    squared = a.square()"
    status, out = run(written(tmp_path, replaced("squared = a.square()", loop)), "distances")
    assert status == 1
    assert "2/3" in out and "there is a loop" in out


def test_an_endless_loop_becomes_a_message(tmp_path, monkeypatch):
    monkeypatch.setattr(home, "SLOW", 0.1)
    monkeypatch.setattr(home, "AFTER_A_TIMEOUT", 0.2)
    # a call in the loop: Python 3.10 delivers no signal between a jump and the `try` that it leads to
    loop = "while True:\n        try: abs(0)\n        except Exception: pass\n    squared = a.square()"
    status, out = run(written(tmp_path, replaced("squared = a.square()", loop)), "distances", "contrastive")
    assert status == 1
    assert "did not return within 0.5 s" in out
    assert "12  Contrastive loss" in out and "1/1  done" in out


def test_an_import_that_never_ends_becomes_a_message(tmp_path, monkeypatch):
    monkeypatch.setattr(home, "SLOW", 0.02)
    status, out = run(written(tmp_path, "x = 1\nwhile True: pass\n"))
    assert status == 2
    assert "line 2: importing the file takes longer than 0.3 s" in out


def test_a_bonus_that_was_not_begun_is_no_failure_unless_asked_for(tmp_path):
    stub = 'raise NotImplementedError("Task 14: x")\n    return maps.clamp_min(eps)'
    path = written(tmp_path, replaced("return maps.clamp_min(eps)", stub))
    status, out = run(path)
    assert status == 0
    assert "All ordinary tasks pass their checks. What is left is a bonus." in out
    assert run(path, "gem")[0] == 1


def test_tasks_are_chosen_by_id_or_number():
    assert [manifest().task(name).id for name in ("gem", "3")] == ["gem", "hard-negatives"]
    with pytest.raises(UnknownTaskError, match="did you mean 'smooth-ap'"):
        manifest().task("smoothap")
    with pytest.raises(UnknownTaskError, match="the tasks are: descriptor, "):
        manifest().task("99")
    assert run(ROOT / "solution/dml.py", "smoothap")[0] == 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_right_answers_pass_whatever_the_random_numbers(seed, monkeypatch):
    monkeypatch.setattr(home, "SEED", seed)
    outcomes = home.check_file(ROOT / "solution/dml.py", manifest()).outcomes
    assert [o.test for o in outcomes if o.status != "passed"] == []


def test_values_are_written_in_short():
    assert home.show(np.array([[0.5, 1.0]], dtype=np.float32)) == "[[0.5, 1]]"
    assert home.show(np.zeros((2, 3, 28, 28), dtype=np.float32)) == "float32 (2, 3, 28, 28)"
    assert home.show(None) == "None" and home.show(True) == "True" and home.show(0.123456789) == "0.123457"


def test_the_time_limit_interrupts_and_leaves_no_alarm():
    def forever() -> None:
        while True:
            pass

    with pytest.raises(TookTooLong), time_limit(0.05):
        forever()
    with time_limit(0.05):
        pass
    time.sleep(0.1)


# ------------------------------------------------------------------------------------------------------- to-do list


def test_the_to_do_list_names_every_task(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    todo.print_list(ROOT / "template/dml.py")
    out = capsys.readouterr().out
    assert all(task.title in out for task in manifest().tasks)
    assert "11 of 11 tasks to do" in out


def test_the_to_do_list_sees_what_is_written(tmp_path):
    text = TEMPLATE.replace('raise NotImplementedError("Task 2: Triplet loss")', "return distances_pos")
    states = {task.id: state for task, state, _ in todo.states(written(tmp_path, text))}
    assert states["triplet-loss"] == todo.WRITTEN
    assert states["improvement"] == states["descriptor"] == todo.TO_DO
    states = {task.id: state for task, state, _ in todo.states(ROOT / "solution/dml.py")}
    assert states["improvement"] == states["reduction"] == todo.UNKNOWN


# -------------------------------------------------------------------------------------------------- command line


def command(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120", "PYTHONPATH": str(ROOT)}
    call = [sys.executable, *arguments]
    return subprocess.run(call, env=environment, capture_output=True, text=True, timeout=120, check=False, **options)


def test_help_loads_no_torch_and_tells_the_exit_status():
    script = "import sys, runpy; sys.argv = ['assignment', 'check', '--help']\n"
    script += "try: runpy.run_module('assignment', run_name='__main__')\nfinally: print('torch' in sys.modules)"
    done = command("-c", script)
    assert done.returncode == 0, done.stderr
    assert "Exit status: 0 all checks passed" in done.stdout
    assert done.stdout.strip().endswith("False")


def test_the_command_ends_with_the_status(tmp_path):
    path = written(tmp_path, TEMPLATE)
    assert command("-m", "assignment", "check", str(path), "--hint", "--hint").stdout.count("hint ") >= 2
    assert command("-m", "assignment", "check", str(path), "--task", "gem").returncode == 1
    missing = command("-m", "assignment", "check", cwd=tmp_path / "..")
    assert missing.returncode == 2
    assert missing.stdout.strip() == "dml.py: there is no such file"
    wrong = command("-m", "assignment", "check", "--nonsense")
    assert wrong.returncode == 2 and "Traceback" not in wrong.stderr


def test_watching_survives_a_syntax_error_and_ends_with_ctrl_c(tmp_path):
    path, log = written(tmp_path, TEMPLATE), tmp_path / "log"

    def wait_for(text: str, count: int = 1) -> None:
        until = time.monotonic() + 90
        while log.read_text("utf-8").count(text) < count:
            assert time.monotonic() < until and process.poll() is None, log.read_text("utf-8")
            time.sleep(0.2)

    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "120",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }
    call = [sys.executable, "-m", "assignment", "check", str(path), "--task", "gem", "--watch"]
    with log.open("w") as out:
        process = subprocess.Popen(call, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_for("watching")
        time.sleep(0.5)
        written(tmp_path, "def f(:\n")
        wait_for("syntax error")
        wait_for("watching", 2)
        other = written(tmp_path, REFERENCE, "dml.py.new")
        other.replace(path)  # how many editors save
        wait_for("1 of the bonus")
        wait_for("watching", 3)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text("utf-8")
