NAME = "answers with odd gradients"
KIND = "channel"
WHY = "A response whose gradients, mutations and counts are of every wrong type."

import json
import os
import struct


def frame(tree, arrays=(), body=b""):
    header = json.dumps({"tree": tree, "arrays": list(arrays)}).encode()
    return struct.pack(">IQ", len(header), len(body)) + header + body


NUMBER = [0]
ODD = [7, "x", None, {"a": 1}, [1, 2], {"$array": 0}, [[{"$array": 0}]], True, -1, 1e300, float("nan")]


def at_call(task, *arguments):
    NUMBER[0] += 1
    odd = ODD[NUMBER[0] % len(ODD)]
    response = {"value": odd, "has_graph": True}
    for key in ("gradients", "mutated", "operations", "error"):
        response[key] = 3 if "array" in str(odd) else odd
    table = [["float32", [3]]] if "array" in str(odd) else []
    os.write(3, frame({"number": NUMBER[0], "response": response}, table, bytes(12 * len(table))))
