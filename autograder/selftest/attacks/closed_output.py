NAME = "closes its output"
KIND = "channel"
WHY = "Closes standard output and error and computes on: whoever waits for its output must not spin."

import os

os.closerange(0, 3)


def at_call(task, *arguments):
    print("nobody hears this")
