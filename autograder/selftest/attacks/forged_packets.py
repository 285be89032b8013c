NAME = "forges the packets of the warm process"
KIND = "channel"
WHY = "Writes READY, EXITED and DATA packets to every descriptor, and into its output."

import json
import os
import struct


def packet(kind, payload):
    return struct.pack(">cII", kind, 1, len(payload)) + payload


def at_call(task, *arguments):
    ended = json.dumps({"signal": 0, "code": 0, "over_memory": False, "output": "all 25 points"}).encode()
    for descriptor in range(256):
        for data in (packet(b"E", ended), packet(b"R", b"{}"), packet(b"K", b"")):
            try:
                os.write(descriptor, data)
            except OSError:
                break
