NAME = "loops where Python cannot interrupt"
KIND = "denial"
WHY = "A regular expression and an integer power inside C code, with every signal ignored."

import re
import signal


def at_call(task, *arguments):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGXCPU, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    re.match(r"(a+)+$", "a" * 64 + "b")
