NAME = "calls home"
KIND = "reading"
WHY = "Opens connections by name, by address, to the local host, over abstract and virtual-machine sockets."

import socket

REACHED = []
for family, address in [
    (socket.AF_INET, ("1.1.1.1", 53)), (socket.AF_INET, ("127.0.0.1", 22)), (socket.AF_INET, ("169.254.169.254", 80)),
    (socket.AF_INET6, ("2606:4700::1111", 53)), (socket.AF_UNIX, "/run/docker.sock"), (socket.AF_UNIX, "\0bus"),
    (socket.AF_VSOCK, (2, 22)), (socket.AF_INET, ("example.org", 80)),
]:
    try:
        with socket.socket(family) as s:
            s.settimeout(0.2)
            s.connect(address)
            REACHED.append(address)
    except OSError:
        pass


def at_call(task, *arguments):
    if REACHED:
        raise RuntimeError(f"reached {REACHED}")
