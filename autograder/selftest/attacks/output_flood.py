NAME = "prints without end"
KIND = "denial"
WHY = "Prints gigabytes from several threads."

import os
import threading

BLOCK = b"x" * (1 << 16)


def flood():
    while True:
        os.write(1, BLOCK)
        os.write(2, BLOCK)


def at_call(task, *arguments):
    for _ in range(3):
        threading.Thread(target=flood, daemon=True).start()
    flood()
