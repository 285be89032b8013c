NAME = "answers with an array as number"
KIND = "channel"
WHY = "An array where the grader compares a number: its truth value raises in the grader."

import json
import os
import struct


def frame(tree, arrays=(), body=b""):
    header = json.dumps({"tree": tree, "arrays": list(arrays)}).encode()
    return struct.pack(">IQ", len(header), len(body)) + header + body


def at_call(task, *arguments):
    two = [["int64", [2]]]
    os.write(3, frame({"number": {"$array": 0}, "response": {"value": 1}}, two, bytes(16)))
