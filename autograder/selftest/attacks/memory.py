NAME = "takes all memory"
KIND = "denial"
WHY = "Allocates and touches memory until it is stopped, in several processes at once."

import os


def at_call(task, *arguments):
    for _ in range(3):
        os.fork()
    blocks = []
    while True:
        try:
            blocks.append(bytearray(64 << 20))
        except MemoryError:
            pass
