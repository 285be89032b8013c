NAME = "leaves daemons behind"
KIND = "denial"
WHY = "Children with sessions of their own that ignore signals and were forked twice stay when the submission is over."

import os
import signal
import time

for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(1, 65):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            os.chdir("/")
            while True:
                time.sleep(0.1)
                try:
                    open("/dev/shm/still-here", "a").write("x")
                except OSError:
                    pass
        os._exit(0)
