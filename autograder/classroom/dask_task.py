"""What runs in a Dask worker's process: one sandbox, started with the first file and kept for the next ones.

All of it happens in one thread of its own: files are graded one after the other however many threads the worker has,
and a sandbox that ends with the thread that started it does not end with one of Dask's.
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
from autograder.classroom.workers import BROKEN, CRASHED, GRADED, FileGrader, GraderFactory, Job, SandboxCrashed
from autograder.grading import fingerprint

GPU = "GPU"  # the resource that a worker with a graphics card is started with


@dataclass(frozen=True)
class Request:
    """What a batch asks of all its graders.

    Attributes:
        factory: of the grader. grader, assignment: hashes of the coordinator's; a worker with others must not grade.
    """

    factory: GraderFactory
    grader: str
    assignment: str


@dataclass(frozen=True)
class WorkerFacts:
    """What a worker is. `wall`: the name of its back end, or why it has none in `problem`."""

    grader: str
    assignment: str
    wall: str
    problem: str
    gpus: float


def describe_worker(isolation: str, dask_worker: Any = None) -> WorkerFacts:
    """Describe this worker; Dask passes itself as `dask_worker`."""
    from autograder.sandbox import backends

    resources = dask_worker.state.total_resources if dask_worker is not None else {}
    wall, problem = "", ""
    try:
        wall = backends.start(isolation).name
    except backends.IsolationError as found:
        problem = str(found)
    return WorkerFacts(*own_hashes(), wall, problem, float(resources.get(GPU, 0)))


@cache
def own_hashes() -> tuple[str, str]:
    """Hashes of grader and assignment as they were when this process first used them."""
    return fingerprint.of_grader(), fingerprint.of_assignment(load())


def grade(data: bytes) -> tuple[str, str]:
    """Grade one file; return how that ended and the record, or the reason why there is none.

    `data`: a pickled Job and Request. They come from the coordinator, as trusted as this very call.
    """
    return _thread().submit(_grade, *pickle.loads(data)).result()


@cache
def _thread() -> ThreadPoolExecutor:
    atexit.register(_close)
    return ThreadPoolExecutor(1, thread_name_prefix="grader")


def _one_core() -> None:
    """Leave the machine's other cores to the workers that they have."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


_graders: dict[GraderFactory, FileGrader] = {}  # one at most


def _grade(job: Job, request: Request) -> tuple[str, str]:
    if own_hashes() != (request.grader, request.assignment):
        return BROKEN, "its files of the grader or the assignment are others; update them and start it again"
    factory = request.factory
    try:
        if factory not in _graders:
            _close()
            _graders[factory] = factory.make(*factory.arguments)
            _one_core()
        return GRADED, _graders[factory].grade(job)
    except SandboxCrashed as problem:
        return CRASHED, str(problem)
    except Exception as problem:  # a fault of the grader's own: the batch has to end, with this reason
        _close()
        return BROKEN, f"{type(problem).__name__}: {problem}"


def _close() -> None:
    while _graders:
        _graders.popitem()[1].close()
