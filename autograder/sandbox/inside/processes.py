"""The processes of one submission, as /proc shows them: find them, measure them, leave none of them behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

WRITABLE = ("/tmp", "/dev/shm", "/dev/mqueue")
HELPER_UID = 64_999  # a user that nobody else in the sandbox has


def kill(pid: int) -> None:
    """Send SIGKILL; a process that has ended already is no error."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def end_descriptor(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None on kernels without pidfd."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def descendants(pid: int) -> list[int]:
    """The process and all processes below it; those that end during the search may be missing."""
    found, todo = [], [pid]
    while todo:
        process = todo.pop()
        found.append(process)
        try:
            for thread in os.listdir(f"/proc/{process}/task"):
                todo += map(int, Path(f"/proc/{process}/task/{thread}/children").read_text().split())
        except OSError:
            continue
    return found


def private_bytes(pid: int) -> int:
    """Bytes of anonymous and shared memory of a process, 0 if it has ended.

    Shared memory counts, since a shared mapping needs no file; it counts for each process that maps it.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith(("RssAnon:", "RssShmem:"))]
    return 1024 * sum(int(line.split()[1]) for line in lines)


def reap_strays(first: int) -> None:
    """Kill and reap every descendant of this process except `first`; it must be a subreaper to find orphans."""
    for _ in range(1000):
        strays = [process for process in descendants(os.getpid()) if process not in (os.getpid(), first)]
        if not strays:
            break
        for process in strays:
            kill(process)
        time.sleep(0.001)
        while _reap_one():
            pass


def _reap_one() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def sweep(uid: int, folders: Sequence[str] = ()) -> None:
    """Kill all processes of a user and delete all of its files, where no namespace does that.

    A process that forks and exits all the time cannot be killed by its number, but `kill(-1)` reaches it. The helper
    process that calls it keeps a real and saved user of its own, so that the user's processes cannot kill it.

    Args:
        folders: shared ones, in which only the user's files are deleted; none for everything in `WRITABLE`.

    Raises:
        RuntimeError: files are left.
    """
    helper = os.fork()
    if helper == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(HELPER_UID, uid, HELPER_UID)
            with suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            os.setresuid(uid, uid, uid)
            own = f"-uid {uid}" if folders else ""
            make_writable = f'find "$@" -mindepth 1 {own} -prune -exec chmod -R u+rwx {{}} +'
            script = f'exec 2>/dev/null; {make_writable}; find "$@" -mindepth 1 {own} -delete'
            os.execv("/bin/sh", ["sh", "-c", script, "sh", *_existing(folders or WRITABLE)])
        finally:
            os._exit(1)
    os.waitpid(helper, 0)
    reap_strays(helper)
    entries = [entry for folder in _existing(folders or WRITABLE) for entry in os.scandir(folder)]
    left = sum(not folders or _owner(entry) == uid for entry in entries)
    if left:
        raise RuntimeError(f"{left} files of a submission cannot be deleted")


def _existing(folders: Sequence[str]) -> list[str]:
    return [folder for folder in folders if os.path.isdir(folder)]


def _owner(entry: os.DirEntry[str]) -> int:
    """The user that owns a file; -1 if the file has been deleted meanwhile."""
    try:
        return entry.stat(follow_symlinks=False).st_uid
    except OSError:
        return -1
