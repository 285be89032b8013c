"""What runs in a Dask worker's process: one warm wall, put up when the first file comes, kept for the next ones.

All of it happens in one thread of its own: files are graded one after the other however many threads the worker has,
and a wall that dies with the thread that started it does not die with one of Dask's.
"""

from __future__ import annotations

import atexit
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

from assignment.manifest import load
from autograder import fingerprint
from autograder.workers import BROKEN, FELL, GRADED, Bench, Job, Recipe, WallFell

GPU = "GPU"  # the resource that a worker with a graphics card is started with


@dataclass(frozen=True)
class Wanted:
    """What a batch asks of all its graders.

    Attributes:
        recipe: of the bench. grader, assignment: hashes of the coordinator's own; a worker with others must not grade.
    """

    recipe: Recipe
    grader: str
    assignment: str


@dataclass(frozen=True)
class Greeting:
    """What a worker is. `wall`: the name of its back end, or why it has none in `problem`."""

    grader: str
    assignment: str
    wall: str
    problem: str
    gpus: float


def greet(isolation: str, dask_worker: Any = None) -> Greeting:
    """Say what this worker is; Dask puts itself in as `dask_worker`."""
    from autograder.sandbox import backends

    resources = dask_worker.state.total_resources if dask_worker is not None else {}
    wall, problem = "", ""
    try:
        wall = backends.start(isolation).name
    except backends.IsolationError as found:
        problem = str(found)
    return Greeting(*own_hashes(), wall, problem, float(resources.get(GPU, 0)))


@cache
def own_hashes() -> tuple[str, str]:
    """Hashes of grader and assignment as they were when this process first used them."""
    return fingerprint.of_grader(), fingerprint.of_assignment(load())


def grade(data: bytes) -> tuple[str, str]:
    """Grade one file; return how that ended and the record, or the reason why there is none.

    `data`: a pickled Job and Wanted. They come from the coordinator, as trusted as this very call.
    """
    return _thread().submit(_grade, *pickle.loads(data)).result()


@cache
def _thread() -> ThreadPoolExecutor:
    atexit.register(_put_away)
    return ThreadPoolExecutor(1, thread_name_prefix="grader")


def _one_core() -> None:
    """Leave the machine's other cores to the workers that they have."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


_benches: dict[Recipe, Bench] = {}  # one at most


def _grade(job: Job, wanted: Wanted) -> tuple[str, str]:
    if own_hashes() != (wanted.grader, wanted.assignment):
        return BROKEN, "its files of the grader or the assignment are others; update them and start it again"
    recipe = wanted.recipe
    try:
        if recipe not in _benches:
            _put_away()
            _benches[recipe] = recipe.make(*recipe.arguments)
            _one_core()
        return GRADED, _benches[recipe].grade(job)
    except WallFell as problem:
        return FELL, str(problem)
    except Exception as problem:  # a fault of the grader's own: the batch has to end, with this reason
        _put_away()
        return BROKEN, f"{type(problem).__name__}: {problem}"


def _put_away() -> None:
    while _benches:
        _benches.popitem()[1].close()
