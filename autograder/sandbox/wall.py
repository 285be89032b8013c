"""The grader's side of the sandbox: start a fork server, open a session per submission, say how each request ended."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from assignment.checking.outcome import Reason
from assignment.checking.student import GraderFault, Request, Response, StudentError
from assignment.manifest import Manifest
from autograder.sandbox import backends, seccomp
from autograder.sandbox.answers import checked_error, checked_response
from autograder.sandbox.inside import wire
from autograder.sandbox.inside.packets import DATA, EXITED, JAIL_FAILED, KILL, READY, START, Packet
from autograder.sandbox.link import FLOOD, Link, LinkClosed

START_SECONDS = 180.0  # importing torch from a cold disk can take minutes
END_SECONDS = 30.0  # from SIGKILL to the last byte
SLACK_BYTES = 8 << 20


class WallError(GraderFault):
    """The sandbox itself failed: no submission is at fault, and none can be graded."""


@dataclass(frozen=True)
class Ending:
    """How a submission's process ended, as the fork server reports it.

    Attributes:
        signal, code: the signal that killed its first process, or its exit status.
        over_memory: whether it was killed because it used too much memory.
        cpu_seconds: of all of its processes that were waited for.
        peak_bytes, resident_bytes: peak of the private memory, and of all memory with that of shared libraries.
        output, output_bytes: the first part of what it printed, and how many bytes it printed.
    """

    signal: int = 0
    code: int = 0
    over_memory: bool = False
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    resident_bytes: int = 0
    output: str = ""
    output_bytes: int = 0


class Wall:
    """The sandbox: a fork server in an isolation back end. Use as a context manager.

    Args:
        isolation: one of `backends.Isolation`. manifest: names and limits.

    Raises:
        IsolationError: the isolation is not available here.
    """

    def __init__(self, isolation: str, manifest: Manifest) -> None:
        self.manifest = manifest
        self.start = backends.start(isolation)
        self.versions: dict[str, str] = {}
        self._filter = seccomp.compiled(self.start.sockets).hex() if self.start.seccomp else ""
        self.numbers = itertools.count(1)  # of processes
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`)
        self._process = subprocess.Popen(
            self.start.command,
            env=self.start.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
        )
        self._link = Link(self._process)
        self.allow = self._link.allow

    def __enter__(self) -> Wall:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the fork server and every process in the sandbox."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        for command in self.start.cleanup:
            subprocess.run(command, capture_output=True)
        self._log.close()

    def wait_ready(self) -> None:
        """Wait until the libraries are imported; WallError with the last line on stderr if the process ends instead."""
        if self.versions:
            return
        kind, _, payload = self.receive(START_SECONDS, "the sandbox did not start")
        if kind != READY:
            raise WallError("the sandbox did not report that it is ready")
        self.versions = json.loads(payload)

    def session(self, source: str) -> Session:
        """Open a session for one submitted file."""
        self.wait_ready()
        return Session(self, source)

    def send(self, kind: bytes, session: int, payload: bytes = b"") -> None:
        """Write one packet to the fork server; WallError if it has ended."""
        try:
            self._link.send(kind, session, payload)
        except LinkClosed:
            raise WallError(f"the sandbox has ended: {self._last_line()}") from None

    def poll(self, seconds: float) -> Packet | None:
        """Wait for one packet; None if there is none in time. WallError if the fork server has ended."""
        try:
            return self._link.poll(seconds)
        except LinkClosed:
            raise WallError(f"the sandbox has ended: {self._last_line()}") from None

    def receive(self, seconds: float, late: str) -> Packet:
        """Wait for one packet; WallError if the fork server ends or sends none in time."""
        packet = self.poll(seconds)
        if packet is None:
            raise WallError(f"{late} in time")
        return packet

    def start_options(self, source: str, folder: str) -> dict[str, Any]:
        """What the fork server needs in order to start one submission."""
        limits = self.manifest.limits
        return {
            "source": source,
            "names": {name: self.manifest.known_as(name)[1:] for name in self.manifest.loop_free},
            "output_bytes": limits.output_kb << 10,
            "answer_bytes": limits.answer_mb << 20,
            "shared_folders": [folder, *self.start.shared_folders] if self.gives_folders_away else [],
            "jail": {
                "folder": folder,
                "uid": self.start.uid,
                "memory": limits.memory_mb << 20,
                "processes": limits.processes,
                "files": limits.file_mb << 20,
                "cpu_seconds": int(limits.submission_seconds + limits.improvement_seconds) * 2,
                "seccomp": self._filter,
                "readable": self.start.readable,
                "writable": self.start.writable,
            },
        }

    @property
    def gives_folders_away(self) -> bool:
        """Whether each submission gets a folder that is created here and given to its user."""
        return self.start.folder is None and self.start.uid != 0

    def _last_line(self) -> str:
        self._log.seek(0)
        lines = self._log.read()[-4000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it printed no reason"


@dataclass
class Session:
    """One submission in the sandbox. A process that crashes or hangs is replaced by a new one for the next test.

    Attributes:
        findings: of the static examination, made before any of the file's code runs.
        import_problem: why the file cannot be imported, None if it can.
        endings: how its processes ended. import_seconds: from the start of the process to the end of the import.
    """

    wall: Wall
    source: str
    findings: dict[str, Any] = field(default_factory=dict)
    import_problem: StudentError | None = None
    endings: list[Ending] = field(default_factory=list)
    import_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._number: int | None = None
        self._reader = wire.Reader(max_body=0)
        self._trees: list[Any] = []
        self._requests = 0
        self._deadline = 0.0
        self._folder: str | None = None
        self._fresh = True
        self._isolated = False  # whether the present process has shown that its jail is complete
        self._lines = self.source.count("\n") + self.source.count("\r") + 1
        self._open()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes of the submission."""
        if self._number is not None:
            self._kill()

    def begin_test(self, seconds: float) -> None:
        """Start a test: its requests together may take `seconds`."""
        self._deadline = time.monotonic() + seconds
        self._fresh = True

    def perform(self, request: Request) -> Response:
        """Send one request and return the response; StudentError if the process does not give one."""
        if self.import_problem is not None:
            raise self.import_problem
        if request["op"] == "loops":
            return {"value": self._loops(request["name"])}
        if self._number is None:
            self._open()
            if self.import_problem is not None:
                raise self.import_problem
        self._requests += 1
        number = self._requests
        self.wall.allow((self.wall.manifest.limits.answer_mb << 20) + SLACK_BYTES)
        self._send({**request, "number": number, "fresh": self._fresh})
        self._fresh = False
        tree = self._receive(self._deadline)
        gradients, steps = len(request.get("gradient", [])), len(request.get("before", []))
        response = checked_response(tree, number, gradients, steps, self._lines)
        if response is None:
            raise self._broken(Reason.GARBAGE, "the process sent something that is not a response to the request")
        return response

    def _loops(self, name: str) -> list[str]:
        """The loops that were found in a function; WallError if it was not scanned."""
        if name not in self.findings["loops"]:
            raise WallError(f"`{name}` was not scanned for loops; add it to `loop_free` of its task in assignment.toml")
        return self.findings["loops"][name]

    def _open(self) -> None:
        limits = self.wall.manifest.limits
        self._number = next(self.wall.numbers)
        self._reader = wire.Reader(max_body=(limits.answer_mb << 20) + SLACK_BYTES)
        self._trees = []
        self._isolated = False
        if self.wall.start.folder is None:
            self._folder = tempfile.mkdtemp(prefix="dml-")
            if self.wall.gives_folders_away:
                os.chown(self._folder, self.wall.start.uid, self.wall.start.uid)
        folder = self.wall.start.folder or self._folder or ""
        self.wall.allow(SLACK_BYTES)
        self.wall.send(START, self._number, json.dumps(self.wall.start_options(self.source, folder)).encode())
        start = time.monotonic()
        try:
            findings = self._receive(start + limits.import_seconds)
            self._isolated = True
            self.findings = _checked_findings(findings)
            if not self.findings["usable"]:
                problem = self.findings["syntax"][-1]
                raise StudentError(Reason.SYNTAX, problem["message"], "SyntaxError", problem["line"])
            report = self._receive(start + limits.import_seconds)
        except StudentError as problem:
            problem.called = ""
            if problem.kind != Reason.SYNTAX:
                problem = StudentError(Reason.IMPORT, f"{problem.kind} {problem.message}".strip())
            self.import_problem = problem
            self.close()
            return
        self.import_seconds = time.monotonic() - start
        if not (isinstance(report, dict) and report.get("imported") is True):
            self.import_problem = _reported_problem(report, self._lines)
            self.close()

    def _send(self, tree: Any) -> None:
        if self._number is not None:
            self.wall.send(DATA, self._number, wire.encode(tree))

    def _receive(self, deadline: float) -> Any:
        """Wait for one frame of the current process; StudentError for anything else."""
        while not self._trees:
            packet = self.wall.poll(deadline - time.monotonic())
            if packet is None:
                raise self._broken(Reason.TIMEOUT, "")
            kind, number, payload = packet
            if number != self._number:
                continue  # the last bytes of a process that was killed
            if kind == EXITED:
                raise self._ended(payload)
            if kind == FLOOD:
                raise self._broken(Reason.GARBAGE, "the process sent more than the request allows")
            try:
                self._trees += self._reader.feed(payload)
            except wire.WireError as problem:
                raise self._broken(Reason.GARBAGE, str(problem)) from None
        return self._trees.pop(0)

    def _broken(self, kind: str, message: str) -> StudentError:
        """Kill the process; return the error that says why."""
        self._kill()
        return StudentError(kind, message)

    def _kill(self) -> None:
        if self._number is None:
            return
        self.wall.send(KILL, self._number)
        deadline = time.monotonic() + END_SECONDS
        while True:
            packet = self.wall.receive(deadline - time.monotonic(), "a submission's process did not end")
            if packet[0] == EXITED and packet[1] == self._number:
                self._record(packet[2])
                return

    def _ended(self, payload: bytes) -> StudentError:
        ending = self._record(payload)
        if ending.over_memory or "can't allocate memory" in ending.output or "MemoryError" in ending.output:
            return StudentError(Reason.MEMORY, "")
        if ending.signal:
            return StudentError(Reason.CRASH, f"signal {ending.signal}")
        if ending.code == JAIL_FAILED and not self._isolated:  # later, the submission chooses the status
            raise WallError(f"a submission could not be isolated: {ending.output.strip()}")
        return StudentError(Reason.EXIT, f"exit status {ending.code}")

    def _record(self, payload: bytes) -> Ending:
        self._number = None
        ending = Ending(**json.loads(payload))
        self.endings.append(ending)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        return ending


def _reported_problem(report: Any, lines: int) -> StudentError:
    problem = report.get("problem") if isinstance(report, dict) else None
    if not isinstance(problem, dict):
        return StudentError(Reason.IMPORT, Reason.GARBAGE)
    error = checked_error(problem, lines)
    return StudentError(Reason.IMPORT, error["message"], error["type_name"], error["line"])


def _checked_findings(tree: Any) -> dict[str, Any]:
    if not (isinstance(tree, dict) and isinstance(tree.get("findings"), dict)):
        raise StudentError(Reason.GARBAGE, "no findings")
    return tree["findings"]
