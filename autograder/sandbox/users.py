"""The back end `users`, for a plain container in which no namespaces can be created, such as Gradescope's.

The grader is root there. Each submission runs as an unprivileged user, with resource limits and a system-call filter
that allows no sockets. With Landlock in the kernel it can access only its own files and those of the system and of
Python. Without Landlock it can read whatever every user can read, so this back end refuses to start unless the folders
of the grader are closed to other users.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from autograder.sandbox import seccomp
from autograder.sandbox.inside import landlock
from autograder.sandbox.isolation import (
    REPOSITORY,
    SECRET,
    IsolationError,
    Start,
    covered_paths,
    environment,
    kit_mounts,
    python_command,
    readable_paths,
)

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
OWN = ("fd", "maps", "stat", "statm", "status")  # of /proc/self; `net` and `task` describe the machine
FACTS = ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm", "/sys/devices/system/cpu")
PSEUDO = frozenset("proc sysfs cgroup cgroup2 devpts securityfs debugfs tracefs bpf pstore configfs nsfs".split())
SHARED_MEMORY = "/dev/shm"  # torch puts tensors that processes share there
FIRST_UID, MANY_UIDS = 60_000, 4_900  # a container's own user namespace may end above
SEARCH_SECONDS = 120


def users() -> Start:
    """An unprivileged user per grader. Raises IsolationError, in one line, if that would not isolate submissions."""
    if os.geteuid() != 0:
        raise IsolationError("--isolation users needs root, in a container of its own; install bubblewrap instead")
    if not seccomp.compiled(sockets=False):
        raise IsolationError("libseccomp is missing: install the system's package (apt-get install libseccomp2)")
    if inside := covered_paths():
        raise IsolationError(f"{inside[0]} is in a folder that Python or the system needs; move the grader elsewhere")
    closed = [path for path in readable_paths() if not open_to_all(Path(path))]
    if closed:
        raise IsolationError(f"an ordinary user cannot read {closed[0]}; install Python where everybody may read it")
    has_landlock = landlock.version() > 0
    if not has_landlock and (found := [path for path in SECRET if path.exists() and open_to_all(path)]):
        raise IsolationError(f"every user can read {found[0]}; chmod 700 {REPOSITORY}, which holds the grader")
    kit = _kit()
    readable = (*readable_paths(), kit, *FACTS, *(f"/proc/self/{name}" for name in OWN))
    return Start(
        name="users and landlock" if has_landlock else "users",
        command=python_command([kit]),
        environment=environment(),
        uid=free_uid(),
        seccomp=True,
        folder=None,
        sockets=False,
        readable=readable if has_landlock else (),
        writable=(*DEVICES, SHARED_MEMORY) if has_landlock else (),
        shared_folders=(SHARED_MEMORY,) if has_landlock else open_folders(),
        cleanup=[["rm", "-rf", kit]],
    )


def open_to_all(path: Path) -> bool:
    """Whether an unprivileged user can reach something below this path."""
    path = path.resolve()
    modes = [os.stat(parent).st_mode for parent in path.parents]
    own = os.stat(path).st_mode
    return all(mode & stat.S_IXOTH for mode in modes) and bool(own & (stat.S_IXOTH if path.is_dir() else stat.S_IROTH))


def free_uid() -> int:
    """A user id without an account, a different one for each grader."""
    accounts = {entry.pw_uid for entry in pwd.getpwall()}
    start = os.getpid() % MANY_UIDS
    return next(uid for n in range(MANY_UIDS) if (uid := FIRST_UID + (start + n) % MANY_UIDS) not in accounts)


def open_folders() -> tuple[str, ...]:
    """Every folder in which every user can write, where a submission could leave files."""
    mounts = []
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines():
        _, folder, kind, options, *_ = line.split()
        folder = folder.encode("latin-1", "replace").decode("unicode_escape")
        if kind not in PSEUDO and "ro" not in options.split(",") and os.path.isdir(folder):
            mounts.append(folder)
    command = ["find", *dict.fromkeys(mounts), "-xdev", "-type", "d", "-perm", "-0002", "-print0"]
    try:
        found = subprocess.run(command, capture_output=True, timeout=SEARCH_SECONDS).stdout
    except (OSError, subprocess.TimeoutExpired):
        raise IsolationError("the folders that every user can write to cannot be listed; install findutils") from None
    return tuple(sorted({os.fsdecode(path) for path in found.split(b"\0") if path}))


def _kit() -> str:
    """A copy of `kit_mounts` that every user can read and nobody can change."""
    kit = tempfile.mkdtemp(prefix="dml-kit-")
    atexit.register(shutil.rmtree, kit, ignore_errors=True)  # a `Start` that is never used has no sandbox to close
    for source, target in kit_mounts():
        copy = Path(kit) / Path(target).name
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    for folder, folders, files in os.walk(kit):
        for name in (*folders, *files):
            os.chmod(os.path.join(folder, name), 0o755 if name in folders else 0o644)
    os.chmod(kit, 0o755)
    if not open_to_all(Path(kit)):
        shutil.rmtree(kit)
        raise IsolationError(f"an ordinary user cannot read {kit}; set TMPDIR to a folder that everybody may read")
    return kit
