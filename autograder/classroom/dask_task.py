"""The task that runs on a Dask worker: grade one file in a sandbox that is kept for the next files.

Everything runs in one extra thread: files are graded one after the other, however many threads the worker has, and a
sandbox that ends with the thread that started it does not depend on Dask's threads.
"""

from __future__ import annotations

import atexit
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from assignment.manifest import load
from autograder.classroom.workers import BROKEN, CRASHED, GRADED, FileGrader, GraderFactory, Job, SandboxCrashed
from autograder.grading import fingerprint

if TYPE_CHECKING:
    from distributed import Worker

GPU = "GPU"  # resource of workers with a GPU


@dataclass(frozen=True)
class Request:
    """What a batch requires of all workers.

    Attributes:
        factory: makes the grader. grader, assignment: hashes on the coordinator; a worker with others must not grade.
    """

    factory: GraderFactory
    grader: str
    assignment: str


@dataclass(frozen=True)
class WorkerFacts:
    """Properties of a worker. `isolation`: back end of its sandbox; `problem`: why it has none, "" if it has one."""

    grader: str
    assignment: str
    isolation: str
    problem: str
    gpus: float


def describe_worker(isolation: str, dask_worker: Worker | None = None) -> WorkerFacts:
    """Describe this worker; Dask passes itself as `dask_worker`."""
    from autograder.sandbox import backends

    resources = dask_worker.state.total_resources if dask_worker is not None else {}
    started, problem = "", ""
    try:
        started = backends.start(isolation).name
    except backends.IsolationError as found:
        problem = str(found)
    return WorkerFacts(*hashes(), started, problem, float(resources.get(GPU, 0)))


@cache
def hashes() -> tuple[str, str]:
    """Hashes of grader and assignment when this process first used them."""
    return fingerprint.of_grader(), fingerprint.of_assignment(load())


def grade(data: bytes) -> tuple[str, str]:
    """Grade one file; return a status of `workers` and the record, or the reason why there is none.

    `data`: a pickled Job and Request from the coordinator, which is as trusted as this call.
    """
    return _thread().submit(_grade, *pickle.loads(data)).result()


@cache
def _thread() -> ThreadPoolExecutor:
    atexit.register(_close)
    return ThreadPoolExecutor(1, thread_name_prefix="grader")


def _one_core() -> None:
    """Use one core; the machine has a worker for each."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


_graders: dict[GraderFactory, FileGrader] = {}  # at most one


def _grade(job: Job, request: Request) -> tuple[str, str]:
    if hashes() != (request.grader, request.assignment):
        return BROKEN, "its grader or assignment differs from the coordinator's; update it and start it again"
    factory = request.factory
    try:
        if factory not in _graders:
            _close()
            _graders[factory] = factory.make(*factory.arguments)
            _one_core()
        return GRADED, _graders[factory].grade(job)
    except SandboxCrashed as problem:
        return CRASHED, str(problem)
    except Exception as problem:  # a fault of the grader: the batch ends with this reason
        _close()
        return BROKEN, f"{type(problem).__name__}: {problem}"


def _close() -> None:
    while _graders:
        _graders.popitem()[1].close()
