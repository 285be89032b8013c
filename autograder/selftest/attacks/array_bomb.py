NAME = "sends small frames of huge arrays"
KIND = "channel"
WHY = "One array named twenty thousand times; arrays without elements and a trillion rows; sizes that overflow."

import json
import os
import struct


def frame(tree, arrays=(), body=b""):
    header = json.dumps({"tree": tree, "arrays": list(arrays)}).encode()
    return struct.pack(">IQ", len(header), len(body)) + header + body


NUMBER = [0]
TABLES = [
    ([["float32", [2**38, 0]]], b"", {"$array": 0}),
    ([["float32", [1000, 1000]]], bytes(4_000_000), [{"$array": 0}] * 15_000),
    ([["float64", [2**33, 2**31]]], b"", {"$array": 0}),
    ([["bool", [4]]], b"\x02\x03\x80\xff", {"$array": 0}),
    ([["float32", [-1]], ["object", [1]], ["f4", [1]]], bytes(8), {"$array": 0}),
    ([[{"a": 1}, [1]]], bytes(8), {"$array": 0}),
]


def at_call(task, *arguments):
    NUMBER[0] += 1
    table, body, value = TABLES[NUMBER[0] % len(TABLES)]
    os.write(3, frame({"number": NUMBER[0], "response": {"value": value}}, table, body))
