NAME = "leaves a message for the next one"
KIND = "other"
WHY = "Leaves files, sockets, segments, locks and processes for the next submission to find."

import ctypes
import os
import socket

LIBC = ctypes.CDLL(None, use_errno=True)
for path in ("/tmp/answers", "/dev/shm/answers", "/var/tmp/answers", "/run/answers", "/dev/mqueue/answers", "/tmp/.hidden"):
    try:
        with open(path, "w") as file:
            file.write("the answers")
    except OSError:
        pass
LIBC.shmget(4711, 4096, 0o1666)
LIBC.semget(4711, 1, 0o1666)
LIBC.msgget(4711, 0o1666)
LIBC.mq_open(b"/answers", 0o102, 0o666, None)
SOCKETS = [socket.socket(socket.AF_UNIX), socket.socket(socket.AF_INET)]
SOCKETS[0].bind("\0answers")
SOCKETS[1].bind(("127.0.0.1", 4711))
SOCKETS[1].listen()
if os.fork() == 0:
    os.setsid()
    while True:
        SOCKETS[1].accept()
