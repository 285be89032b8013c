NAME = "answers what nobody has asked yet"
KIND = "channel"
WHY = "Counts the requests, answers the next ones in advance and with numbers of other types."

import json
import os
import struct


def frame(tree, arrays=(), body=b""):
    header = json.dumps({"tree": tree, "arrays": list(arrays)}).encode()
    return struct.pack(">IQ", len(header), len(body)) + header + body


ASKED = [0]


def at_call(task, *arguments):
    ASKED[0] += 1
    for number in (ASKED[0], ASKED[0] + 1, float(ASKED[0]), True, None, str(ASKED[0]), [ASKED[0]]):
        os.write(3, frame({"number": number, "response": {"value": 0.3}}))
