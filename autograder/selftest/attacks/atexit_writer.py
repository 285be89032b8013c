NAME = "writes when all is over"
KIND = "channel"
WHY = "Registers functions for the end of the process and of every thread, which write results then."

import json
import os
import struct


def frame(tree, arrays=(), body=b""):
    header = json.dumps({"tree": tree, "arrays": list(arrays)}).encode()
    return struct.pack(">IQ", len(header), len(body)) + header + body


import atexit
import signal
import weakref


def last_word(*arguments):
    for number in range(1, 200):
        os.write(3, frame({"number": number, "response": {"value": 0.0}}))
    os._exit(0)


class Ghost:
    def __del__(self):
        last_word()


GHOST = Ghost()
atexit.register(last_word)
weakref.finalize(GHOST, last_word)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM, signal.SIGXCPU):
    signal.signal(number, last_word)
