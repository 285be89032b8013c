NAME = "uses the kernel keyring"
KIND = "reading"
WHY = "Reads other sessions' keys and leaves a key there for the next submission."

import ctypes

LIBC = ctypes.CDLL(None, use_errno=True)
KEYS = [LIBC.syscall(248, b"user", b"dml", b"answers", 7, special) for special in (-1, -2, -3, -4, -5)]


def at_call(task, *arguments):
    if any(key > 0 for key in KEYS):
        raise RuntimeError(f"keys {KEYS}")
