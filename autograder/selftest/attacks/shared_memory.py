NAME = "takes memory that is nobody's"
KIND = "denial"
WHY = "Anonymous shared mappings, memory files and System V segments, which no process need have mapped."

import ctypes
import mmap
import os

LIBC = ctypes.CDLL(None, use_errno=True)


def at_call(task, *arguments):
    kept = []
    for _ in range(400):
        try:
            block = mmap.mmap(-1, 32 << 20)
            for page in range(0, 32 << 20, 4096):
                block[page] = 1
            kept.append(block)
        except (OSError, MemoryError, ValueError):
            pass
        try:
            file = os.memfd_create("hidden")
            os.ftruncate(file, 32 << 20)
            os.posix_fallocate(file, 0, 32 << 20)
        except OSError:
            pass
        if LIBC.shmget(0, 32 << 20, 0o1600) >= 0:
            raise RuntimeError("System V memory")
