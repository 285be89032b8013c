"""Compare the time to grade one submission with other graders, on one core. Writes grading.md.

All graders get the reference and run the same hidden tests (all but the improvement task). Only ratios within one run
are comparable.

* this grader: a fork server in bubblewrap, one fork per submission;
* the same with the `process` back end: the difference is the cost of isolation;
* nbgrader's `autograde` for notebooks whose last cell runs the tests;
* otter-grader's `otter run` for such a notebook;
* a new pytest process per submission.

Usage: python -m benchmarks.grading [--core N] [--submissions N]
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from assignment.manifest import load
from autograder.grading.reference_files import reference, submission_of

OUT = Path(__file__).with_name("grading.md")
BIN = Path(sys.executable).parent
CHECK = """\
import sys
from autograder.grading.reference_files import reference
from benchmarks.in_process import check
assert check(sys.modules["__main__"], reference()) == 0
"""
OTTER_TEST = """\
from otter.test_files import test_case
OK_FORMAT = False
name = "q1"
points = 20

@test_case(points=20, hidden=True)
def test_all(env):
    import types
    from autograder.grading.reference_files import reference
    from benchmarks.in_process import check
    module = types.ModuleType("dml")
    module.__dict__.update(env)
    module.__file__ = "dml.py"
    assert check(module, reference()) == 0
"""
NBGRADER_CONFIG = """\
c = get_config()
c.CourseDirectory.course_id = "bench"
c.CourseDirectory.root = {root!r}
c.ExecutePreprocessor.timeout = 600
"""


def timed(action: Callable[[], object]) -> float:
    """Wall-clock seconds of a call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def run(command: list[str], folder: Path) -> None:
    """Run another grader's command; print its output if it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    environment["PATH"] = f"{BIN}{os.pathsep}{environment['PATH']}"  # nbgrader calls alembic by its name
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=900
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-3000:]}")


def ours(isolation: str, submissions: int) -> tuple[float, float, float]:
    """Median wall seconds per submission, median CPU seconds (both sides), peak MB of a submission's process."""
    from autograder.grading.grade import grade
    from autograder.sandbox.wall import Wall

    manifest = load()
    tasks = [task.id for task in manifest.tasks if not task.trains]
    walls, cpus, peaks = [], [], []
    with Wall(isolation, manifest) as wall:
        for number in range(submissions + 2):
            submission = submission_of(f"s{number}", reference() + f"\n# submission {number}\n")
            start, cpu = time.perf_counter(), time.process_time()
            given = grade(submission, wall, manifest, tasks=tasks)
            if given.score.points + 2 != manifest.points:
                sys.exit("the reference does not earn all points: this measurement would be meaningless")
            if number >= 2:  # the first ones also fill caches
                walls.append(time.perf_counter() - start)
                cpus.append(time.process_time() - cpu + sum(ending.cpu_seconds for ending in given.endings))
                peaks.append(max(ending.resident_bytes for ending in given.endings) / 2**20)
    return statistics.median(walls), statistics.median(cpus), max(peaks)


def notebook(nbgrader: bool) -> nbformat.NotebookNode:
    """Return a submission as a notebook: the solution in one cell, the checks in the next."""
    solution = new_code_cell(reference().split("\nif __name__")[0])
    check = new_code_cell(CHECK)
    if nbgrader:
        common = {"schema_version": 3, "locked": False, "task": False}
        solution.metadata["nbgrader"] = {"grade": False, "grade_id": "answer", "solution": True, **common}
        check.metadata["nbgrader"] = {
            **{"grade": True, "grade_id": "check", "solution": False, "points": 20, **common},
            "locked": True,
        }
    made = new_notebook(cells=[new_markdown_cell("# Deep metric learning"), solution, check])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made


def nbgrader_seconds(submissions: int) -> float:
    """Seconds per submission of `nbgrader autograde` for a course with this many submissions."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "nbgrader_config.py").write_text(NBGRADER_CONFIG.format(root=name))
        (root / "source" / "ps").mkdir(parents=True)
        nbformat.write(notebook(nbgrader=True), root / "source" / "ps" / "dml.ipynb")
        run([str(BIN / "nbgrader"), "generate_assignment", "ps"], root)
        for number in range(submissions):
            folder = root / "submitted" / f"s{number}" / "ps"
            folder.mkdir(parents=True)
            nbformat.write(notebook(nbgrader=True), folder / "dml.ipynb")
        return timed(lambda: run([str(BIN / "nbgrader"), "autograde", "ps"], root)) / submissions


def otter_seconds(submissions: int) -> float:
    """Seconds per submission of `otter run`."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "tests").mkdir()
        (root / "tests" / "q1.py").write_text(OTTER_TEST)
        made = notebook(nbgrader=False)
        del made.cells[-1]
        nbformat.write(made, root / "dml.ipynb")
        run([str(BIN / "otter"), "generate", "-t", "tests", "-o", "grader.zip", "--no-environment"], root)
        command = [str(BIN / "otter"), "run", "-a", "grader.zip", "-o", "out", "--no-logo", "dml.ipynb"]
        total = 0.0
        for _ in range(submissions):
            shutil.rmtree(root / "out", ignore_errors=True)
            (root / "out").mkdir()
            total += timed(lambda: run(command, root))
            if '"score": 20' not in (root / "out" / "results.json").read_text():
                sys.exit("otter did not give all points: " + (root / "out" / "results.json").read_text()[:2000])
        return total / submissions


def pytest_seconds(submissions: int) -> float:
    """Seconds per submission of a new process that runs the same tests with pytest."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "dml.py"
        file.write_text(reference())
        command = [sys.executable, "-m", "benchmarks.in_process", str(file)]
        return statistics.median(timed(lambda: run(command, Path(name))) for _ in range(submissions))


def table(submissions: int, peers: int) -> str:
    """Measure everything and write the table."""
    wall, cpu, peak = ours("bubblewrap", submissions)
    bare, bare_cpu, _ = ours("process", submissions)
    rows = [
        ("this grader, bubblewrap", wall, submissions),
        ("this grader, `process` (no sandbox)", bare, submissions),
        (f"nbgrader {metadata.version('nbgrader')} autograde", nbgrader_seconds(peers), peers),
        (f"otter-grader {metadata.version('otter-grader')} `otter run`", otter_seconds(peers), peers),
        ("new pytest process", pytest_seconds(peers), peers),
    ]
    lines = [
        "# Time to grade one submission",
        "",
        "Written by `python -m benchmarks.grading` (`make bench`): one run, everything on one core, the reference as",
        "the submission, all hidden tests but the improvement task. Compare the ratios; seconds depend on the machine.",
        "",
        "| grader | seconds per submission | submissions | relative to this grader |",
        "|---|---|---|---|",
        *(f"| {name} | {seconds:.3f} | {count} | {seconds / wall:.1f} |" for name, seconds, count in rows),
        "",
        f"CPU seconds per submission, grader and sandbox together: {cpu:.3f} with bubblewrap, {bare_cpu:.3f} without:"
        f" isolation costs {1000 * (wall - bare):.0f} ms of wall clock, {1000 * (cpu - bare_cpu):.0f} ms of CPU.",
        f"Peak resident memory of a submission's process: {peak:.0f} MB, shared libraries included.",
        "",
        f"{datetime.date.today()}, {platform.system()} {platform.machine()}, one of {os.cpu_count()} cores,"
        f" Python {platform.python_version()}, torch {metadata.version('torch')}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure on one core and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", type=int, default=0, help="the core that everything runs on")
    parser.add_argument("--submissions", type=int, default=20, help="submissions for the medians of this grader")
    parser.add_argument("--peers", type=int, default=3, help="submissions for each other grader")
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})
    text = table(options.submissions, options.peers)
    OUT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
