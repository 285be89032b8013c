"""A pool of graders, each in its own process with a sandbox that it keeps from file to file.

If the sandbox or the process ends, or does not answer in time, it is started again and the file is tried once more. If
that fails, too, the file gets a reason instead of a grade, and the batch continues.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Protocol

from assignment.checking.student import GraderFault
from assignment.manifest import Manifest, load
from autograder.intake import Submission

if TYPE_CHECKING:
    from autograder.sandbox.wall import Wall

START_SECONDS = 600.0  # imports, warming up and two known files, on a busy machine with a cold disk
TRIES = 2
DELAYED = (signal.SIGINT, signal.SIGTERM)
READY, GRADED, CRASHED, BROKEN = "ready", "graded", "crashed", "broken"


class WorkerError(GraderFault):
    """The graders cannot be started or trusted."""


@dataclass(frozen=True)
class Job:
    """One file to grade, with seed and tasks. `key` is returned with the result."""

    key: str
    submission: Submission
    seed: int
    tasks: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Done:
    """The result of a job: the record as JSON text, or in `fault` why there is none."""

    key: str
    record: str
    fault: str = ""


class FileGrader(Protocol):
    """Grades one file after the other in a worker's process."""

    def grade(self, job: Job) -> str:
        """Return the record as JSON text; SandboxCrashed if the sandbox ended. Any other exception ends the batch."""

    def close(self) -> None:
        """Close the sandbox."""


class SandboxCrashed(GraderFault):
    """The sandbox ended while it ran a file; the file can be tried again in a new one."""


class SandboxedGrader:
    """Grades in its own sandbox. Whenever that is started, two known files are graded first."""

    def __init__(self, isolation: str, canary: bool = True) -> None:
        self.manifest: Manifest = load()
        self.isolation, self.canary = isolation, canary
        self.wall: Wall | None = self._start()

    def _start(self) -> Wall:
        from autograder.grading.grade import canaries
        from autograder.sandbox.wall import Wall

        self.wall = wall = Wall(self.isolation, self.manifest)
        wall.wait_ready()
        if self.canary:
            canaries(wall, self.manifest)
        return wall

    def grade(self, job: Job) -> str:
        """Grade one file."""
        from autograder.grading.grade import grade
        from autograder.grading.make_record import record_of
        from autograder.grading.record import to_json
        from autograder.sandbox.wall import WallError

        wall = self.wall or self._start()
        try:
            result = grade(job.submission, wall, self.manifest, job.seed, job.tasks)
        except WallError as problem:
            self.close()
            raise SandboxCrashed(str(problem)) from None
        return to_json(record_of(result, self.manifest))

    def close(self) -> None:
        """Close the sandbox."""
        if self.wall is not None:
            self.wall.close()
            self.wall = None


@dataclass(frozen=True)
class GraderFactory:
    """Makes the grader of a worker; can be pickled and sent to its process."""

    make: Callable[..., FileGrader]
    arguments: tuple[object, ...] = ()


def sandboxed(isolation: str, canary: bool = True) -> GraderFactory:
    """The factory of a grader with a sandbox."""
    return GraderFactory(SandboxedGrader, (isolation, canary))


def _serve(pipe: Connection, factory: GraderFactory) -> None:
    """Main function of a worker's process: make a grader, then grade jobs until None is received."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the batch handles Ctrl-C and ends its workers
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        grader = factory.make(*factory.arguments)
    except Exception as problem:
        pipe.send((BROKEN, f"{problem}"))
        return
    pipe.send((READY, ""))
    try:
        while (job := pipe.recv()) is not None:
            try:
                answer = (GRADED, grader.grade(job))
            except SandboxCrashed as problem:
                answer = (CRASHED, str(problem))
            except Exception as problem:  # a fault of the grader: the batch ends with this reason
                answer = (BROKEN, f"{type(problem).__name__}: {problem}")
            pipe.send(answer)
    except (EOFError, OSError):
        pass
    finally:
        grader.close()


def _die_with_parent() -> None:
    """End this process, and its sandbox with it, as soon as the process of the batch is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


class Worker:
    """One worker, as the batch sees it."""

    def __init__(self, factory: GraderFactory) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, factory), daemon=True)
        with uninterrupted():  # a worker whose start is interrupted prints a traceback
            self.process.start()
        theirs.close()
        self.ready = False
        self.job: Job | None = None
        self.deadline = time.monotonic() + START_SECONDS

    def give(self, job: Job, seconds: float) -> None:
        """Send a job whose result is due within so many seconds."""
        self.job, self.deadline = job, time.monotonic() + seconds
        with suppress(OSError):  # `_answer` notices that a worker is dead
            self.pipe.send(job)

    def stop(self) -> None:
        """End the process and with it its sandbox."""
        self.process.kill()
        self.process.join()
        self.process.close()
        with suppress(OSError):
            self.pipe.close()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay SIGINT and SIGTERM until the block ends; only the main thread receives them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    before = {one: signal.signal(one, lambda number, _: received.append(number)) for one in DELAYED}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler if handler is not None else signal.SIG_DFL)
        for number in received:
            signal.raise_signal(number)


class WorkerPool:
    """Workers that grade jobs. Use as a context manager, which starts and ends them.

    Args:
        factory: makes each worker's grader. count: number of workers. seconds: time limit of a job; then its worker is
            replaced.
    """

    def __init__(self, factory: GraderFactory, count: int, seconds: float) -> None:
        self.factory, self.count, self.seconds = factory, count, seconds
        self.workers: list[Worker] = []
        self._coming: Iterator[Job] = iter(())
        self._again: deque[Job] = deque()
        self._more = False

    def __enter__(self) -> WorkerPool:
        self.workers = [Worker(self.factory) for _ in range(self.count)]
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.stop()

    def run(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Yield the results as they are finished; a job is taken whenever a worker is free.

        Raises:
            WorkerError: a worker's grader cannot be made, a canary failed, or a test is broken.
        """
        self._coming, self._again, self._more = iter(jobs), deque(), True
        tries: dict[str, int] = {}
        while self._busy():
            for worker in self._answered([w for w in self.workers if w.job is not None or not w.ready]):
                status, text = self._answer(worker)
                job, worker.job = worker.job, None
                if status == BROKEN:
                    raise WorkerError(text)
                worker.ready = True
                if status == CRASHED and job is not None:
                    tries[job.key] = tries.get(job.key, 0) + 1
                    if tries[job.key] < TRIES:
                        self._again.append(job)
                        job = None
                self._feed(worker)  # before the result is used, so that the worker is busy meanwhile
                if job is not None:
                    yield Done(job.key, text) if status == GRADED else Done(job.key, "", f"{text}, {TRIES} times")

    def _busy(self) -> bool:
        """Whether more results will come; workers that are still starting do not count."""
        return self._more or bool(self._again) or any(worker.job is not None for worker in self.workers)

    def _feed(self, worker: Worker) -> None:
        """Give a worker the next job, if there is one; a worker that replaces a lost one has to start first."""
        if worker not in self.workers:
            return
        job = self._again.popleft() if self._again else next(self._coming, None)
        if job is None:
            self._more = False
        else:
            worker.give(job, self.seconds)

    def _answered(self, waiting: list[Worker]) -> list[Worker]:
        """The workers that have sent something, have ended, or are over their time limit."""
        soonest = min(worker.deadline for worker in waiting)
        ready = wait([worker.pipe for worker in waiting], max(0.0, soonest - time.monotonic()))
        return [w for w in waiting if w.pipe in ready or w.deadline <= time.monotonic()]

    def _answer(self, worker: Worker) -> tuple[str, str]:
        """Status and text that a worker sent; a lost worker is replaced."""
        try:
            if worker.pipe.poll():
                status, text = worker.pipe.recv()
                return str(status), str(text)
            reason = f"no answer within {self.seconds:g} seconds"
        except (EOFError, OSError):
            worker.process.join(10)
            reason = f"the worker ended (exit status {worker.process.exitcode})"
        if not worker.ready and worker.job is None:
            return BROKEN, f"a worker did not start: {reason}"
        worker.stop()
        self.workers[self.workers.index(worker)] = Worker(self.factory)
        return CRASHED, reason


def seconds_for(manifest: Manifest) -> float:
    """Time limit of one file: all limits of its tests, twice, and the start of a sandbox."""
    limits = manifest.limits
    return 2 * (limits.submission_seconds + limits.improvement_seconds + limits.import_seconds) + START_SECONDS
