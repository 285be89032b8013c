"""The fork server: imports the libraries once, holds no secret, and forks one isolated process per submission.

It exchanges packets with the grader over its standard input and output. It passes bytes between the grader and the
submission's process without reading them, counts what the process prints, watches its memory, and makes sure that
nothing of it is left when its session ends. No student's code ever runs in the fork server itself.

One thread serves everything and waits for nobody: bytes that one side does not read yet are kept for it, and while the
grader does not read, nothing more is read from the submission.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import torch
import torchvision  # noqa: F401  (imported once here instead of in every submission)

from assignment.checking import agent  # noqa: F401  (likewise)
from assignment.manifest import load

from . import child, first_use, huge_pages, jail, no_gpu, processes
from .packets import CHUNK, DATA, EXITED, JAIL_FAILED, KILL, READY, SERVING_FAILED, START, Packet, PacketReader, packed

SO_PASSRIGHTS = 83  # since Linux 6.16: whether a socket accepts descriptors
WATCH_SECONDS = 0.2  # between two checks of the memory of all processes of a submission


class Link:
    """Packets over copies of stdin and stdout; children and stray prints get /dev/null and stderr in their place."""

    def __init__(self) -> None:
        self.inward, self.outward = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(2, 1)
        os.set_blocking(self.outward, False)
        self.outgoing = bytearray()
        self._reader = PacketReader()

    def send(self, kind: bytes, session: int, payload: bytes = b"") -> None:
        """Write one packet; what the grader does not read now stays in `outgoing`."""
        self.outgoing += packed(kind, session, payload)
        self.flush()

    def flush(self) -> None:
        """Write as much of `outgoing` as the pipe takes."""
        with suppress(BlockingIOError):
            while self.outgoing:
                del self.outgoing[: os.write(self.outward, self.outgoing)]

    def receive(self) -> list[Packet]:
        """Read what is available; return the packets that are complete. The process exits when the grader has ended."""
        data = os.read(self.inward, CHUNK)
        if not data:
            os._exit(0)
        return self._reader.feed(data)


class Child:
    """The first process of a submission.

    Args:
        session: its number. options: of the session, from the grader.
        own_namespace: an open /proc/self/ns/pid; None if no namespaces can be created.
        baseline: private bytes of the fork server, which a new process shares with it.
    """

    def __init__(self, session: int, options: dict[str, Any], own_namespace: int | None, baseline: int) -> None:
        self.session = session
        self.jail = jail.Jail(namespaces=own_namespace is not None, **options["jail"])
        self.shared_folders = options["shared_folders"]
        self.output_limit = options["output_bytes"]
        self.output = bytearray()
        self.output_count = 0
        self.printing = True
        self.incoming = bytearray()  # from the grader, not yet read by the process
        self.over_memory = False
        self.peak = 0
        self.baseline = baseline
        self.next_watch = time.monotonic() + WATCH_SECONDS
        self.channel, theirs = socket.socketpair()
        with suppress(OSError):  # an older kernel
            self.channel.setsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS, 0)
        self.pipe, their_pipe = os.pipe()
        if own_namespace is not None:
            jail.next_child_in_own_pid_namespace()
        self.pid = os.fork()
        if self.pid == 0:
            run_child(theirs.fileno(), their_pipe, options, self.jail)
        if own_namespace is not None:
            jail.back_to_own_pid_namespace(own_namespace)
        theirs.close()
        os.close(their_pipe)
        os.set_blocking(self.pipe, False)
        self.channel.setblocking(False)
        self.end = processes.end_descriptor(self.pid)

    def register(self, poller: select.poll, reading: bool) -> None:
        """Register what to wait for; bytes of the process only if `reading`."""
        events = (select.POLLIN if reading else 0) | (select.POLLOUT if self.incoming else 0)
        if events:
            poller.register(self.channel, events)
        if self.printing:
            poller.register(self.pipe, select.POLLIN)
        if self.end is not None:
            poller.register(self.end, select.POLLIN)

    def push(self) -> None:
        """Pass on to the process as much of `incoming` as it takes now."""
        try:
            while self.incoming:
                del self.incoming[: self.channel.send(self.incoming)]
        except BlockingIOError:
            pass
        except OSError:
            self.incoming.clear()

    def read(self) -> bytes | None:
        """Bytes that the process has sent; None if there are none now, b"" if it has closed its channel."""
        try:
            return self.channel.recv(CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def read_output(self) -> bool:
        """Read what the process has printed: keep the first bytes, count all. False if nothing can be read now."""
        try:
            data = os.read(self.pipe, CHUNK)
        except BlockingIOError:
            return False
        self.printing = bool(data)
        self.output_count += len(data)
        self.output += data[: self.output_limit - len(self.output)]
        return self.printing

    def watch_memory(self) -> None:
        """From time to time, kill the process if the private memory of all its descendants exceeds the limit."""
        if time.monotonic() < self.next_watch:
            return
        self.next_watch = time.monotonic() + WATCH_SECONDS
        found = processes.descendants(self.pid)
        total = sum(max(0, processes.private_bytes(process) - self.baseline) for process in found)
        self.peak = max(self.peak, total)
        if total > self.jail.memory:
            self.over_memory = True
            self.kill()

    def kill(self) -> None:
        """Kill the process, and with it (by its namespace, or one by one) all others of the submission."""
        if not self.jail.namespaces:
            for process in processes.descendants(self.pid):
                processes.kill(process)
        processes.kill(self.pid)

    def ended(self) -> bool:
        """Whether the process has ended; it stays a zombie until `close`."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def close(self) -> tuple[int, resource.struct_rusage]:
        """Reap the process that has ended and remove all that is left of it; its status and what it used."""
        _, status, usage = os.wait4(self.pid, 0)
        processes.reap_strays(self.pid)
        if self.jail.uid and not self.jail.namespaces:
            processes.sweep(self.jail.uid, self.shared_folders)
        while self.output_count < 1 << 24 and self.read_output():
            pass
        os.close(self.pipe)
        if self.end is not None:
            os.close(self.end)
        return status, usage


def run_child(channel: int, output: int, options: dict[str, Any], limits: jail.Jail) -> NoReturn:
    """In the fork: close all descriptors of the fork server, isolate the process, serve the submission."""
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.dup2(channel, 3)
        os.closerange(4, 4096)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        jail.isolate(limits)
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(JAIL_FAILED)
    if options["shared_folders"]:  # /tmp is shared
        use_for_temporary_files(limits.folder)
    try:
        child.serve(3, options["source"], Path(limits.folder), options["names"], options["answer_bytes"], load())
    finally:
        os._exit(SERVING_FAILED)


def use_for_temporary_files(folder: str) -> None:
    """Let libraries write to the submission's folder instead of /tmp."""
    os.environ.update({key: folder for key, value in os.environ.items() if value == "/tmp"})
    tempfile.tempdir = folder


class ForkServer:
    """Serves the grader: at most one submission at a time.

    Args:
        own_namespace: an open /proc/self/ns/pid; None if no namespaces can be created.
    """

    def __init__(self, link: Link, own_namespace: int | None) -> None:
        self.link = link
        self.own_namespace = own_namespace
        self.child: Child | None = None
        self.baseline = processes.private_bytes(os.getpid())
        self.resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def serve(self) -> NoReturn:
        """Pass packets and bytes on; never returns."""
        while True:
            ready = self.wait()
            if self.link.outward in ready:
                self.link.flush()
            if self.child is not None:
                self.attend(self.child, ready)
            if self.link.inward in ready:
                for packet in self.link.receive():
                    self.accept(*packet)
            if self.child is not None and self.child.incoming:
                self.child.push()

    def wait(self) -> set[int]:
        """Wait until a descriptor is ready or the memory has to be checked; the ready descriptors."""
        poller = select.poll()
        poller.register(self.link.inward, select.POLLIN)
        if self.link.outgoing:
            poller.register(self.link.outward, select.POLLOUT)
        if self.child is not None:
            self.child.register(poller, reading=not self.link.outgoing)
        return {descriptor for descriptor, _ in poller.poll(WATCH_SECONDS * 1000)}

    def accept(self, kind: bytes, session: int, payload: bytes) -> None:
        """Do what a packet of the grader says; those for a session that has ended are ignored."""
        if kind == START:
            self.child = Child(session, json.loads(payload), self.own_namespace, self.baseline)
        elif self.child is not None and session == self.child.session:
            if kind == KILL:
                self.child.kill()
            elif kind == DATA:
                self.child.incoming += payload

    def attend(self, child: Child, ready: set[int]) -> None:
        """Pass on what the child has sent, count what it has printed, check its memory; report its end."""
        data = child.read() if child.channel.fileno() in ready and not self.link.outgoing else None
        if data:
            self.link.send(DATA, child.session, data)
        if child.pipe in ready:
            child.read_output()
        child.watch_memory()
        if (child.end is None or child.end in ready) and child.ended():
            self.finish(child)
        elif data == b"":  # a process that closes its channel cannot answer any more
            child.kill()

    def finish(self, child: Child) -> None:
        """Pass on the last bytes of a child that has ended, and report how it ended."""
        status, usage = child.close()
        while data := child.read():
            self.link.send(DATA, child.session, data)
        child.channel.close()
        resident = usage.ru_maxrss * 1024
        ending = {
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
            "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0,
            "over_memory": child.over_memory,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "peak_bytes": max(child.peak, resident - self.resident),
            "resident_bytes": resident,
            "output": child.output.decode("utf-8", "replace"),
            "output_bytes": child.output_count,
        }
        self.link.send(EXITED, child.session, json.dumps(ending).encode())
        self.child = None


def prepare() -> None:
    """Load and run what every submission uses, so that it is ready in every fork.

    One thread only: with a second one, tensor operations before a fork could leave locked locks in the child.
    """
    torch.set_num_threads(1)
    no_gpu.cuda_means_cpu()
    first_use.exercise(load())
    gc.collect()
    gc.freeze()
    huge_pages.collapse()


def main(namespaces: bool) -> NoReturn:
    """Start, send READY, and serve until the grader closes the link.

    Args:
        namespaces: whether this process may create a mount and a process namespace for each submission.
    """
    link = Link()
    own_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY) if namespaces else None
    jail.become_subreaper()
    prepare()
    server = ForkServer(link, own_namespace)
    link.send(READY, 0, json.dumps({"torch": torch.__version__, "python": sys.version.split()[0]}).encode())
    server.serve()
