"""The coordinator of a Dask cluster: which workers may grade, one file at a time each, and retries of lost files.

Dask would distribute the files itself, but it does not know which of two workers that died was innocent. Here every
file goes to a worker by name, so that one that takes its workers down is counted, and ends with a reason.
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
from typing import Any

from autograder.classroom import dask_task
from autograder.classroom.dask_task import GPU, Request, WorkerFacts
from autograder.classroom.workers import BROKEN, CRASHED, GRADED, Done, GraderFactory, Job, WorkerError

CONNECT_SECONDS = 10.0
WORKER_SECONDS = 8.0  # for the first worker to be there
REFRESH_SECONDS = 1.0  # between two looks at who is there
RETURN_SECONDS = 60.0  # for a worker to come back when all are gone
GATHER_SECONDS = 20.0  # for an answer that is ready
TRIES = 3  # on a cluster, workers are lost that no file has taken down
QUIET = ("distributed", "tornado", "asyncio")
LOST = "the worker was lost"
GONE = (asyncio.TimeoutError, asyncio.CancelledError, TimeoutError, OSError)
ADVICE = "what is done is in the journal, and the same command goes on"


class ClusterError(WorkerError):
    """The cluster cannot be reached, or none of its workers may grade; the message is one line."""


@dataclass
class Running:
    """A file that a worker is grading."""

    job: Job
    future: Any
    deadline: float


@dataclass
class Cluster:
    """A Dask cluster whose workers run the same grader as this machine. Use as a context manager.

    Args:
        address: of the scheduler, for example tcp://head:8786. isolation: the back end on every worker.
        grader, assignment: hashes that the workers must have, too. gpu: only workers with a GPU, one file each.

    Raises:
        ClusterError: on entering: no scheduler answers, there are no workers, or one of them differs from this machine.
    """

    address: str
    isolation: str
    grader: str
    assignment: str
    gpu: bool = False
    wall: str = ""  # name of the back end, the same on all workers
    client: Any = None
    usable: set[str] = field(default_factory=set)
    _refused: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Cluster:
        try:
            from distributed import Client
        except ImportError:
            raise ClusterError("Dask is not installed here; install the extra `cluster`") from None
        for name in QUIET:
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters of it is said here, in one line
        try:
            asyncio.run(asyncio.wait_for(self._check_address(), CONNECT_SECONDS))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of versions that differ: those that matter are hashed
                self.client = Client(self.address, timeout=CONNECT_SECONDS, set_as_default=False)
        except Exception:  # what answers may be anything: a web server's first bytes are read as an array's size
            raise ClusterError(
                f"no Dask scheduler answers at {self.address} within {CONNECT_SECONDS:g} seconds; check the address"
            ) from None
        try:
            self._wait_for_workers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # a scheduler that is gone cannot be left politely
            self.client.close(timeout=5)

    def refresh(self) -> set[str]:
        """Return the workers that are connected now; new ones are checked, and usable from then on if they qualify.

        Raises:
            ClusterError: the scheduler is gone.
        """
        try:
            there = set(self.client.nthreads())
            new = sorted(there - self.usable - set(self._refused))
            self.usable &= there
            self._refused = {worker: why for worker, why in self._refused.items() if worker in there}
            told = (
                self.client.run(dask_task.describe_worker, self.isolation, workers=new, on_error="return")
                if new
                else {}
            )
        except (OSError, RuntimeError, TimeoutError, ValueError) as problem:
            raise ClusterError(f"the Dask scheduler at {self.address} is gone ({_line(problem)}); {ADVICE}") from None
        for worker, facts in told.items():
            reason = self._reason_unusable(facts)
            if reason:
                self._refused[worker] = reason
            else:
                self.wall = facts.wall
                self.usable.add(worker)
        return there

    def exclude(self, worker: str) -> None:
        """Stop using this worker, and restart its process where a nanny supervises it."""
        self.usable.discard(worker)
        self._refused[worker] = "it did not answer in time"
        with suppress(Exception):  # without a nanny it has to be left as it is
            self.client.restart_workers([worker], timeout=10, raise_for_error=False)

    def why_none(self) -> str:
        """Why no worker is usable."""
        if self._refused:
            return "; ".join(sorted(set(self._refused.values()))[:3])
        return "it has no workers; start some with `dask worker`"

    async def _check_address(self) -> None:
        """Connect to the scheduler and disconnect: a client that cannot reach it would print tracebacks when closed."""
        from distributed.comm import connect

        comm = await connect(
            self.address, timeout=CONNECT_SECONDS
        )  # never returns where something listens but does not answer
        await comm.close()

    def _wait_for_workers(self) -> None:
        deadline = time.monotonic() + WORKER_SECONDS
        while not self.refresh() and time.monotonic() < deadline:
            time.sleep(0.2)
        others = [f"{worker}: {why}" for worker, why in sorted(self._refused.items()) if why != NO_GPU]
        if others:
            raise ClusterError(f"a worker of the cluster cannot be used, {others[0]}")
        if not self.usable:
            raise ClusterError(f"the cluster at {self.address} cannot be used: {self.why_none()}")

    def _reason_unusable(self, facts: Any) -> str:
        """What is wrong with a worker, "" if nothing is."""
        if not isinstance(facts, WorkerFacts):
            return f"it cannot run this grader ({_line(facts)}); install the same version there"
        if (facts.grader, facts.assignment) != (self.grader, self.assignment):
            return "its grader, assignment or libraries are others than here; update it and start it again"
        if facts.problem:
            return facts.problem
        if self.wall and facts.wall != self.wall:
            return f"its wall is {facts.wall}, that of another is {self.wall}; choose one with --isolation"
        if self.gpu and facts.gpus < 1:
            return NO_GPU
        return ""


NO_GPU = f"no GPU; start workers that have one with `--resources {GPU}=1`"


class DaskPool:
    """The workers of a cluster, as a pool that a batch can work with.

    Args:
        cluster: entered. factory: of each worker's grader. seconds: what a file may take until its worker is lost.
    """

    def __init__(self, cluster: Cluster, factory: GraderFactory, seconds: float) -> None:
        self.cluster, self.seconds = cluster, seconds
        self.request = Request(factory, cluster.grader, cluster.assignment)
        self.lost = 0
        self._batch = uuid.uuid4().hex[:12]
        self._running: dict[str, Running] = {}
        self._again: deque[tuple[Job, str]] = deque()  # with the worker that it was lost with
        self._tries: dict[str, int] = {}
        self._answered: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._next_refresh = 0.0
        self._alone_since: float | None = None

    def __enter__(self) -> DaskPool:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):
            self.cluster.client.cancel([running.future for running in self._running.values()], force=True)

    def run(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Yield the results as they come; jobs are taken one by one as workers are free.

        Raises:
            ClusterError: the scheduler is gone, or all workers are and none came back. WorkerError: a grader is broken.
        """
        coming, more = iter(jobs), True
        done: list[Done] = []
        while more or self._again or self._running or done:
            done += self._refresh_if_due()
            more = self._feed(coming, more)
            self._check_for_workers(more)
            yield from done  # while the workers are busy again
            done = self._answers()

    def _check_for_workers(self, more: bool) -> None:
        if self._running or not (more or self._again):
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > RETURN_SECONDS:
            raise ClusterError(f"no worker of the cluster is left ({self.cluster.why_none()}); {ADVICE}")

    def _feed(self, coming: Iterator[Job], more: bool) -> bool:
        """Give every free worker a file; return whether there may be more."""
        for worker in sorted(self.cluster.usable - set(self._running)):
            job = self._retry_for(worker)
            if job is None and more:
                job = next(coming, None)
                more = job is not None
            if job is not None:
                self._give(worker, job)
        return more

    def _retry_for(self, worker: str) -> Job | None:
        """A lost file that this worker may try: not the one it crashed with, unless there is no other worker."""
        for place, (job, fell_with) in enumerate(self._again):
            if fell_with != worker or len(self.cluster.usable) == 1:
                del self._again[place]
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
        """Wait a moment for an answer; return what it, and those that have come with it, end."""
        done: list[Done] = []
        with suppress(queue.Empty):
            done += self._answer(*self._answered.get(timeout=REFRESH_SECONDS))
            while True:
                done += self._answer(*self._answered.get_nowait())
        return done

    def _answer(self, worker: str, future: Any) -> list[Done]:
        running = self._running.get(worker)
        if running is None or running.future is not future:
            return []  # of a worker that has been given up
        del self._running[worker]
        if future.status == "error" and type(future.exception()).__name__ != "KilledWorker":
            raise WorkerError(f"{_line(future.exception())} (worker {worker})")
        kind, text = CRASHED, LOST
        if future.status == "finished":
            with suppress(*GONE):  # the worker may be lost before its result is fetched
                kind, text = future.result(timeout=GATHER_SECONDS)
        if kind == BROKEN:
            raise WorkerError(f"{text} (worker {worker})")
        return [Done(running.job.key, text)] if kind == GRADED else self._crashed(running.job, worker, text)

    def _refresh_if_due(self) -> list[Done]:
        """Find workers that are gone or late; return the files that are given up."""
        if time.monotonic() < self._next_refresh:
            return []
        there, done = self.cluster.refresh(), []
        for worker, running in list(self._running.items()):
            gone = worker not in there  # then it is not late: excluding another worker can take longer than some limits
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
        """Try a file again elsewhere, or give it up."""
        self.lost += 1
        if self._tries[job.key] >= TRIES:
            return [Done(job.key, "", f"{reason}, {TRIES} times")]
        self._again.append((job, worker))
        return []


def _dask_task() -> Callable[[bytes], tuple[str, str]]:
    """Return what Dask sends to a worker: a function that the scheduler can unpickle without this package."""

    def task(data: bytes) -> tuple[str, str]:
        from autograder.classroom import dask_task

        return dask_task.grade(data)

    return task


def _line(problem: object) -> str:
    """An exception in one line."""
    text = " ".join(str(problem).split())[:160]
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__
