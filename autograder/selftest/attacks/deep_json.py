NAME = "sends deep and wide JSON"
KIND = "channel"
WHY = "Frames whose JSON is nested a hundred thousand deep, or has a million entries, or numbers with a million digits."

import os
import struct

HEADERS = [
    b"[" * 500_000, b'{"a":' * 100_000, b"[" * 400_000 + b"]" * 400_000,
    b'{"tree": [' + b"[]," * 300_000 + b'0], "arrays": []}', b'{"tree": ' + b"9" * 900_000 + b', "arrays": []}',
    b'{"tree": "' + b"\\ud800" * 100_000 + b'", "arrays": []}', b'{"tree": 1e999999, "arrays": [[[], 1]]}',
]


def at_call(task, *arguments):
    HEADERS.append(HEADERS.pop(0))
    os.write(3, struct.pack(">IQ", len(HEADERS[0]), 0) + HEADERS[0])
