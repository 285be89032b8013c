"""Packets between the grader and the warm process: 1 byte kind, 4 bytes session number, 4 bytes length, payload.

Both directions are served by whoever waits, in one thread: while a packet is written, what comes in is read, so that
neither side can wait for the other for ever.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections import deque

HEADER = 9
START, DATA, KILL, READY, EXITED = b"S", b"D", b"K", b"R", b"E"
FLOOD = b"F"  # made here, not sent: a session sent more than it was allowed to
CHUNK = 1 << 18

Packet = tuple[bytes, int, bytes]


class LinkClosed(OSError):
    """The warm process is gone."""


class Link:
    """The grader's end.

    Args:
        process: with pipes for stdin and stdout.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("the process needs pipes for stdin and stdout")
        self._out, self._in = process.stdin.fileno(), process.stdout.fileno()
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
        """Write one packet, all of it; LinkClosed if nobody reads it any more."""
        data = memoryview(kind + session.to_bytes(4, "big") + len(payload).to_bytes(4, "big") + payload)
        while data:
            try:
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
        ready = poller.poll(None if seconds is None else int(seconds * 1000) + 1)
        if any(descriptor == self._in for descriptor, _ in ready):
            self._read()
        return bool(ready)

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
        if kind == DATA:
            self._allowance -= len(payload)
            if self._allowance < 0:  # nobody asked for this much: the session is told once, the bytes are dropped
                if self._flooded:
                    return
                self._flooded = True
                kind, payload = FLOOD, b""
        self._packets.append((kind, session, payload))
