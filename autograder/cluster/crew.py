"""The coordinator's end of a Dask cluster: who may grade, one file at a time for each, and again where one is lost.

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

from autograder.cluster import desk
from autograder.cluster.desk import GPU, Greeting, Wanted
from autograder.workers import BROKEN, FELL, GRADED, CrewError, Done, Job, Recipe

CONNECT_SECONDS = 10.0
WORKER_SECONDS = 8.0  # for the first worker to be there
LOOK_SECONDS = 1.0  # between two looks at who is there
RETURN_SECONDS = 60.0  # for a worker to come back when all are gone
GATHER_SECONDS = 20.0  # for an answer that is ready
TRIES = 3  # on a cluster, workers are lost that no file has taken down
QUIET = ("distributed", "tornado", "asyncio")
LOST = "the worker was lost"
GONE = (asyncio.TimeoutError, asyncio.CancelledError, TimeoutError, OSError)
ADVICE = "what is done is in the journal, and the same command goes on"


class ClusterError(CrewError):
    """The cluster cannot be reached, or none of its workers may grade; the message is one line."""


@dataclass
class Hand:
    """A worker with a file in work."""

    job: Job
    future: Any
    deadline: float


@dataclass
class Cluster:
    """A Dask cluster whose workers grade as this machine would. Use as a context manager.

    Args:
        address: of the scheduler, for example tcp://head:8786. isolation: the back end on every worker.
        grader, assignment: hashes that the workers must have, too. gpu: only workers with a GPU, one file each.

    Raises:
        ClusterError: on entering: nobody answers, there are no workers, or one of them is not as it must be.
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
            asyncio.run(asyncio.wait_for(self._knock(), CONNECT_SECONDS))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of versions that differ: those that matter are hashed
                self.client = Client(self.address, timeout=CONNECT_SECONDS, set_as_default=False)
        except Exception:  # what answers may be anything: a web server's first bytes are read as an array's size
            raise ClusterError(
                f"no Dask scheduler answers at {self.address} within {CONNECT_SECONDS:g} seconds; check the address"
            ) from None
        try:
            self._first_look()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # a scheduler that is gone cannot be left politely
            self.client.close(timeout=5)

    def look(self) -> set[str]:
        """Who is there now; newcomers are greeted and, where they are as they must be, usable from then on.

        Raises:
            ClusterError: the scheduler is gone.
        """
        try:
            there = set(self.client.nthreads())
            new = sorted(there - self.usable - set(self._refused))
            self.usable &= there
            self._refused = {worker: why for worker, why in self._refused.items() if worker in there}
            told = self.client.run(desk.greet, self.isolation, workers=new, on_error="return") if new else {}
        except (OSError, RuntimeError, TimeoutError, ValueError) as problem:
            raise ClusterError(f"the Dask scheduler at {self.address} is gone ({_line(problem)}); {ADVICE}") from None
        for worker, greeting in told.items():
            reason = self._objection(greeting)
            if reason:
                self._refused[worker] = reason
            else:
                self.wall = greeting.wall
                self.usable.add(worker)
        return there

    def dismiss(self, worker: str) -> None:
        """Use this worker no more, and end its process if somebody there will start it again."""
        self.usable.discard(worker)
        self._refused[worker] = "it did not answer in time"
        with suppress(Exception):  # without a nanny it has to be left as it is
            self.client.restart_workers([worker], timeout=10, raise_for_error=False)

    def why_none(self) -> str:
        """Why no worker is usable."""
        if self._refused:
            return "; ".join(sorted(set(self._refused.values()))[:3])
        return "it has no workers; start some with `dask worker`"

    async def _knock(self) -> None:
        """Greet the scheduler and leave: a client that has not reached it prints tracebacks when it is closed."""
        from distributed.comm import connect

        comm = await connect(self.address, timeout=CONNECT_SECONDS)  # does not end where somebody listens and is silent
        await comm.close()

    def _first_look(self) -> None:
        deadline = time.monotonic() + WORKER_SECONDS
        while not self.look() and time.monotonic() < deadline:
            time.sleep(0.2)
        others = [f"{worker}: {why}" for worker, why in sorted(self._refused.items()) if why != NO_GPU]
        if others:
            raise ClusterError(f"a worker of the cluster cannot be used, {others[0]}")
        if not self.usable:
            raise ClusterError(f"the cluster at {self.address} cannot be used: {self.why_none()}")

    def _objection(self, greeting: Any) -> str:
        """What is wrong with a worker, "" if nothing is."""
        if not isinstance(greeting, Greeting):
            return f"it cannot run this grader ({_line(greeting)}); install the same version there"
        if (greeting.grader, greeting.assignment) != (self.grader, self.assignment):
            return "its grader, assignment or libraries are others than here; update it and start it again"
        if greeting.problem:
            return greeting.problem
        if self.wall and greeting.wall != self.wall:
            return f"its wall is {greeting.wall}, that of another is {self.wall}; choose one with --isolation"
        if self.gpu and greeting.gpus < 1:
            return NO_GPU
        return ""


NO_GPU = f"no GPU; start workers that have one with `--resources {GPU}=1`"


class DaskCrew:
    """The workers of a cluster, as a crew that a batch can work with.

    Args:
        cluster: entered. recipe: of each worker's bench. seconds: what a file may take until its worker is lost.
    """

    def __init__(self, cluster: Cluster, recipe: Recipe, seconds: float) -> None:
        self.cluster, self.seconds = cluster, seconds
        self.wanted = Wanted(recipe, cluster.grader, cluster.assignment)
        self.lost = 0
        self._batch = uuid.uuid4().hex[:12]
        self._hands: dict[str, Hand] = {}
        self._again: deque[tuple[Job, str]] = deque()  # with the worker that it was lost with
        self._tries: dict[str, int] = {}
        self._told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._next_look = 0.0
        self._alone_since: float | None = None

    def __enter__(self) -> DaskCrew:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):
            self.cluster.client.cancel([hand.future for hand in self._hands.values()], force=True)

    def run(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Yield the results as they come; jobs are taken one by one as workers are free.

        Raises:
            ClusterError: the scheduler is gone, or all workers are and none came back. CrewError: a grader is broken.
        """
        coming, more = iter(jobs), True
        done: list[Done] = []
        while more or self._again or self._hands or done:
            done += self._look_if_due()
            more = self._feed(coming, more)
            self._see_to_it_that_somebody_works(more)
            yield from done  # while the workers are busy again
            done = self._answers()

    def _see_to_it_that_somebody_works(self, more: bool) -> None:
        if self._hands or not (more or self._again):
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > RETURN_SECONDS:
            raise ClusterError(f"no worker of the cluster is left ({self.cluster.why_none()}); {ADVICE}")

    def _feed(self, coming: Iterator[Job], more: bool) -> bool:
        """Give every free worker a file; return whether more may come."""
        for worker in sorted(self.cluster.usable - set(self._hands)):
            job = self._retry_for(worker)
            if job is None and more:
                job = next(coming, None)
                more = job is not None
            if job is not None:
                self._give(worker, job)
        return more

    def _retry_for(self, worker: str) -> Job | None:
        """A lost file that this worker may try: not the one it fell with, unless there is no other worker."""
        for place, (job, fell_with) in enumerate(self._again):
            if fell_with != worker or len(self.cluster.usable) == 1:
                del self._again[place]
                return job
        return None

    def _give(self, worker: str, job: Job) -> None:
        number = self._tries[job.key] = self._tries.get(job.key, 0) + 1
        future = self.cluster.client.submit(
            _errand(),
            pickle.dumps((job, self.wanted)),
            key=f"grade-{self._batch}-{job.key[:16]}-{number}",
            workers=[worker],
            resources={GPU: 1} if self.cluster.gpu else None,
            pure=False,
        )
        self._hands[worker] = Hand(job, future, time.monotonic() + self.seconds)
        future.add_done_callback(lambda _, worker=worker, future=future: self._told.put((worker, future)))

    def _answers(self) -> list[Done]:
        """Wait a moment for an answer; return what it, and those that have come with it, end."""
        done: list[Done] = []
        with suppress(queue.Empty):
            done += self._answer(*self._told.get(timeout=LOOK_SECONDS))
            while True:
                done += self._answer(*self._told.get_nowait())
        return done

    def _answer(self, worker: str, future: Any) -> list[Done]:
        hand = self._hands.get(worker)
        if hand is None or hand.future is not future:
            return []  # of a worker that has been given up
        del self._hands[worker]
        if future.status == "error" and type(future.exception()).__name__ != "KilledWorker":
            raise CrewError(f"{_line(future.exception())} (worker {worker})")
        kind, text = FELL, LOST
        if future.status == "finished":
            with suppress(*GONE):  # it may be lost between its answer and our asking for it
                kind, text = future.result(timeout=GATHER_SECONDS)
        if kind == BROKEN:
            raise CrewError(f"{text} (worker {worker})")
        return [Done(hand.job.key, text)] if kind == GRADED else self._fell(hand.job, worker, text)

    def _look_if_due(self) -> list[Done]:
        """See who has gone or is late; return the files that are given up."""
        if time.monotonic() < self._next_look:
            return []
        there, done = self.cluster.look(), []
        for worker, hand in list(self._hands.items()):
            gone = worker not in there  # and then not late: to send another one home takes longer than some limits
            if not gone and time.monotonic() < hand.deadline:
                continue
            del self._hands[worker]
            with suppress(Exception):
                self.cluster.client.cancel([hand.future], force=True)
            if not gone:
                self.cluster.dismiss(worker)
            done += self._fell(hand.job, worker, LOST if gone else f"no answer within {self.seconds:g} seconds")
        self._next_look = time.monotonic() + LOOK_SECONDS
        return done

    def _fell(self, job: Job, worker: str, reason: str) -> list[Done]:
        """Try a file again elsewhere, or give it up."""
        self.lost += 1
        if self._tries[job.key] >= TRIES:
            return [Done(job.key, "", f"{reason}, {TRIES} times")]
        self._again.append((job, worker))
        return []


def _errand() -> Callable[[bytes], tuple[str, str]]:
    """What Dask carries to a worker: nothing for which the scheduler, which looks into it, must have this package."""

    def errand(data: bytes) -> tuple[str, str]:
        from autograder.cluster import desk

        return desk.grade(data)

    return errand


def _line(problem: object) -> str:
    """An exception in one line."""
    text = " ".join(str(problem).split())[:160]
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__
