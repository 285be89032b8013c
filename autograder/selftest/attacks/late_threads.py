NAME = "answers from threads, later"
KIND = "channel"
WHY = "Threads go on sending responses while the grader has moved on to other tests."

import json
import os
import struct


def frame(tree, arrays=(), body=b""):
    header = json.dumps({"tree": tree, "arrays": list(arrays)}).encode()
    return struct.pack(">IQ", len(header), len(body)) + header + body


import threading
import time


def answer_later(delay):
    number = 0
    while True:
        time.sleep(delay)
        number += 1
        os.write(3, frame({"number": number, "response": {"value": 0.0, "has_graph": True}}))


def at_call(task, *arguments):
    if threading.active_count() < 6:
        threading.Thread(target=answer_later, args=(0.001 * threading.active_count(),), daemon=True).start()
