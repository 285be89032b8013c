"""Packets to and from a process: large ones both ways at once, a flood, an end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from autograder.sandbox.inside.packets import DATA, EXITED, PacketReader, packed
from autograder.sandbox.link import FLOOD, Link, LinkClosed

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


def test_more_than_allowed_is_reported_once_and_dropped(echo):
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


def test_packets_arrive_in_any_pieces():
    packets = [(DATA, 7, bytes(300)), (EXITED, 2**32 - 1, b""), (DATA, 0, b"x")]
    data = b"".join(packed(*packet) for packet in packets)
    for size in (1, 8, 9, 10, 1000):
        reader = PacketReader()
        assert [p for i in range(0, len(data), size) for p in reader.feed(data[i : i + size])] == packets
