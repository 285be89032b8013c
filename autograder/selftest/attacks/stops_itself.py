NAME = "stops instead of ending"
KIND = "denial"
WHY = "Stops itself and its children with SIGSTOP, or asks the kernel to freeze it."

import os
import signal


def at_call(task, *arguments):
    child = os.fork()
    if child == 0:
        os.kill(os.getpid(), signal.SIGSTOP)
    os.kill(child, signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGSTOP)
    signal.sigtimedwait([signal.SIGUSR1], 1000)
