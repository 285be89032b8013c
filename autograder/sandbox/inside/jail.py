"""Isolate a new process: its own mounts, process tree and limits, no privileges, a system-call filter.

This happens before the student's file is read. Linux only; the calls that Python lacks go through ctypes to the C
library.
"""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import landlock

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
SECCOMP_MODE_FILTER = 2
LAST_CAPABILITY = 63

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Jail:
    """How one submission's process is isolated.

    Attributes:
        namespaces: whether this process may create namespaces, as inside bubblewrap; not in a container, nor bare.
        uid: user to become, 0 to keep the present one.
        memory: bytes of address space beyond what the fork server has mapped. processes: with threads.
        files: bytes of the writable file system, and of one file. cpu_seconds: of one process.
        seccomp: a compiled filter (struct sock_filter[]) in hexadecimal digits, empty for none.
        folder: the submission's own. readable, writable: what else Landlock allows it; both empty: no Landlock.
    """

    namespaces: bool
    uid: int
    memory: int
    processes: int
    files: int
    cpu_seconds: int
    seccomp: str
    folder: str
    readable: Sequence[str]
    writable: Sequence[str]


class SockFprog(ctypes.Structure):
    """`struct sock_fprog` of <linux/filter.h>."""

    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def call(name: str, *args: object) -> None:
    """Call a function of the C library that returns 0 on success; raise OSError otherwise."""
    if getattr(_libc, name)(*args) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def become_subreaper() -> None:
    """Adopt all orphaned descendants, so that each of them can be found and killed."""
    call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def next_child_in_own_pid_namespace() -> None:
    """Make the next fork the first process of a new process tree, which dies with it."""
    call("unshare", CLONE_NEWPID)


def back_to_own_pid_namespace(own: int) -> None:
    """Undo `next_child_in_own_pid_namespace`; `own` is an open /proc/self/ns/pid."""
    call("setns", own, CLONE_NEWPID)


def isolate(jail: Jail) -> None:
    """Apply the jail to this process; it cannot be undone. Raise OSError if any part of it fails."""
    call("prctl", PR_SET_PDEATHSIG, 9, 0, 0, 0)
    os.setsid()
    if jail.namespaces:
        _own_mounts(jail.files, jail.folder)
    _limits(jail)
    _drop_privileges(jail)
    if jail.readable:
        landlock.restrict(jail.readable, jail.writable, jail.folder)
    if jail.seccomp:
        instructions = bytes.fromhex(jail.seccomp)
        program = SockFprog(len(instructions) // 8, instructions)
        call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)


def _own_mounts(size: int, folder: str) -> None:
    call("unshare", CLONE_NEWNS | CLONE_NEWIPC)
    call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    options = f"size={size},mode=1777,nr_inodes=20000".encode()
    for target in (folder.encode(), b"/dev/shm"):
        call("mount", b"tmpfs", target, b"tmpfs", MS_NOSUID | MS_NODEV, options)
    try:
        call("mount", b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None)
    except OSError:  # some kernels refuse a second /proc: hide it instead
        call("mount", b"tmpfs", b"/proc", b"tmpfs", MS_NOSUID | MS_NODEV, b"size=4k,mode=555")


def _limits(jail: Jail) -> None:
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if _has_proc() else 8 << 30
    limits = {
        resource.RLIMIT_AS: mapped + jail.memory,
        resource.RLIMIT_CPU: jail.cpu_seconds,
        resource.RLIMIT_FSIZE: jail.files,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if jail.namespaces or jail.uid:  # otherwise the count would include all other processes of the user
        limits[resource.RLIMIT_NPROC] = jail.processes
    for kind, value in limits.items():
        resource.setrlimit(kind, (value, value))


def _has_proc() -> bool:
    return Path("/proc/self/statm").exists()


def _drop_privileges(jail: Jail) -> None:
    if jail.namespaces or jail.uid:
        for capability in range(LAST_CAPABILITY + 1):
            _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails for numbers the kernel does not have
    if jail.uid:
        os.setgroups([])
        os.setresgid(jail.uid, jail.uid, jail.uid)
        os.setresuid(jail.uid, jail.uid, jail.uid)
    if jail.namespaces or jail.uid:
        _clear_capabilities()
    call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _clear_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    call("capset", header, (ctypes.c_uint32 * 6)())
