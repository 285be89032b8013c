"""Packets between the grader and the warm process: 1 byte kind, 4 bytes session number, 4 bytes length, payload.

Both directions are served by whoever waits, in one thread: while a packet is written, what comes in is read, so that
neither side can wait for the other for ever.

Where descriptors can be passed to the warm process and refused from others, a session's process gets the other end of
a socket, and its DATA goes to and fro there instead of through the warm process. Nobody above this file sees a
difference.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import time
from collections import deque
from contextlib import closing

HEADER = 9
START, DATA, KILL, READY, EXITED = b"S", b"D", b"K", b"R", b"E"
SO_PASSRIGHTS = 83  # since Linux 6.16
FLOOD = b"F"  # made here, not sent: a session sent more than it was allowed to
CHUNK = 1 << 18

Packet = tuple[bytes, int, bytes]


class LinkClosed(OSError):
    """The warm process is gone."""


def refusing_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a socket, of which the first cannot be sent descriptors; OSError where the kernel cannot promise it.

    What is sent has to be closed by the receiver, which can take as long as the sender likes (a socket that lingers).
    """
    mine, theirs = socket.socketpair()
    try:
        mine.setsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS, 0)
    except OSError:
        mine.close()
        theirs.close()
        raise
    return mine, theirs


def can_refuse() -> bool:
    """Whether a submission may be given an end of a socket of the grader's own."""
    try:
        mine, theirs = refusing_pair()
    except OSError:
        return False
    with closing(mine), closing(theirs):
        return True


class Link:
    """The grader's end.

    Args:
        process: with pipes for stdin and stdout.
        inlet: a Unix socket whose other end is the process's stdin, in place of the pipe: descriptors can be passed.
    """

    def __init__(self, process: subprocess.Popen[bytes], inlet: socket.socket | None = None) -> None:
        entry = process.stdin if inlet is None else inlet
        if entry is None or process.stdout is None:
            raise ValueError("the process needs a pipe or a socket for stdin, and a pipe for stdout")
        self._inlet = inlet
        self._out, self._in = entry.fileno(), process.stdout.fileno()
        self._direct: socket.socket | None = None
        self._session = 0
        self._outgoing = bytearray()
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)
        self._buffer = bytearray()
        self._packets: deque[Packet] = deque()
        self._closed = False
        self._allowance = 0
        self._flooded = False

    def allow(self, size: int) -> None:
        """Let a session's process send so many bytes from now on."""
        self._allowance = size
        self._flooded = False

    def send(self, kind: bytes, session: int, payload: bytes = b"") -> None:
        """Write one packet, all of it; LinkClosed if nobody reads it any more.

        A session's own socket is written to as its process reads: what is left goes out while a packet is waited for.
        """
        passed: list[int] = []
        if self._inlet is not None and kind == START:
            self._hang_up()
            self._direct, theirs = refusing_pair()
            self._direct.setblocking(False)
            self._session = session
            passed = [theirs.fileno()]
        elif self._inlet is not None and kind == DATA:
            if self._direct is not None:
                self._outgoing += payload
                self._push()
            return
        try:
            self._send(kind + session.to_bytes(4, "big") + len(payload).to_bytes(4, "big") + payload, passed)
        finally:
            if passed:
                theirs.close()

    def _send(self, packet: bytes, passed: list[int]) -> None:
        data = memoryview(packet)
        while data:
            try:
                if passed and self._inlet is not None:
                    data = data[socket.send_fds(self._inlet, [data], passed) :]
                    passed = []
                else:
                    data = data[os.write(self._out, data) :]
                continue
            except BlockingIOError:
                pass
            except OSError:
                raise LinkClosed("the warm process does not read any more") from None
            self._wait(None, select.POLLOUT)

    def poll(self, seconds: float) -> Packet | None:
        """Wait for one packet; None if there is none in time. LinkClosed if none will come."""
        deadline = time.monotonic() + seconds
        while not self._packets:
            if self._closed:
                raise LinkClosed("the warm process has ended")
            left = deadline - time.monotonic()
            if not self._wait(max(0.0, left), 0) and left <= 0:
                return None
        return self._packets.popleft()

    def _wait(self, seconds: float | None, writing: int) -> bool:
        """Wait until something can be read (it is) or, if asked for, written; False if the time is up."""
        poller = select.poll()
        if not self._closed:
            poller.register(self._in, select.POLLIN)
        if writing:
            poller.register(self._out, writing)
        own = -1 if self._direct is None else self._direct.fileno()
        if own >= 0:
            poller.register(own, select.POLLIN | (select.POLLOUT if self._outgoing else 0))
        ready = dict(poller.poll(None if seconds is None else int(seconds * 1000) + 1))
        if own in ready:
            if self._outgoing:
                self._push()
            if ready[own] & ~select.POLLOUT and not self._read_direct():
                self._hang_up()
                self.send(KILL, self._session)  # a process that closes its channel has nothing more to say
        if self._in in ready:
            self._read()
        return bool(ready)

    def _push(self) -> None:
        """Write to the session's own socket what it takes now; a closed one is noticed when it is read."""
        if self._direct is not None:
            try:
                del self._outgoing[: self._direct.send(self._outgoing[:CHUNK])]
            except BlockingIOError:
                pass
            except OSError:
                self._outgoing.clear()

    def _read_direct(self) -> bool:
        """Read once from the session's own socket; False when it is closed."""
        try:
            data = self._direct.recv(CHUNK) if self._direct is not None else b""
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if data:
            self._take(DATA, self._session, data)
        return bool(data)

    def _hang_up(self) -> None:
        """Close the session's own socket, unread bytes and all."""
        if self._direct is not None:
            self._direct.close()
            self._direct = None
        self._outgoing.clear()

    def _read(self) -> None:
        try:
            data = os.read(self._in, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._closed = not data
        self._buffer += data
        while len(self._buffer) >= HEADER:
            end = HEADER + int.from_bytes(self._buffer[5:HEADER], "big")
            if len(self._buffer) < end:
                break
            kind, session = bytes(self._buffer[:1]), int.from_bytes(self._buffer[1:5], "big")
            self._take(kind, session, bytes(self._buffer[HEADER:end]))
            del self._buffer[:end]

    def _take(self, kind: bytes, session: int, payload: bytes) -> None:
        if kind == EXITED and session == self._session and self._direct is not None:
            self._last_words(self._direct)
        if kind == DATA:
            self._allowance -= len(payload)
            if self._allowance < 0:  # nobody asked for this much: the session is told once, the bytes are dropped
                if self._flooded:
                    return
                self._flooded = True
                kind, payload = FLOOD, b""
        self._packets.append((kind, session, payload))

    def _last_words(self, direct: socket.socket) -> None:
        """Of a process that has ended: read what its socket still holds, which is no more than a socket's buffer."""
        poller = select.poll()
        poller.register(direct, select.POLLIN)
        while poller.poll(0) and not self._flooded and self._read_direct():
            pass
        self._hang_up()
