NAME = "opens files without end"
KIND = "denial"
WHY = "Uses up all descriptors, then goes on."

import os
import socket

OPEN = []


def at_call(task, *arguments):
    while True:
        try:
            OPEN.extend(os.pipe())
            OPEN.extend(socket.socketpair())
        except OSError:
            break
