NAME = "forks, so that two answer"
KIND = "channel"
WHY = "Each call returns twice, in parent and child, and both answer."

import os


def at_call(task, *arguments):
    os.fork()
