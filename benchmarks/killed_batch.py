"""Kill a batch with SIGKILL at random moments and compare the result with an undisturbed batch; write the page.

The real command with the real sandbox, one quick task, small files of four kinds. After each kill the same command is
started again. At the end journal, records, students' folders and summary must equal those of the undisturbed batch,
except for times.

Usage: python -m benchmarks.killed_batch [--submissions 1000] [--kills 20] [--workers 2] [--seed 0] [--dry]
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assignment.cores import available_cores

OUT = Path(__file__).with_name("killed_batch.md")
ROOT = Path(__file__).parents[1]
RIGHT = "import torch\n\ndef triplet_loss(distances_pos, distances_neg, margin):\n    return {}\n"
KINDS = (
    RIGHT.format("torch.relu(distances_pos - distances_neg + margin)"),
    RIGHT.format("distances_pos - distances_neg + margin"),
    RIGHT.format("torch.relu(distances_pos - distances_neg + margin"),
    "def triplet_loss(distances_pos, distances_neg, margin):\n    raise NotImplementedError('Task 2: …')\n",
)
LATE_SECONDS = 0.3  # longest delay of a kill after the grade that triggers it
MEASURED = ("seconds", "cpu_seconds", "peak_mb", "processes")


@dataclass
class Story:
    """The result. `done`: grades in the journal at each kill; `faults`: differences at the end."""

    submissions: int
    undisturbed: float = 0.0
    disturbed: float = 0.0
    done: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def hand_in(folder: Path, submissions: int) -> None:
    """Write the class; all files are different."""
    for number in range(submissions):
        student = folder / f"s-{number:04d}"
        student.mkdir(parents=True)
        (student / "dml.py").write_text(f"{KINDS[number % len(KINDS)]}# {number}\n")


def started(source: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    """Start the command."""
    command = [sys.executable, "-m", "autograder", "batch", str(source), "--out", str(out), "--task", "triplet-loss"]
    command += ["--workers", str(workers), "--seed", "1", "--no-canary"]
    with out.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})


def finished(source: Path, out: Path, workers: int) -> float:
    """Run the command to its end; return the seconds."""
    start = time.monotonic()
    if started(source, out, workers).wait() != 0:
        sys.exit(f"the batch failed:\n{out.with_suffix('.log').read_text()[-3000:]}")
    return time.monotonic() - start


def lines_in(out: Path) -> int:
    """Number of complete lines of the journal, without its header."""
    path = out / "journal.jsonl"
    return max(0, path.read_bytes().count(b"\n") - 1) if path.exists() else 0


def tell(folder: Path, submissions: int, kills: int, workers: int, seed: int) -> Story:
    """Run both batches in `folder` and compare them."""
    chance = random.Random(seed)
    source, calm, out = folder / "in", folder / "calm", folder / "killed"
    hand_in(source, submissions)
    story = Story(submissions)
    story.undisturbed = finished(source, calm, workers)
    start = time.monotonic()
    for kill in range(kills):
        goal = round((submissions - 1) * (kill + chance.random()) / kills) - 1
        process = started(source, out, workers)
        while process.poll() is None and lines_in(out) < goal:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, LATE_SECONDS))
        if process.poll() is not None:
            story.faults.append(f"run {kill + 1} ended with {process.returncode} before it was killed")
            continue
        process.kill()
        process.wait()
        story.done.append(lines_in(out))
    if story.done != sorted(story.done):
        story.faults.append("the journal lost grades")
    finished(source, out, workers)
    story.disturbed = time.monotonic() - start
    story.faults += differences(calm, out)
    return story


def differences(calm: Path, out: Path) -> list[str]:
    """Return the differences between the folders of two batches, except for times."""
    if summary_of(calm)["grader"] != summary_of(out)["grader"]:
        return ["the grader's files changed during the run, so everything was graded again; repeat the benchmark"]
    faults = []
    for what, read in (("journal", journal_of), ("summary", summary_of), ("students", students_of)):
        first, second = read(calm), read(out)
        if first != second:
            keys = sorted(str(key) for key in {*first, *second} if first.get(key) != second.get(key))
            faults.append(f"{what}: {len(keys)} entries differ, first {keys[:3]}")
    return faults


def journal_of(out: Path) -> dict[str, Any]:
    """The journal's entries with their records; ValueError if a grade occurs twice."""
    entries: dict[str, Any] = {}
    for line in (out / "journal.jsonl").read_text().splitlines()[1:]:
        entry = json.loads(line)
        record = json.loads((out / "grades" / f"{entry['key']}.json").read_text())
        del record["measured"], entry["record"]
        if entry["key"] in entries:
            raise ValueError(f"grade {entry['key']}: occurs twice in the journal")
        entries[entry["key"]] = (entry, record["points"], record["tasks"])
    return entries


def summary_of(out: Path) -> dict[str, Any]:
    """`class.json` without measured values."""
    tree = json.loads((out / "class.json").read_text())
    del tree["measured"]
    tree["students"] = [{k: v for k, v in row.items() if k not in MEASURED} for row in tree["students"]]
    return dict(tree)


def students_of(out: Path) -> dict[str, Any]:
    """Every student's folder: names of its files, the record, the submitted file."""
    found = {}
    for folder in sorted((out / "students").iterdir()):
        record = json.loads((folder / "record.json").read_text())
        del record["measured"]
        names = sorted(path.name for path in folder.iterdir())
        found[folder.name] = (names, record, (folder / "handed_in.py").read_text())
    return found


def page(story: Story, command: str) -> str:
    """Return the page."""
    verdict = (
        "; ".join(story.faults) or "Journal, records, students' folders and summary are the same, except for times."
    )
    lines = [
        "# A batch killed at random moments",
        "",
        f"Written by `{command}`: {story.submissions} files, the real command with the real sandbox",
        f"and one quick task, killed {len(story.done)} times with SIGKILL and started again.",
        "",
        f"* undisturbed: {story.undisturbed:.0f} s, {60 * story.submissions / story.undisturbed:.0f} per minute",
        f"* killed and started again: {story.disturbed:.0f} s",
        f"* grades in the journal at the kills: {', '.join(map(str, story.done))}",
        "",
        verdict,
        "",
        f"{datetime.date.today()}, {platform.system()} {platform.machine()}, {available_cores()} of "
        f"{os.cpu_count()} cores, Python {platform.python_version()}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the benchmark and write the page; return 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    parser.add_argument("--dry", action="store_true", help="print the page, write nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dml-killed-") as folder:
        story = tell(Path(folder), options.submissions, options.kills, options.workers, options.seed)
    given = "" if not sys.argv[1:] else " " + " ".join(sys.argv[1:])
    text = page(story, f"python -m benchmarks.killed_batch{given}")
    if not options.dry:
        OUT.write_text(text, encoding="utf-8")
    print(text)
    return int(bool(story.faults))


if __name__ == "__main__":
    sys.exit(main())
