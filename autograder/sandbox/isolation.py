"""What all back ends share: how a fork server is started, and which files the sandbox may read."""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

import assignment
import autograder

KIT = "/kit"
REPOSITORY = Path(autograder.__file__).parent.parent
SECRET = tuple(REPOSITORY / name for name in ("autograder", "solution", "tests", "template", "notebooks", ".git"))
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives")


class IsolationError(RuntimeError):
    """The requested isolation is not available on this machine; the message says what to install or choose."""


@dataclass(frozen=True)
class Start:
    """How to start a fork server.

    Attributes:
        name: of the back end, as the record states it.
        command: argv. environment: the whole environment of the process.
        uid: the user that a submission runs as; 0 keeps the user of the fork server.
        seccomp: whether submissions get the system-call filter.
        folder: writable folder of a submission; None if the grader creates one per session.
        sockets: whether a submission may create sockets; forbidden where the sandbox shares the machine's network.
        readable, writable: what Landlock allows a submission beside its folder; both empty without Landlock.
        shared_folders: folders in which every user can write; a submission's files are deleted there when it ends.
        cleanup: commands to run when the sandbox is closed.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    uid: int
    seccomp: bool
    folder: str | None = "/tmp"
    sockets: bool = True
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    shared_folders: tuple[str, ...] = ()
    cleanup: list[list[str]] = field(default_factory=list)


def environment(folder: str = "/tmp") -> dict[str, str]:
    """The environment of the fork server: nothing of the grader's own. `folder` is where libraries may write."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": folder,
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": folder,
        "PYTHONDONTWRITEBYTECODE": "1",
        "TORCHINDUCTOR_CACHE_DIR": folder,
    }


def python_command(search_path: list[str], namespaces: bool = False) -> list[str]:
    """argv that runs the fork server with `search_path` first; neither user nor current folder are searched.

    Args:
        namespaces: whether it may create a mount and a process namespace for each submission.
    """
    code = f"import sys; sys.path[:0] = {search_path!r}; from inside.fork_server import main; main({namespaces})"
    return [sys.executable, "-I", "-c", code]


def readable_paths() -> list[str]:
    """Folders of the system, of Python and of its packages: the sandbox can read them under the same names."""
    packages = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), sysconfig.get_path("stdlib")]
    candidates = [*SYSTEM, sys.base_prefix, sys.prefix, *packages, str(Path(sys.executable).resolve().parent.parent)]
    chosen: list[str] = []
    for path in candidates:
        covered = any(Path(path).is_relative_to(other) for other in chosen)
        if os.path.lexists(path) and not covered:
            chosen.append(path)
    return chosen


def kit_mounts() -> list[tuple[str, str]]:
    """(source, target) of all that the sandbox gets of this repository: the students' package and `inside`."""
    inside = Path(__file__).parent / "inside"
    return [(str(Path(assignment.__file__).parent), f"{KIT}/assignment"), (str(inside), f"{KIT}/inside")]


def covered_paths() -> list[str]:
    """Secret folders inside a readable one (an installed copy, a repository in /usr); the sandbox must hide them."""
    readable = readable_paths()
    return [str(path) for path in SECRET if path.exists() and any(path.is_relative_to(p) for p in readable)]


def parent_folders(paths: list[str]) -> list[str]:
    """All folders above these paths except the root, parents before children."""
    return sorted({str(parent) for path in paths for parent in Path(path).parents} - {"/"})
