NAME = "traces its parent"
KIND = "reading"
WHY = "Attaches to the processes above it and reads their memory with ptrace and process_vm_readv."

import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)
TAKEN = []
for pid in (os.getppid(), 1, 2, 3, *range(4, 60)):
    if pid not in (0, os.getpid()):
        buffer = ctypes.create_string_buffer(64)
        vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 64)
        if LIBC.ptrace(16, pid, 0, 0) == 0 or LIBC.process_vm_readv(pid, vector, 1, vector, 1, 0) > 0:
            TAKEN.append(pid)


def at_call(task, *arguments):
    if TAKEN:
        raise RuntimeError(f"I hold {TAKEN}")
