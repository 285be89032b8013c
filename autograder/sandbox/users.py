"""The back end `users`, for a plain container in which no namespaces can be made: Gradescope's, for one.

The grader is root there. A submission becomes a user of its own, without rights, with the limits and a filter of system
calls that leaves it no sockets; where the kernel has Landlock it sees no files but the system's, Python's and its own.
Without Landlock it sees what every user may read, so this refuses to start unless the grader's own folders are closed.
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

from autograder.sandbox import backends, seccomp
from autograder.sandbox.backends import IsolationError, Start
from autograder.sandbox.inside import landlock

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
OWN = ("fd", "maps", "stat", "statm", "status")  # of /proc/self; its `net` and `task` tell about the machine
FACTS = ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm", "/sys/devices/system/cpu")
PSEUDO = frozenset("proc sysfs cgroup cgroup2 devpts securityfs debugfs tracefs bpf pstore configfs nsfs".split())
SHARED_MEMORY = "/dev/shm"  # torch puts tensors there that processes share
FIRST_UID, MANY_UIDS = 60_000, 4_900  # below what a container's own user namespace may stop at
SEARCH_SECONDS = 120


def users() -> Start:
    """A user without rights per grader. Raises IsolationError, in one line, if that would be no wall here."""
    if os.geteuid() != 0:
        raise IsolationError("--isolation users needs root, in a container of its own; install bubblewrap instead")
    if not seccomp.compiled(sockets=False):
        raise IsolationError("libseccomp is missing: install the system's package (apt-get install libseccomp2)")
    if inside := backends.covered_paths():
        raise IsolationError(f"{inside[0]} lies in a folder that Python or the system needs: keep the grader elsewhere")
    closed = [path for path in backends.readable_paths() if not open_to_all(Path(path))]
    if closed:
        raise IsolationError(f"an ordinary user cannot read {closed[0]}: install Python where everybody may read it")
    known = landlock.version() > 0
    if not known and (found := [path for path in backends.SECRET if path.exists() and open_to_all(path)]):
        raise IsolationError(f"every user can read {found[0]}: chmod 700 {backends.REPOSITORY}, which holds the grader")
    kit = _kit()
    readable = (*backends.readable_paths(), kit, *FACTS, *(f"/proc/self/{name}" for name in OWN))
    return Start(
        name="users and landlock" if known else "users",
        command=backends.python_command([kit], "users"),
        environment=backends.environment(),
        strategy="users",
        uid=free_uid(),
        seccomp=True,
        folder=None,
        sockets=False,
        readable=readable if known else (),
        writable=(*DEVICES, SHARED_MEMORY) if known else (),
        places=(SHARED_MEMORY,) if known else open_places(),
        undo=[["rm", "-rf", kit]],
    )


def open_to_all(path: Path) -> bool:
    """Whether a user without rights can get at something below this path."""
    path = path.resolve()
    modes = [os.stat(parent).st_mode for parent in path.parents]
    own = os.stat(path).st_mode
    return all(mode & stat.S_IXOTH for mode in modes) and bool(own & (stat.S_IXOTH if path.is_dir() else stat.S_IROTH))


def free_uid() -> int:
    """A user id without an account, another one for each grader."""
    accounts = {entry.pw_uid for entry in pwd.getpwall()}
    start = os.getpid() % MANY_UIDS
    return next(uid for n in range(MANY_UIDS) if (uid := FIRST_UID + (start + n) % MANY_UIDS) not in accounts)


def open_places() -> tuple[str, ...]:
    """Every folder into which every user can write: where a submission could leave something."""
    mounts = []
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines():
        _, place, kind, options, *_ = line.split()
        place = place.encode("latin-1", "replace").decode("unicode_escape")
        if kind not in PSEUDO and "ro" not in options.split(",") and os.path.isdir(place):
            mounts.append(place)
    command = ["find", *dict.fromkeys(mounts), "-xdev", "-type", "d", "-perm", "-0002", "-print0"]
    try:
        found = subprocess.run(command, capture_output=True, timeout=SEARCH_SECONDS).stdout
    except (OSError, subprocess.TimeoutExpired):
        raise IsolationError("the folders that everybody may write to cannot be found: install findutils") from None
    return tuple(sorted({os.fsdecode(path) for path in found.split(b"\0") if path}))


def _kit() -> str:
    """A copy of what the sandbox gets of this repository, where every user may read it; nobody may write there."""
    kit = tempfile.mkdtemp(prefix="dml-kit-")
    atexit.register(shutil.rmtree, kit, ignore_errors=True)  # who only asks for the name of the wall takes none down
    for source, target in backends.kit_mounts():
        copy = Path(kit) / Path(target).name
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    for folder, folders, files in os.walk(kit):
        for name in (*folders, *files):
            os.chmod(os.path.join(folder, name), 0o755 if name in folders else 0o644)
    os.chmod(kit, 0o755)
    if not open_to_all(Path(kit)):
        shutil.rmtree(kit)
        raise IsolationError(f"an ordinary user cannot read {kit}: let TMPDIR be a folder that everybody may read")
    return kit
