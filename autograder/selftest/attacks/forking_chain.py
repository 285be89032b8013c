NAME = "forks and dies, for ever"
KIND = "denial"
WHY = "A process that is always a new one: whoever kills by number comes too late."

import os

if os.fork() == 0:
    os.setsid()
    while True:
        try:
            if os.fork():
                os._exit(0)
        except OSError:
            pass
