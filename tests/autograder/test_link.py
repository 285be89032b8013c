"""Packets to and from a process: large ones both ways at once, a flood, an end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import closing
from types import SimpleNamespace

import pytest

from autograder.sandbox.link import DATA, EXITED, FLOOD, HEADER, KILL, START, Link, LinkClosed, can_refuse

ECHO = "import os\nwhile data := os.read(0, 65536): os.write(1, data)"


@pytest.fixture
def echo():
    """A process that sends back what it gets, byte for byte."""
    process = subprocess.Popen([sys.executable, "-c", ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    yield process
    process.kill()
    process.wait()


def test_large_packets_both_ways(echo):
    link = Link(echo)
    link.allow(1 << 30)
    payload = bytes(range(256)) * 80_000  # far more than a pipe holds: a blocking writer would wait for ever
    link.send(DATA, 7, payload)
    link.send(EXITED, 8)
    assert link.poll(20) == (DATA, 7, payload)
    assert link.poll(20) == (EXITED, 8, b"")


def test_nothing_comes(echo):
    assert Link(echo).poll(0.05) is None


def test_more_than_allowed_is_told_once_and_dropped(echo):
    link = Link(echo)
    link.allow(100)
    for _ in range(3):
        link.send(DATA, 1, bytes(80))
    link.send(EXITED, 1, b"end")
    assert [link.poll(20) for _ in range(3)] == [(DATA, 1, bytes(80)), (FLOOD, 1, b""), (EXITED, 1, b"end")]


def test_the_process_is_gone(echo):
    link = Link(echo)
    echo.kill()
    echo.wait()
    with pytest.raises(LinkClosed):
        link.poll(5)
    with pytest.raises(LinkClosed):
        link.send(DATA, 1, bytes(1 << 20))


class Direct:
    """A link that passes descriptors, and the test in the place of the warm process and of the submission's."""

    def __init__(self) -> None:
        inlet, self.warm = socket.socketpair()
        outlet, self.outward = os.pipe()
        self.stdout = os.fdopen(outlet, "rb")
        self.link = Link(SimpleNamespace(stdin=None, stdout=self.stdout), inlet)
        self.link.allow(1 << 20)
        self.link.send(START, 7, b"options")
        packet, descriptors, _, _ = socket.recv_fds(self.warm, 100, 4)
        assert packet[HEADER:] == b"options"
        self.child = socket.socket(fileno=descriptors[0])
        self._open = [inlet, self.warm, self.stdout]

    def tell(self, kind: bytes, session: int, payload: bytes = b"") -> None:
        os.write(self.outward, kind + session.to_bytes(4, "big") + len(payload).to_bytes(4, "big") + payload)

    def close(self) -> None:
        self.child.close()
        os.close(self.outward)
        for end in self._open:
            end.close()


@pytest.fixture
def direct():
    if not can_refuse():
        pytest.skip("this kernel cannot refuse descriptors: bytes pass through the warm process")
    with closing(Direct()) as made:
        yield made


def test_data_go_straight_to_the_process_and_back(direct):
    direct.link.send(DATA, 7, b"question")
    assert direct.child.recv(100) == b"question"
    direct.child.send(b"answer")
    assert direct.link.poll(5) == (DATA, 7, b"answer")


def test_a_process_that_does_not_read_blocks_nobody(direct):
    payload = bytes(range(256)) * 20_000
    direct.link.send(DATA, 7, payload)
    assert direct.link.poll(0.05) is None
    got = b""
    while len(got) < len(payload):
        got += direct.child.recv(1 << 20)
        direct.link.poll(0)
    assert got == payload


def test_last_words_come_before_the_end(direct):
    direct.child.send(b"last words")
    direct.child.close()
    direct.tell(EXITED, 7, b"{}")
    assert [direct.link.poll(5) for _ in range(2)] == [(DATA, 7, b"last words"), (EXITED, 7, b"{}")]
    direct.link.send(DATA, 7, b"to nobody")


def test_a_process_that_closes_its_channel_is_killed(direct):
    direct.child.close()
    assert direct.link.poll(0.05) is None
    assert direct.warm.recv(100)[:1] == KILL


def test_a_process_that_says_too_much_is_told_of_once(direct):
    direct.link.allow(100)
    direct.child.send(bytes(300))
    assert direct.link.poll(5) == (FLOOD, 7, b"")
    direct.child.send(bytes(300))
    assert direct.link.poll(0.05) is None


def test_a_process_cannot_send_descriptors(direct):
    with pytest.raises(PermissionError):
        socket.send_fds(direct.child, [b"x"], [0, 1])
