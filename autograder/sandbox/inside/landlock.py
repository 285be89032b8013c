"""Landlock: a process gives up, irrevocably and without privileges, all files except those below some folders.

It is in Linux since 5.13, if it was built in. Since 6.7 it can also forbid TCP, since 6.12 signals to processes outside
and their abstract sockets. The C library has no functions for it, so the calls are made by number, which is the same
on every architecture.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable

CREATE, ADD, RESTRICT = 444, 445, 446
VERSION_FLAG, PATH_BENEATH = 1, 1
LIST = 1 << 3
READ = 1 << 0 | 1 << 2 | LIST  # execute, read a file, list a folder
OF_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # the rights that a single file can have
RIGHTS_OF = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many rights each version knows
NO_TCP, NO_OUTSIDE = 3, 3  # bind and connect; abstract sockets and signals

_libc = ctypes.CDLL(None, use_errno=True)


class Ruleset(ctypes.Structure):
    """`struct landlock_ruleset_attr`: what is forbidden unless a rule allows it."""

    _fields_ = [("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class Beneath(ctypes.Structure):
    """`struct landlock_path_beneath_attr`: what is allowed below a folder."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def version() -> int:
    """The version that the kernel offers; 0 without Landlock."""
    return max(0, _libc.syscall(CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION_FLAG)))


def restrict(readable: Iterable[str], writable: Iterable[str], own: str) -> None:
    """Allow this process and its children only the files below these paths; paths that do not exist are skipped.

    `writable` ones are shared with others, so their content cannot be listed. `own` is the process's folder.
    PR_SET_NO_NEW_PRIVS must be set already. Raises OSError if the kernel refuses.
    """
    offered = version()
    every = (1 << RIGHTS_OF.get(offered, 16)) - 1
    net, scoped = NO_TCP if offered >= 4 else 0, NO_OUTSIDE if offered >= 6 else 0
    attributes = Ruleset(every, net, scoped)
    size = 24 if offered >= 6 else 16 if offered >= 4 else 8
    rules = _call(CREATE, ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for path in readable:
            _allow(rules, path, READ)
        for path in writable:
            _allow(rules, path, every & ~LIST)
        _allow(rules, own, every)
        _call(RESTRICT, ctypes.c_int(rules), ctypes.c_uint32(0))
    finally:
        os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        whole = stat.S_ISDIR(os.fstat(place).st_mode)
        every = (1 << RIGHTS_OF.get(version(), 16)) - 1
        rule = Beneath(rights & every if whole else rights & every & OF_FILES, place)
        _call(ADD, ctypes.c_int(rules), ctypes.c_int(PATH_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0))
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    result = _libc.syscall(number, *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"landlock: {os.strerror(error)}")
    return result
