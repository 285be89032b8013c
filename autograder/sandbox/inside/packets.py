"""Packets between the grader and the fork server: 1 byte kind, 4 bytes session number, 4 bytes length, payload."""

from __future__ import annotations

import struct

START, DATA, KILL = b"S", b"D", b"K"  # to the fork server: options in JSON, bytes for the submission, nothing
READY, EXITED = b"R", b"E"  # to the grader, like DATA: versions in JSON, how the submission's process ended in JSON
CHUNK = 1 << 16  # bytes that are read at once: what a pipe holds
JAIL_FAILED, SERVING_FAILED = 99, 98  # exit statuses of a submission's process; the first is the grader's fault

Packet = tuple[bytes, int, bytes]

_HEADER = struct.Struct(">cII")


def packed(kind: bytes, session: int, payload: bytes = b"") -> bytes:
    """The bytes of one packet."""
    return _HEADER.pack(kind, session, len(payload)) + payload


class PacketReader:
    """Splits a stream of bytes into packets."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Packet]:
        """Add bytes; return the packets that are complete now."""
        self._buffer += data
        packets = []
        while len(self._buffer) >= _HEADER.size:
            kind, session, length = _HEADER.unpack_from(self._buffer)
            end = _HEADER.size + length
            if len(self._buffer) < end:
                break
            packets.append((kind, session, bytes(self._buffer[_HEADER.size : end])))
            del self._buffer[:end]
        return packets
