"""Grade on a Dask cluster: check the workers, give each one file at a time, retry lost files.

Dask can distribute the files itself, but cannot tell which file crashed a worker. Here each file is sent to a worker by
name, so that the crashes of each file are counted, and a file that crashes its workers ends with a reason.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import queue
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assignment.text import one_line
from autograder.classroom import dask_task
from autograder.classroom.dask_task import GPU, Request, WorkerFacts
from autograder.classroom.workers import BROKEN, CRASHED, GRADED, Done, GraderFactory, Job, WorkerError

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_SECONDS = 10.0
WORKER_SECONDS = 8.0  # wait for the first worker
REFRESH_SECONDS = 1.0  # between two checks of the workers
RETURN_SECONDS = 60.0  # wait for a worker when all are gone
GATHER_SECONDS = 20.0  # fetch a result that is ready
TRIES = 3  # on a cluster, workers are also lost without the file's fault
QUIET = ("distributed", "tornado", "asyncio")
LOST = "the worker was lost"
GONE = (asyncio.TimeoutError, asyncio.CancelledError, TimeoutError, OSError)
ADVICE = "finished grades are in the journal, the same command continues"


class ClusterError(WorkerError):
    """The cluster cannot be reached, or none of its workers can grade; the message is one line."""


@dataclass
class Running:
    """A job that a worker is grading."""

    job: Job
    future: Future
    deadline: float


@dataclass
class Cluster:
    """A Dask cluster whose workers run the same grader as this machine. Use as a context manager.

    Args:
        address: address of the scheduler, for example tcp://head:8786. isolation: back end on every worker.
        grader, assignment: hashes that the workers must have. gpu: use only workers with a GPU, one file each.

    Attributes:
        back_end: name of the back end of the workers' sandboxes, the same on all.
        client: Dask's client. usable: addresses of the workers that can grade.

    Raises:
        ClusterError: on entering, if no scheduler answers, there are no workers, or one differs from this machine.
    """

    address: str
    isolation: str
    grader: str
    assignment: str
    gpu: bool = False
    back_end: str = ""
    client: Client = field(init=False)
    usable: set[str] = field(default_factory=set)
    _refused: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Cluster:
        try:
            from distributed import Client
        except ImportError:
            raise ClusterError("--dask: Dask is not installed here; install the extra `cluster`") from None
        for name in QUIET:
            logging.getLogger(name).setLevel(logging.CRITICAL)  # errors are reported here, in one line
        try:
            asyncio.run(asyncio.wait_for(self._check_address(), CONNECT_SECONDS))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # versions that differ; those that matter are in the hash
                self.client = Client(self.address, timeout=CONNECT_SECONDS, set_as_default=False)
        except Exception:  # of any kind, since any server may answer
            raise ClusterError(
                f"--dask {self.address}: no scheduler answers within {CONNECT_SECONDS:g} seconds; check the address"
            ) from None
        try:
            self._wait_for_workers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # the scheduler may be gone
            self.client.close(timeout=5)

    def refresh(self) -> set[str]:
        """Check new workers; return the addresses of all connected workers.

        Raises:
            ClusterError: the scheduler is gone.
        """
        try:
            connected = set(self.client.nthreads())
            new = sorted(connected - self.usable - set(self._refused))
            self.usable &= connected
            self._refused = {worker: why for worker, why in self._refused.items() if worker in connected}
            described = (
                self.client.run(dask_task.describe_worker, self.isolation, workers=new, on_error="return")
                if new
                else {}
            )
        except (OSError, RuntimeError, TimeoutError, ValueError) as problem:
            raise ClusterError(f"--dask {self.address}: the scheduler is gone ({_line(problem)}); {ADVICE}") from None
        for worker, facts in described.items():
            reason = self._reason_unusable(facts)
            if reason:
                self._refused[worker] = reason
            else:
                self.back_end = facts.isolation
                self.usable.add(worker)
        return connected

    def exclude(self, worker: str) -> None:
        """Stop using this worker; restart its process if a nanny supervises it."""
        self.usable.discard(worker)
        self._refused[worker] = "it did not answer in time"
        with suppress(Exception):  # no nanny
            self.client.restart_workers([worker], timeout=10, raise_for_error=False)

    def why_none(self) -> str:
        """Why no worker is usable."""
        if self._refused:
            return "; ".join(sorted(set(self._refused.values()))[:3])
        return "it has no workers; start some with `dask worker`"

    async def _check_address(self) -> None:
        """Connect to the scheduler once, since a client that cannot reach it prints tracebacks when it is closed."""
        from distributed.comm import connect

        comm = await connect(self.address, timeout=CONNECT_SECONDS)  # may ignore its timeout if a server never answers
        await comm.close()

    def _wait_for_workers(self) -> None:
        deadline = time.monotonic() + WORKER_SECONDS
        while not self.refresh() and time.monotonic() < deadline:
            time.sleep(0.2)
        others = [f"{worker}: {why}" for worker, why in sorted(self._refused.items()) if why != NO_GPU]
        if others:
            raise ClusterError(f"--dask {self.address}: a worker cannot be used, {others[0]}")
        if not self.usable:
            raise ClusterError(f"--dask {self.address}: no worker can be used: {self.why_none()}")

    def _reason_unusable(self, facts: WorkerFacts | Exception) -> str:
        """Why a worker cannot be used, "" if it can."""
        if not isinstance(facts, WorkerFacts):
            return f"it cannot run this grader ({_line(facts)}); install the same version there"
        if (facts.grader, facts.assignment) != (self.grader, self.assignment):
            return "its grader, assignment or libraries differ from those here; update it and start it again"
        if facts.problem:
            return facts.problem
        if self.back_end and facts.isolation != self.back_end:
            return f"its sandbox is {facts.isolation}, another worker's is {self.back_end}; choose one with --isolation"
        if self.gpu and facts.gpus < 1:
            return NO_GPU
        return ""


NO_GPU = f"no GPU; start workers that have one with `--resources {GPU}=1`"


class DaskPool:
    """The workers of a cluster, as the pool of a batch.

    Args:
        cluster: an entered cluster. factory: makes each worker's grader. seconds: time limit of a file; then its worker
            is excluded.
    """

    def __init__(self, cluster: Cluster, factory: GraderFactory, seconds: float) -> None:
        self.cluster, self.seconds = cluster, seconds
        self.request = Request(factory, cluster.grader, cluster.assignment)
        self.lost = 0
        self._batch = uuid.uuid4().hex[:12]
        self._running: dict[str, Running] = {}
        self._again: deque[tuple[Job, str]] = deque()  # with the worker that was lost
        self._tries: dict[str, int] = {}
        self._answered: queue.SimpleQueue[tuple[str, Future]] = queue.SimpleQueue()
        self._next_refresh = 0.0
        self._alone_since: float | None = None

    def __enter__(self) -> DaskPool:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):
            self.cluster.client.cancel([running.future for running in self._running.values()], force=True)

    def run(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Yield the results as they are finished; a job is taken whenever a worker is free.

        Raises:
            ClusterError: the scheduler is gone, or all workers. WorkerError: a grader is broken.
        """
        coming, more = iter(jobs), True
        done: list[Done] = []
        while more or self._again or self._running or done:
            done += self._refresh_if_due()
            more = self._feed(coming, more)
            self._check_for_workers(more)
            yield from done  # the workers are busy meanwhile
            done = self._answers()

    def _check_for_workers(self, more: bool) -> None:
        if self._running or not (more or self._again):
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > RETURN_SECONDS:
            raise ClusterError(
                f"--dask {self.cluster.address}: no worker is left ({self.cluster.why_none()}); {ADVICE}"
            )

    def _feed(self, coming: Iterator[Job], more: bool) -> bool:
        """Give each free worker a job; return whether there may be more jobs."""
        for worker in sorted(self.cluster.usable - set(self._running)):
            job = self._retry_for(worker)
            if job is None and more:
                job = next(coming, None)
                more = job is not None
            if job is not None:
                self._give(worker, job)
        return more

    def _retry_for(self, worker: str) -> Job | None:
        """A lost job that this worker may try: not one that it was lost with, unless there is no other worker."""
        for position, (job, lost_with) in enumerate(self._again):
            if lost_with != worker or len(self.cluster.usable) == 1:
                del self._again[position]
                return job
        return None

    def _give(self, worker: str, job: Job) -> None:
        number = self._tries[job.key] = self._tries.get(job.key, 0) + 1
        future = self.cluster.client.submit(
            _dask_task(),
            pickle.dumps((job, self.request)),
            key=f"grade-{self._batch}-{job.key[:16]}-{number}",
            workers=[worker],
            resources={GPU: 1} if self.cluster.gpu else None,
            pure=False,
        )
        self._running[worker] = Running(job, future, time.monotonic() + self.seconds)
        future.add_done_callback(lambda _, worker=worker, future=future: self._answered.put((worker, future)))

    def _answers(self) -> list[Done]:
        """Wait a moment for results; return the finished jobs."""
        done: list[Done] = []
        with suppress(queue.Empty):
            done += self._answer(*self._answered.get(timeout=REFRESH_SECONDS))
            while True:
                done += self._answer(*self._answered.get_nowait())
        return done

    def _answer(self, worker: str, future: Future) -> list[Done]:
        running = self._running.get(worker)
        if running is None or running.future is not future:
            return []  # of a worker that was given up
        del self._running[worker]
        if future.status == "error" and type(future.exception()).__name__ != "KilledWorker":
            raise WorkerError(f"{_line(future.exception())} (worker {worker})")
        status, text = CRASHED, LOST
        if future.status == "finished":
            with suppress(*GONE):  # the worker may be lost before its result is fetched
                status, text = future.result(timeout=GATHER_SECONDS)
        if status == BROKEN:
            raise WorkerError(f"{text} (worker {worker})")
        return [Done(running.job.key, text)] if status == GRADED else self._crashed(running.job, worker, text)

    def _refresh_if_due(self) -> list[Done]:
        """Find workers that are gone or over their time limit; return the jobs that are given up."""
        if time.monotonic() < self._next_refresh:
            return []
        connected, done = self.cluster.refresh(), []
        for worker, running in list(self._running.items()):
            gone = worker not in connected  # checked first: excluding another worker can take longer than the limit
            if not gone and time.monotonic() < running.deadline:
                continue
            del self._running[worker]
            with suppress(Exception):
                self.cluster.client.cancel([running.future], force=True)
            if not gone:
                self.cluster.exclude(worker)
            done += self._crashed(running.job, worker, LOST if gone else f"no answer within {self.seconds:g} seconds")
        self._next_refresh = time.monotonic() + REFRESH_SECONDS
        return done

    def _crashed(self, job: Job, worker: str, reason: str) -> list[Done]:
        """Queue a job for another worker, or give it up."""
        self.lost += 1
        if self._tries[job.key] >= TRIES:
            return [Done(job.key, "", f"{reason}, {TRIES} times")]
        self._again.append((job, worker))
        return []


def _dask_task() -> Callable[[bytes], tuple[str, str]]:
    """Return the function that Dask sends to a worker; the scheduler can unpickle it without this package."""

    def task(data: bytes) -> tuple[str, str]:
        from autograder.classroom import dask_task

        return dask_task.grade(data)

    return task


def _line(problem: object) -> str:
    """An exception in one line."""
    text = one_line(problem, 160)
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__
