NAME = "ends as a failing jail does"
KIND = "channel"
WHY = "Uses the exit status by which the sandbox says that it is broken itself, so that nobody is graded any more."

import os


def at_call(task, *arguments):
    os.write(2, b"PermissionError: unshare: Operation not permitted\n")
    os._exit(99)
