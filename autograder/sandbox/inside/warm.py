"""The warm process: has the libraries imported, holds no secret, forks one shut-in child per submission.

It talks to the grader over its standard input and output in packets: 1 byte kind, 4 bytes session number, 4 bytes
length, payload. It does not read what the child and the grader say to each other; it counts the child's output, and
sees to it that nothing of a child is left when its session ends. No student's code ever runs in this process.

The child gets a socket that the grader has sent along with START. Where that cannot be (standard input is a pipe), the
child's bytes pass through here as DATA packets.

Packets from the grader: START (JSON), DATA (bytes for the child), KILL.
Packets to the grader: READY (JSON), DATA (bytes from the child), EXITED (JSON).
"""

from __future__ import annotations

import gc
import json
import os
import resource
import selectors
import signal
import socket
import stat
import struct
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import torch
import torchvision  # noqa: F401  (imported here once, so that no submission pays for it)

from assignment.checking import agent  # noqa: F401  (the same)
from assignment.manifest import load

from . import child, first_use, huge_pages, jail, no_gpu

PACKET = struct.Struct(">cII")
START, DATA, KILL, READY, EXITED = b"S", b"D", b"K", b"R", b"E"
CHUNK = 1 << 16
WRITABLE = ("/tmp", "/dev/shm", "/dev/mqueue")
HELPER_UID = 64_999  # of nobody else behind the wall
JAIL_FAILED, SERVING_FAILED = 99, 98  # exit statuses of a child; the first is the grader's fault
SO_PASSRIGHTS = 83  # since Linux 6.16: whether a socket can be sent descriptors
WATCH_SECONDS = 0.2  # how often the memory of a child's whole tree is looked at


class Link:
    """Packets over two descriptors, away from stdin and stdout, which children and stray prints may touch."""

    def __init__(self) -> None:
        self.inward, self.outward = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(2, 1)
        self._buffer = bytearray()
        is_socket = stat.S_ISSOCK(os.fstat(self.inward).st_mode)
        self._socket = socket.socket(fileno=self.inward) if is_socket else None
        self.passed: list[int] = []  # descriptors that have come, one for each START

    def send(self, kind: bytes, session: int, payload: bytes = b"") -> None:
        """Write one packet, all of it."""
        data = memoryview(PACKET.pack(kind, session, len(payload)) + payload)
        while data:
            data = data[os.write(self.outward, data) :]

    def receive(self) -> list[tuple[bytes, int, bytes]]:
        """Read what is there; return the packets that are complete. The process ends when the grader is gone."""
        if self._socket is None:
            data = os.read(self.inward, CHUNK)
        else:
            data, passed, _, _ = socket.recv_fds(self._socket, CHUNK, 1)
            self.passed += passed
        if not data:
            os._exit(0)
        self._buffer += data
        packets = []
        while len(self._buffer) >= PACKET.size:
            kind, session, length = PACKET.unpack_from(self._buffer)
            if len(self._buffer) < PACKET.size + length:
                break
            packets.append((kind, session, bytes(self._buffer[PACKET.size : PACKET.size + length])))
            del self._buffer[: PACKET.size + length]
        return packets


class Child:
    """A running submission, as the warm process sees it.

    Args:
        passed: the descriptor over which it speaks with the grader; None to pass its bytes on.
    """

    def __init__(self, session: int, options: dict[str, Any], own_namespace: int | None, passed: int | None) -> None:
        self.session = session
        self.memory = options["memory"]
        self.uid = options["uid"]
        self.places = options["places"]
        self.output_limit = options["output_bytes"]
        self.output = bytearray()
        self.output_count = 0
        self.outgoing = bytearray()
        self.over_memory = False
        self.printing = True
        self.peak = 0
        self.next_watch = time.monotonic() + WATCH_SECONDS
        self.namespaces = own_namespace is not None
        self.socket: socket.socket | None = None
        if passed is None:
            self.socket, theirs = socket.socketpair()
            with suppress(OSError):  # an old kernel
                self.socket.setsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS, 0)
        else:
            theirs = socket.socket(fileno=passed)
        self.pipe, their_pipe = os.pipe()
        if own_namespace is not None:
            jail.next_child_in_own_pid_namespace()
        self.pid = os.fork()
        if self.pid == 0:
            run_child(theirs.fileno(), their_pipe, options, self.namespaces)
        if own_namespace is not None:
            jail.back_to_own_pid_namespace(own_namespace)
        theirs.close()
        os.close(their_pipe)
        os.set_blocking(self.pipe, False)
        self.end = _end_of(self.pid)
        if self.socket is not None:
            self.socket.setblocking(False)

    def push(self) -> None:
        """Send on to the child what it takes now."""
        try:
            if self.socket is not None:
                del self.outgoing[: self.socket.send(self.outgoing[: 1 << 20])]
        except BlockingIOError:
            pass
        except OSError:
            self.outgoing.clear()

    def read_output(self) -> bool:
        """Take in printed output; keep the first bytes, count the rest. False at its end."""
        try:
            data = os.read(self.pipe, CHUNK)
        except BlockingIOError:
            return True
        self.output_count += len(data)
        self.output += data[: self.output_limit - len(self.output)]
        return bool(data)

    def watch_memory_if_due(self) -> None:
        """Now and then: kill the child when the private memory of all its processes together passes the limit."""
        if time.monotonic() < self.next_watch:
            return
        self.next_watch = time.monotonic() + WATCH_SECONDS
        total = 0
        for process in descendants(self.pid):
            total += private_bytes(process)
        self.peak = max(self.peak, total)
        if total > self.memory:
            self.over_memory = True
            self.kill()

    def kill(self) -> None:
        """Kill the first process, and with it (by the kernel, or one by one) all the others."""
        if not self.namespaces:
            for process in descendants(self.pid):
                _kill(process)
        _kill(self.pid)


def run_child(descriptor: int, output: int, options: dict[str, Any], namespaces: bool) -> NoReturn:
    """In the fork: leave everything of the warm process behind, close the jail, speak for the file."""
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.dup2(descriptor, 3)
        os.closerange(4, 4096)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        jail.shut_in(
            jail.Jail(
                namespaces=namespaces,
                uid=options["uid"],
                memory=options["memory"],
                processes=options["processes"],
                files=options["files"],
                cpu_seconds=options["cpu_seconds"],
                seccomp=bytes.fromhex(options["seccomp"]),
                folder=options["folder"],
                readable=tuple(options["readable"]),
                writable=tuple(options["writable"]),
            )
        )
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(JAIL_FAILED)
    if options["places"]:  # /tmp is not the submission's own
        at_home(options["folder"])
    try:
        child.serve(3, options["source"], Path(options["folder"]), options["names"], options["answer_bytes"], load())
    finally:
        os._exit(SERVING_FAILED)


def at_home(folder: str) -> None:
    """Let libraries put their files into the submission's folder instead of /tmp."""
    os.environ.update({key: folder for key, value in os.environ.items() if value == "/tmp"})
    tempfile.tempdir = folder


def _end_of(pid: int) -> int | None:
    """A descriptor that can be read when the process has ended; None on old kernels: the next look will tell."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, and itself, as /proc tells; a process that ends meanwhile is left out."""
    found, todo = [], [pid]
    while todo:
        process = todo.pop()
        found.append(process)
        try:
            for thread in os.listdir(f"/proc/{process}/task"):
                todo += map(int, Path(f"/proc/{process}/task/{thread}/children").read_text().split())
        except OSError:
            continue
    return found


def private_bytes(pid: int) -> int:
    """Bytes of anonymous and shared memory of a process, beyond what the warm process had given it.

    Shared memory counts, since a shared mapping needs no file; each process that has it pays for all of it.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    kilobytes = sum(int(line.split()[1]) for line in status.splitlines() if line.startswith(("RssAnon:", "RssShmem:")))
    return max(0, kilobytes * 1024 - BASELINE)


def reap_strays(first: int) -> None:
    """Kill and collect every child that is left over (orphans of the session come to us)."""
    for _ in range(1000):
        strays = [process for process in descendants(os.getpid()) if process not in (os.getpid(), first)]
        if not strays:
            break
        for process in strays:
            _kill(process)
        time.sleep(0.001)
        while _collect():
            pass


def sweep(uid: int, places: Sequence[str] = ()) -> None:
    """Kill all processes of a user and delete all its files, where no namespace does it.

    Without `places` all files in the writable folders are a submission's; in shared ones only those that it owns.

    A process that forks and ends all the time is never caught by name, but by `kill(-1)`. The helper that calls it
    keeps a real and saved user of its own: the user's processes cannot kill it.
    """
    helper = os.fork()
    if helper == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(HELPER_UID, uid, HELPER_UID)
            with suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            os.setresuid(uid, uid, uid)
            searched = [place for place in places or WRITABLE if os.path.isdir(place)]
            own = f"-uid {uid}" if places else ""
            opened = f'find "$@" -mindepth 1 {own} -prune -exec chmod -R u+rwx {{}} +'
            script = f'exec 2>/dev/null; {opened}; find "$@" -mindepth 1 {own} -delete'
            os.execv("/bin/sh", ["sh", "-c", script, "sh", *searched])
        finally:
            os._exit(1)
    os.waitpid(helper, 0)
    reap_strays(helper)
    left = [
        entry.name
        for place in places or WRITABLE
        if os.path.isdir(place)
        for entry in os.scandir(place)
        if not places or _owner(entry) == uid
    ]
    if left:
        raise RuntimeError(f"{len(left)} files of a submission cannot be deleted")


def _owner(entry: os.DirEntry[str]) -> int:
    """Whose a file is; -1 of one that has gone meanwhile."""
    try:
        return entry.stat(follow_symlinks=False).st_uid
    except OSError:
        return -1


def _collect() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def finish(link: Link, running: Child) -> None:
    """After the child's first process has ended: pass on its last bytes, clean up, tell the grader how it ended."""
    _, status, usage = os.wait4(running.pid, 0)
    reap_strays(running.pid)
    if running.uid and not running.namespaces:
        sweep(running.uid, running.places)
    while running.socket is not None:
        try:
            data = running.socket.recv(CHUNK)
        except OSError:
            break
        if not data:
            break
        link.send(DATA, running.session, data)
    while running.read_output() and running.output_count < 1 << 24:
        if not _readable(running.pipe):
            break
    ended = {
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0,
        "over_memory": running.over_memory,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": max(running.peak, usage.ru_maxrss * 1024 - SHARED),
        "resident_bytes": usage.ru_maxrss * 1024,
        "output": running.output.decode("utf-8", "replace"),
        "output_bytes": running.output_count,
    }
    if running.socket is not None:
        running.socket.close()
    os.close(running.pipe)
    if running.end is not None:
        os.close(running.end)
    link.send(EXITED, running.session, json.dumps(ended).encode())


def _readable(descriptor: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(0))


def warm_up() -> None:
    """Touch what every submission touches, so that its first use is paid for once.

    One thread only: with a second one, tensor work before a fork could leave locked locks in the child.
    """
    torch.set_num_threads(1)
    no_gpu.cuda_means_cpu()
    first_use.touch(load())
    gc.collect()
    gc.freeze()
    huge_pages.collapse()


BASELINE = 0  # private bytes that a fresh fork shares with the warm process
SHARED = 0  # peak resident bytes of the warm process


def loop(link: Link, own_namespace: int | None) -> NoReturn:
    """Serve the grader: at most one child at a time."""
    running: Child | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(link.inward, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select(WATCH_SECONDS)}
            if running is not None:
                running = attend(link, running, ready, selector)
            if link.inward in ready:
                for kind, session, payload in link.receive():
                    if kind == START:
                        passed = link.passed.pop() if link.passed else None
                        running = Child(session, json.loads(payload), own_namespace, passed)
                        for descriptor in (running.socket, running.pipe, running.end):
                            if descriptor is not None:
                                selector.register(descriptor, selectors.EVENT_READ)
                    elif running is not None and session == running.session:
                        if kind == KILL:
                            running.kill()
                        elif kind == DATA:
                            running.outgoing += payload
            if running is not None and running.socket is not None and running.outgoing:
                running.push()
                writing = selectors.EVENT_WRITE if running.outgoing else 0
                selector.modify(running.socket, selectors.EVENT_READ | writing)


def attend(link: Link, running: Child, ready: set[int], selector: selectors.BaseSelector) -> Child | None:
    """Pass on what the child said and printed, watch its memory; None when it has ended."""
    closed = False
    if running.socket is not None and running.socket.fileno() in ready:
        try:
            data = running.socket.recv(CHUNK)
            closed = not data
        except BlockingIOError:  # it was ready for writing, not for reading
            data = b""
        except OSError:
            data, closed = b"", True
        if data:
            link.send(DATA, running.session, data)
    if running.pipe in ready and not running.read_output():
        selector.unregister(running.pipe)  # closed: it would be ready for ever
        running.printing = False
    running.watch_memory_if_due()
    ended = os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    if not ended:
        if closed:  # a child that closes its channel has nothing more to say
            running.kill()
        return running
    for descriptor in (running.socket, running.end, running.pipe if running.printing else None):
        if descriptor is not None:
            selector.unregister(descriptor)
    finish(link, running)
    return None


def main() -> NoReturn:
    """Start up, say READY, serve until the grader closes the link."""
    global BASELINE, SHARED
    link = Link()
    strategy = sys.argv[1]
    own_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY) if strategy == "namespaces" else None
    jail.become_subreaper()
    warm_up()
    BASELINE = private_bytes(os.getpid())
    SHARED = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    link.send(READY, 0, json.dumps({"torch": torch.__version__, "python": sys.version.split()[0]}).encode())
    loop(link, own_namespace)
