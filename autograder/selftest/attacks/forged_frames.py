NAME = "writes its own frames"
KIND = "channel"
WHY = "Sends a favourable response before the agent can send the real one."

import json
import os
import struct


def frame(tree, arrays=(), body=b""):
    header = json.dumps({"tree": tree, "arrays": list(arrays)}).encode()
    return struct.pack(">IQ", len(header), len(body)) + header + body


def at_call(task, *arguments):
    for number in range(1, 40):
        os.write(3, frame({"number": number, "response": {"value": 0.0, "has_graph": True, "passed": True}}))
