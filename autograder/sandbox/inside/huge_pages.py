"""Lay the warm process's memory out in huge pages: a fork copies a table with an entry per page.

Libraries fill some 400 MB before the first submission comes; in pages of 4 KB, making and ending a fork of that takes
four times as long. A page that a fork writes to is split and copied in small parts as ever.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

HUGE = 1 << 21
MADV_COLLAPSE = 25  # since Linux 6.1


def collapse() -> None:
    """Ask for huge pages under all private writable memory without a file; a kernel that has none to give says no."""
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return
    for fields in map(str.split, lines):
        if fields[1] == "rw-p" and (len(fields) == 5 or fields[5] == "[heap]"):
            start, end = (int(address, 16) for address in fields[0].split("-"))
            for place in range(-(-start // HUGE) * HUGE, end - HUGE + 1, HUGE):
                advise(place, HUGE, MADV_COLLAPSE)
