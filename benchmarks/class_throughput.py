"""Measure how fast `batch` grades a class, everything included, with one worker and with two; write the table.

The class is a mixture of the self-test's files, graded on all tasks, the improvement task included, with the limits of
the manifest. A comment at the end makes every file different, so that none is graded for two students.

Usage: python -m benchmarks.class_throughput [--submissions 200] [--workers 1 2] [--seed 0] [--dry]
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from assignment.cores import available_cores
from autograder.selftest.cases import ATTACK, MISCONCEPTION, REFERENCE, STYLE, TEMPLATE, Case, cases

OUT = Path(__file__).with_name("class_throughput.md")
ROOT = Path(__file__).parents[1]
# A class in the last week: most files are correct or nearly so, some are untouched, a few are attacks.
SHARES = {STYLE: 0.30, REFERENCE: 0.10, MISCONCEPTION: 0.45, TEMPLATE: 0.10, ATTACK: 0.05}
TICKS = os.sysconf("SC_CLK_TCK")
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Measured:
    """One run. `seconds`: grading, start-up of the workers included; `whole`: the command from start to end."""

    workers: int
    files: int
    seconds: float
    whole: float
    median: float
    slowest: float
    coordinator_cpu: float
    coordinator_mb: float
    grades: dict[str, tuple[float, float]]


def mixed(submissions: int, seed: int) -> list[Case]:
    """Return `submissions` files in the proportions of `SHARES`, shuffled; each kind is used up before files repeat."""
    chance = random.Random(seed)
    by_kind = {kind: [case for case in cases() if case.kind == kind] for kind in SHARES}
    counts = {kind: round(share * submissions) for kind, share in SHARES.items()}
    counts[MISCONCEPTION] += submissions - sum(counts.values())
    chosen: list[Case] = []
    for kind, count in counts.items():
        own = by_kind[kind]
        while count > 0:
            chosen += (part := chance.sample(own, min(count, len(own))))
            count -= len(part)
    chance.shuffle(chosen)
    return chosen


def hand_in(chosen: list[Case], folder: Path) -> None:
    """Write the class as one folder per student."""
    for number, case in enumerate(chosen):
        student = folder / f"s-{number:04d}"
        student.mkdir(parents=True)
        source = f"{case.source}\n# student {number}\n"
        (student / "dml.py").write_bytes(source.encode("utf-8", "surrogatepass"))


def graded(folder: Path, out: Path, workers: int) -> Measured:
    """Run the command and measure its coordinating process."""
    command = [sys.executable, "-m", "autograder", "batch", str(folder), "--out", str(out), "--workers", str(workers)]
    log = out.with_suffix(".log")
    start = time.perf_counter()
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file, env=dict(os.environ))
        cpu, peak = 0.0, 0.0
        while process.poll() is None:
            cpu, peak = _cpu_and_peak(process.pid, cpu, peak)
            time.sleep(LOOK_SECONDS)
    whole = time.perf_counter() - start
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{log.read_text()[-3000:]}")
    tree = json.loads((out / "class.json").read_text())
    rows = tree["students"]
    seconds = [row["seconds"] for row in rows]
    return Measured(
        workers=workers,
        files=tree["measured"]["files"],
        seconds=tree["measured"]["seconds"],
        whole=whole,
        median=statistics.median(seconds),
        slowest=max(seconds),
        coordinator_cpu=cpu,
        coordinator_mb=peak,
        grades={row["key"]: (row["points"], row["bonus"]) for row in rows},
    )


def _cpu_and_peak(pid: int, cpu: float, peak: float) -> tuple[float, float]:
    """CPU seconds and peak resident MB of a process so far; the last known values if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return cpu, peak
    most = [int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")]
    return (int(fields[11]) + int(fields[12])) / TICKS, max([peak, *most])


def table(chosen: list[Case], runs: list[Measured], command: str) -> str:
    """The page."""
    counts = Counter(case.kind for case in chosen)
    mixture = ", ".join(f"{counts[kind]} {kind}" for kind in SHARES)
    lines = [
        "# How fast a class is graded",
        "",
        f"Written by `{command}`: {len(chosen)} different files in random order ({mixture}), all tasks (also the",
        "improvement task), graded with `batch`, with canaries, reports and the class page. One run per row.",
        "",
        "| workers | files | seconds | per minute | whole command, seconds | one file, median | slowest file "
        "| coordinator: CPU per file | peak MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {run.workers} | {run.files} | {run.seconds:.0f} | {60 * run.files / run.seconds:.1f} | {run.whole:.0f} "
        f"| {run.median:.2f} | {run.slowest:.1f} | {run.coordinator_cpu / max(run.files, 1):.3f} "
        f"| {run.coordinator_mb:.0f} |"
        for run in runs
    ]
    first = runs[0]
    for run in runs[1:]:
        lines += [
            "",
            f"{run.workers} workers grade {first.seconds / run.seconds:.2f} times as fast as {first.workers} "
            f"(the whole command: {first.whole / run.whole:.2f} times). {_differences(first, run)}",
        ]
    lines += [
        "",
        f"{datetime.date.today()}, {platform.system()} {platform.machine()}, {available_cores()} of "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, torch {metadata.version('torch')}.",
    ]
    return "\n".join(lines) + "\n"


def _differences(first: Measured, second: Measured) -> str:
    other = sorted(key for key in first.grades if first.grades[key] != second.grades[key])
    if not other:
        return "All grades are the same."
    return f"{len(other)} grades differ: {', '.join(other[:9])}."


def main() -> None:
    """Grade the class once per number of workers and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=200)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seed", type=int, default=0, help="seed of the mixture")
    parser.add_argument("--dry", action="store_true", help="print the table, write nothing")
    options = parser.parse_args()
    chosen = mixed(options.submissions, options.seed)
    with tempfile.TemporaryDirectory(prefix="dml-throughput-") as name:
        folder = Path(name)
        hand_in(chosen, folder / "in")
        runs = [graded(folder / "in", folder / f"out-{workers}", workers) for workers in options.workers]
    given = "" if not sys.argv[1:] else " " + " ".join(sys.argv[1:])
    text = table(chosen, runs, f"python -m benchmarks.class_throughput{given}")
    if not options.dry:
        OUT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
