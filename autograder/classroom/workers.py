"""Several graders at once, each a process of its own with a sandbox that it keeps from file to file.

A sandbox that ends is started again and the file is tried once more; so is a process that ends or hangs. A
file that ends the second one, too, gets a reason instead of a grade, and the others continue.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from assignment.checking.student import GraderFault
from assignment.manifest import Manifest, load
from autograder.intake import Submission

START_SECONDS = 600.0  # importing libraries, warming up, two known files; on a busy machine with a cold disk
TRIES = 2
READY, GRADED, CRASHED, BROKEN = "ready", "graded", "crashed", "broken"


class WorkerError(GraderFault):
    """The graders cannot be started or trusted."""


@dataclass(frozen=True)
class Job:
    """One file to grade, and how. `key` comes back with the result."""

    key: str
    submission: Submission
    seed: int
    tasks: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Done:
    """What became of a job: the record as JSON text, or why there is none."""

    key: str
    record: str
    fault: str = ""


class FileGrader(Protocol):
    """What grades one file after the other in a worker's process."""

    def grade(self, job: Job) -> str:
        """Return the record as JSON text; SandboxCrashed if the sandbox ended. Another GraderFault ends the batch."""

    def close(self) -> None:
        """Close the sandbox."""


class SandboxCrashed(GraderFault):
    """The sandbox ended under a file; with a new one the file can be tried again."""


class SandboxedGrader:
    """Grades in a sandbox of its own. Whenever a sandbox is started, known files are graded first."""

    def __init__(self, isolation: str, canary: bool = True) -> None:
        from autograder.sandbox.wall import Wall

        self.manifest: Manifest = load()
        self.isolation, self.canary = isolation, canary
        self.wall: Wall | None = None
        self._start()

    def _start(self) -> None:
        from autograder.grading.grade import canaries
        from autograder.sandbox.wall import Wall

        self.wall = Wall(self.isolation, self.manifest)
        self.wall.wait_ready()
        if self.canary:
            canaries(self.wall, self.manifest)

    def grade(self, job: Job) -> str:
        """Grade one file."""
        from autograder.grading.grade import grade
        from autograder.grading.make_record import record_of
        from autograder.grading.record import to_json
        from autograder.sandbox.wall import WallError

        if self.wall is None:
            self._start()
        if self.wall is None:
            raise WorkerError("there is no sandbox")
        try:
            result = grade(job.submission, self.wall, self.manifest, job.seed, job.tasks)
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
    """How a worker makes its grader, as something that can be sent to another process."""

    make: Any
    arguments: tuple[Any, ...] = ()


def sandboxed(isolation: str, canary: bool = True) -> GraderFactory:
    """The factory of a grader with a sandbox."""
    return GraderFactory(SandboxedGrader, (isolation, canary))


def _serve(pipe: Connection, factory: GraderFactory) -> None:
    """A worker's process: make a grader, then grade what comes until nothing comes any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the batch, which then ends its workers
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        grader: FileGrader = factory.make(*factory.arguments)
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
            except Exception as problem:  # a fault of the grader's own: the batch has to end, with this reason
                answer = (BROKEN, f"{type(problem).__name__}: {problem}")
            pipe.send(answer)
    except (EOFError, OSError):
        pass
    finally:
        grader.close()


def _die_with_parent() -> None:
    """End this process at once when the batch's own is gone, whatever it is doing; its wall ends with it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


class Worker:
    """The batch's end of one worker."""

    def __init__(self, factory: GraderFactory) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, factory), daemon=True)
        self.process.start()
        theirs.close()
        self.ready = False
        self.job: Job | None = None
        self.deadline = time.monotonic() + START_SECONDS

    def give(self, job: Job, seconds: float) -> None:
        """Send a job that has to come back within so many seconds."""
        self.job, self.deadline = job, time.monotonic() + seconds
        with suppress(OSError):  # a dead worker shows when it is waited for
            self.pipe.send(job)

    def stop(self) -> None:
        """End the process, its wall with it."""
        with suppress(OSError):
            self.pipe.close()
        self.process.kill()
        self.process.join()
        self.process.close()


class WorkerPool:
    """Workers that grade jobs. Use as a context manager: it starts them, and ends them whatever they are doing.

    Args:
        factory: of each worker's grader. count: of workers. seconds: what a job may take until its worker is lost.
    """

    def __init__(self, factory: GraderFactory, count: int, seconds: float) -> None:
        self.factory, self.count, self.seconds = factory, count, seconds
        self.workers: list[Worker] = []
        self.restarts = 0
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
        """Yield the results as they come; jobs are taken one by one as workers are free.

        Raises:
            WorkerError: a worker's grader cannot be made, a canary failed, or a test is broken.
        """
        self._coming, self._again, self._more = iter(jobs), deque(), True
        tries: dict[str, int] = {}
        while self._busy():
            for worker in self._answered([w for w in self.workers if w.job is not None or not w.ready]):
                kind, text = self._answer(worker)
                job, worker.job = worker.job, None
                if kind == BROKEN:
                    raise WorkerError(text)
                worker.ready = True
                if kind == CRASHED and job is not None:
                    self.restarts += 1
                    tries[job.key] = tries.get(job.key, 0) + 1
                    if tries[job.key] < TRIES:
                        self._again.append(job)
                        job = None
                self._feed(worker)  # before the result is used, so that the worker does not wait for it
                if job is not None:
                    yield Done(job.key, text) if kind == GRADED else Done(job.key, "", f"{text}, {TRIES} times")

    def _busy(self) -> bool:
        """Whether results will come; a worker that is still starting when nothing is left to do does not count."""
        return self._more or bool(self._again) or any(worker.job is not None for worker in self.workers)

    def _feed(self, worker: Worker) -> None:
        """Give a worker the next job, if there is one; in a lost worker's place the new one must get ready first."""
        if worker not in self.workers:
            return
        job = self._again.popleft() if self._again else next(self._coming, None)
        if job is None:
            self._more = False
        else:
            worker.give(job, self.seconds)

    def _answered(self, waiting: list[Worker]) -> list[Worker]:
        """Those of the workers that have something to say, have died, or are late."""
        soonest = min(worker.deadline for worker in waiting)
        objects: list[Any] = [worker.pipe for worker in waiting]
        ready = wait(objects, max(0.0, soonest - time.monotonic()))
        return [w for w in waiting if w.pipe in ready or w.deadline <= time.monotonic()]

    def _answer(self, worker: Worker) -> tuple[str, str]:
        """What a worker says; a lost one is replaced."""
        try:
            if worker.pipe.poll():
                kind, text = worker.pipe.recv()
                return str(kind), str(text)
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
    """What one file may take at most: all its limits, twice, and starting a sandbox again."""
    limits = manifest.limits
    return 2 * (limits.submission_seconds + limits.improvement_seconds + limits.import_seconds) + START_SECONDS
