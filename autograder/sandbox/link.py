"""The grader's end of the pipes to the fork server.

One thread serves both directions: while a packet is written, incoming ones are read, so that the two processes cannot
wait for each other forever.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections import deque

from autograder.sandbox.inside.packets import CHUNK, DATA, Packet, PacketReader, packed

FLOOD = b"F"  # a kind that is never sent: the link reports that a session sent more than it was allowed to


class LinkClosed(OSError):
    """The fork server has ended."""


class Link:
    """Sends packets to the fork server and receives packets from it.

    Args:
        process: with pipes for stdin and stdout.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("the process needs pipes for stdin and stdout")
        self._out, self._in = process.stdin.fileno(), process.stdout.fileno()
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)
        self._reader = PacketReader()
        self._packets: deque[Packet] = deque()
        self._closed = False
        self._allowance = 0
        self._flooded = False

    def allow(self, size: int) -> None:
        """Allow the session to send `size` bytes from now on."""
        self._allowance = size
        self._flooded = False

    def send(self, kind: bytes, session: int, payload: bytes = b"") -> None:
        """Write one packet, all of it; LinkClosed if the fork server has ended."""
        data = memoryview(packed(kind, session, payload))
        while data:
            try:
                data = data[os.write(self._out, data) :]
            except BlockingIOError:
                self._wait(None, writing=True)
            except OSError:
                raise LinkClosed("the fork server no longer reads") from None

    def poll(self, seconds: float) -> Packet | None:
        """Wait for one packet; None if there is none in time. LinkClosed if none can come."""
        deadline = time.monotonic() + seconds
        while not self._packets:
            if self._closed:
                raise LinkClosed("the fork server has ended")
            left = deadline - time.monotonic()
            if not self._wait(max(0.0, left)) and left <= 0:
                return None
        return self._packets.popleft()

    def _wait(self, seconds: float | None, writing: bool = False) -> bool:
        """Wait until something can be read, and read it, or until `writing` is possible; False if the time is up."""
        poller = select.poll()
        if not self._closed:
            poller.register(self._in, select.POLLIN)
        if writing:
            poller.register(self._out, select.POLLOUT)
        ready = dict(poller.poll(None if seconds is None else int(seconds * 1000) + 1))
        if self._in in ready:
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
        for packet in self._reader.feed(data):
            if packet[0] == DATA:
                self._allowance -= len(packet[2])
            if packet[0] != DATA or self._allowance >= 0:
                self._packets.append(packet)
            elif not self._flooded:  # report it once, drop the bytes
                self._flooded = True
                self._packets.append((FLOOD, packet[1], b""))
