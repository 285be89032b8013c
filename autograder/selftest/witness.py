"""Search the sandbox, during the import, for anything that an earlier submission left and for secrets.

It is submitted like any other file, after an attack. If it finds something, its import fails with a message that says
what.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path

COMPLETE = True
NAME = "witness"
SECRETS = ("hidden_tests", "solution", "autograder", "misconceptions", "selftest")
ENVIRONMENT = {
    "PATH", "HOME", "LANG", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES",
    "MPLBACKEND", "MPLCONFIGDIR", "PYTHONDONTWRITEBYTECODE", "TORCHINDUCTOR_CACHE_DIR", "PWD", "HOSTNAME", "TERM",
    "container", "SHLVL", "LC_CTYPE",
}  # fmt: skip


def walk(folder: str, skip: tuple[str, ...] = ()) -> list[str]:
    """All paths below a folder that can be listed."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if os.path.join(parent, name) not in skip]
        found += [os.path.join(parent, name) for name in (*folders, *files)]
    return found


def leftovers() -> list[str]:
    """Files, shared memory and sockets that are not this file's."""
    this_file = os.path.abspath(__file__)
    found = [path for folder in (os.getcwd(), "/var/tmp", "/dev/shm", "/dev/mqueue", "/run") for path in walk(folder)]
    found = [path for path in found if path != this_file and not path.startswith("/run/.containerenv")]
    for table in ("shm", "sem", "msg"):
        lines = text(f"/proc/sysvipc/{table}").splitlines()[1:]
        found += [f"System V {table}: {line.split()[0]}" for line in lines]
    found += [f"abstract socket {line.split()[-1]}" for line in text("/proc/net/unix").splitlines() if "@" in line]
    waiting = [line for kind in ("tcp", "tcp6") for line in text(f"/proc/net/{kind}").splitlines()[1:]]
    found += ["a listening socket" for line in waiting if line.split()[3] == "0A"]
    return found


def processes() -> list[str]:
    """Other processes of this user."""
    found = []
    for name in listed("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                same = os.stat(f"/proc/{name}").st_uid == os.getuid() and os.getuid() != 0
            except OSError:
                continue
            if same or os.getpid() == 1:
                found.append(f"process {name}: {text(f'/proc/{name}/comm').strip()}")
    return found


def descriptors() -> list[str]:
    """Open descriptors beyond the standard ones and the channel."""
    found = []
    for number in range(4, 1024):
        try:
            kind = stat.S_IFMT(os.fstat(number).st_mode)
        except OSError:
            continue
        found.append(f"descriptor {number} of kind {kind:o}")
    return found


def secrets() -> list[str]:
    """Secret files and modules, writable folders, and network access."""
    python = tuple(os.path.join(prefix, "lib") for prefix in (sys.prefix, sys.base_prefix))
    readable = walk("/", skip=("/proc", "/sys", "/usr", *python))
    found = [path for path in readable if any(part in SECRETS for part in Path(path).parts)]
    found += [path for root in sys.path for name in SECRETS for path in walk(os.path.join(root, name))]
    found += [f"module {name}" for name in sys.modules if any(part in SECRETS for part in name.split("."))]
    found += [f"variable {name}" for name in os.environ if name not in ENVIRONMENT]
    fixed = ("/", "/kit", "/kit/inside", "/etc", "/usr", "/dev")
    found += [f"writable {path}" for path in fixed if os.access(path, os.W_OK)]
    for family, address in ((socket.AF_INET, ("1.1.1.1", 53)), (socket.AF_INET, ("169.254.169.254", 80))):
        try:
            with socket.socket(family) as connection:
                connection.settimeout(0.2)
                if connection.connect_ex(address) == 0:
                    found.append(f"network {address[0]}")
        except PermissionError:  # no sockets at all
            continue
    return found


def listed(folder: str) -> list[str]:
    """The names in a folder; none if it cannot be listed."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def text(path: str) -> str:
    """What is in a file; nothing if it cannot be read."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


FOUND = leftovers() + processes() + descriptors() + secrets()
if FOUND:
    raise RuntimeError(f"{len(FOUND)} found: " + "; ".join(FOUND)[:400])
