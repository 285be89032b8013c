NAME = "makes device nodes"
KIND = "files"
WHY = "Makes device nodes, opens disks and kernel memory."

import os
import stat

OPENED = []
for name, major, minor in (("disk", 8, 0), ("vda", 254, 0), ("mem", 1, 1), ("kmsg", 1, 11), ("fuse", 10, 229)):
    try:
        os.mknod(name, 0o600 | stat.S_IFBLK if major != 1 else 0o600 | stat.S_IFCHR, os.makedev(major, minor))
        OPENED.append(name)
    except OSError:
        pass
for path in ("/dev/sda", "/dev/vda", "/dev/mem", "/dev/kmsg", "/dev/fuse", "/dev/kvm", "/proc/kcore", "/proc/sysrq-trigger"):
    try:
        os.close(os.open(path, os.O_RDWR))
        OPENED.append(path)
    except OSError:
        pass


def at_call(task, *arguments):
    if OPENED:
        raise RuntimeError(str(OPENED))
