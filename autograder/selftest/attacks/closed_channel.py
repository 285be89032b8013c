NAME = "closes its descriptors"
KIND = "channel"
WHY = "Closes the channel and its output, or puts other files in their place, and goes on living."

import os
import time


def at_call(task, *arguments):
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in range(64):
        if descriptor != null:
            os.dup2(null, descriptor)
    time.sleep(60)
