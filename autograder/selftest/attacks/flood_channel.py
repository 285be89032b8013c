NAME = "floods the channel"
KIND = "channel"
WHY = "Sends small frames without end, faster than anybody asks."

import json
import os
import struct


def frame(tree, arrays=(), body=b""):
    header = json.dumps({"tree": tree, "arrays": list(arrays)}).encode()
    return struct.pack(">IQ", len(header), len(body)) + header + body


NOTHING = frame(None) * 1000


def at_call(task, *arguments):
    while True:
        os.write(3, NOTHING)
