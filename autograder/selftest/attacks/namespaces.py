NAME = "makes namespaces and mounts"
KIND = "reading"
WHY = "Tries to leave by user and mount namespaces, bind mounts, chroot and setns."

import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)
GOT = []
for flag in (0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x10000000 | 0x00020000):
    GOT += [hex(flag)] * (LIBC.unshare(flag) == 0)
GOT += ["mount"] * (LIBC.mount(b"/", b"/tmp", None, 4096, None) == 0)
GOT += ["umount"] * (LIBC.umount2(b"/tmp", 2) == 0)
GOT += ["chroot"] * (LIBC.chroot(b"/tmp") == 0)
GOT += ["pivot_root"] * (LIBC.syscall(155, b"/tmp", b"/tmp") == 0)
for name in ("mnt", "pid", "user", "net"):
    GOT += [name] * (LIBC.setns(os.open(f"/proc/self/ns/{name}", os.O_RDONLY), 0) == 0)
STACK = ctypes.create_string_buffer(1 << 16)
GOT += ["clone"] * (LIBC.syscall(56, 0x10000000 | 17, 0, 0, 0, 0) > 0)


def at_call(task, *arguments):
    if GOT:
        raise RuntimeError(str(GOT))
