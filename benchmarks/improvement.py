"""Measure how often the improvement task passes correct files and fails wrong ones.

    python -m benchmarks.improvement --seeds 200        # about 40 minutes on one core
    python -m benchmarks.improvement --only "reference,no zero_grad" --seeds 20 --dry

Runs in this process, without a sandbox, because the files are the grader's own. Writes `assignment/improvement.md`.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import torch

from assignment import manifest
from assignment.checking.agent import Agent
from assignment.checking.improvement import Result, Settings, draw, judge
from assignment.checking.student import Student
from assignment.cores import available_cores
from autograder.misconceptions import catalogue

REPOSITORY = Path(__file__).resolve().parent.parent
SAMPLE = REPOSITORY / "autograder" / "hidden_tests" / "fashion_hidden.npz"
TARGET = REPOSITORY / "assignment" / "improvement.md"
BACKWARD = "losses.mean().backward()"
POSITIVE = "positive = positives[torch.randint(len(positives), ())]"
Edit = tuple[str, str]
RIGHT: dict[str, Edit] = {  # what is replaced in the reference, and by what
    "reference": ("", ""),
    "sum in the backward pass": (BACKWARD, "losses.sum().backward()"),
    "eval mode": ("    model.train()\n    freeze_batchnorm(model)\n", "    model.eval()\n"),
    "three forward passes": ("model(images).chunk(3)", "(model(part.to(device)) for part in batch)"),
}
WRONG: dict[str, Edit] = {
    "no zero_grad": ("        optimizer.zero_grad()\n", ""),
    "sign of the loss flipped": (BACKWARD, "(-losses.mean()).backward()"),
    "anchor as the positive": (POSITIVE, "positive = i"),
    "never steps": ("        optimizer.step()\n", ""),
}

Run = tuple[Result, float]  # result and seconds


@dataclass(frozen=True)
class Subject:
    """A file to measure: its name, its source and whether it should pass."""

    name: str
    source: str
    right: bool


def subjects() -> list[Subject]:
    """Return the reference, correct variants of it and wrong ones; ValueError if one no longer fits the reference."""
    reference = catalogue.REFERENCE.read_text(encoding="utf-8")
    found = []
    for name, (old, new) in {**RIGHT, **WRONG}.items():
        if old not in reference:
            raise ValueError(f"variant '{name}': the reference does not contain {old!r}; adapt the variant")
        found.append(Subject(name, reference.replace(old, new) if old else reference, right=name in RIGHT))
    return found


def run(subject: Subject, seed: int, settings: Settings, images: np.ndarray, labels: np.ndarray) -> Run:
    """Run the improvement task once with everything drawn from `seed`."""
    rng = np.random.default_rng(seed)
    problem = draw(images, labels, rng, settings)
    agent = Agent(catalogue.execute(subject.source, "dml"), manifest.load())
    start = time.perf_counter()
    network_seed = int(rng.integers(2**31))
    probe = Student(agent.perform, seed).probe
    answer = probe.improvement(problem.images, problem.labels, problem.unseen, network_seed, settings)
    seconds = time.perf_counter() - start
    before, after, trained = (answer[i].array for i in range(3))
    return judge(problem, before, after, trained, settings["margin"]), seconds


def passes(result: Result, settings: Settings) -> bool:
    """Whether a result meets the criteria of the hidden test."""
    return (
        result.spread >= settings["least_spread"]
        and result.loss <= settings["most_loss"]
        and result.rise >= settings["least_rise"]
    )


def row(subject: Subject, runs: list[Run], settings: Settings) -> str:
    """Return one row of the table."""
    results = [result for result, _ in runs]
    passed = sum(passes(result, settings) for result in results)

    def span(name: str, form: str) -> str:
        values = [getattr(result, name) for result in results]
        return f"{np.mean(values):{form}} ({min(values):{form}} … {max(values):{form}})"

    before = np.mean([result.p_at_1_before for result in results])
    after = np.mean([result.p_at_1_after for result in results])
    cells = [subject.name, f"{passed} of {len(runs)}", f"{before:.3f}", f"{after:.3f}"]
    cells += [span("rise", "+.3f"), span("loss", ".3f"), span("spread", ".2f")]
    cells.append(f"{np.median([seconds for _, seconds in runs]):.1f}")
    return f"| {' | '.join(cells)} |"


HEADER = """| file | passes | P@1 before | P@1 after | rise | loss / margin | spread / margin | seconds |
|---|---|---|---|---|---|---|---|"""

TEXT = """# The improvement task: measurements

Written by `python -m benchmarks.improvement` on {date}, torch {torch}, {machine}, one thread.
Each seed draws other images, another colour cast for each of them, another network and another order.
Mean (minimum … maximum) over the seeds; seconds are the median of one run, all descriptors included.
The first {right} files are correct and must pass, the others are wrong and must fail.

{table}

A run passes with a rise of P@1 of at least {least_rise}, a loss of at most {most_loss} and a spread of at least
{least_spread}, both in units of the margin. The settings are in `assignment.toml`, `[improvement]`.

* *Colour cast.* Without it P@1 of a random network is already about two thirds, and training on 200 images does not
  raise it enough for a threshold.
* *Small margin.* Images of different classes are farther apart than the margin from the start. With the anchor as the
  positive there is then nothing to learn; with a large margin, pushing negatives away would raise P@1 as well.
* *Loss and spread.* Gradients that are never set to zero collapse all descriptors to one point. Their ranking can still
  be good, so P@1 alone does not detect it; the loss ends at the margin, the spread near 0.
* *AdamW* takes steps of the same size for the sum and for the mean of a batch's losses. With the usual beta2 = 0.999
  (lr 0.002, 16 epochs) the large initial gradients keep later steps so small that 6 of 200 correct runs failed.
"""


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=20, help="runs per file")
    parser.add_argument("--only", default="", help="names of files, separated by commas; other rows are kept")
    parser.add_argument("--dry", action="store_true", help="print the table only")
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = manifest.load().improvement
    chosen = [s for s in subjects() if not options.only or s.name in options.only.split(",")]
    with np.load(SAMPLE) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    rows: list[str] = []
    print(HEADER)
    for subject in chosen:
        often = subject.name == "reference" or not subject.right
        seeds = range(1, 1 + (options.seeds if often else -(-options.seeds // 5)))
        runs = [run(subject, seed, settings, images, labels) for seed in seeds]
        for seed, (result, _) in zip(seeds, runs, strict=True):
            if passes(result, settings) != subject.right:
                print(f"{subject.name}, seed {seed}: {result}", file=sys.stderr, flush=True)
        rows.append(row(subject, runs, settings))
        print(rows[-1], flush=True)
        if not options.dry:
            write(rows, settings)


def write(rows: list[str], settings: Settings) -> None:
    """Write the page; rows of files that were not measured are kept."""
    known = TARGET.read_text(encoding="utf-8").splitlines() if TARGET.exists() else []
    by_name = {line.split("|")[1].strip(): line for line in [*known, *rows] if line.startswith("| ")}
    rows = [by_name[subject.name] for subject in subjects() if subject.name in by_name]
    text = TEXT.format(
        date=date.today().isoformat(),
        torch=torch.__version__,
        machine=f"{platform.machine()}, {available_cores()} cores",
        right=len(RIGHT),
        table="\n".join([HEADER, *rows]),
        **settings,
    )
    TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
