"""A plain container as Docker creates one, for tests: root with a few capabilities, no namespaces for anybody.

Bubblewrap takes the place of the engine: its own mounts, its own processes, and Docker's default capabilities except
those that only networks need. Bubblewrap itself and container engines are not installed inside.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from autograder.sandbox.isolation import parent_folders, readable_paths

CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP")
HIDDEN = ("/usr/bin/bwrap", "/usr/bin/podman", "/usr/bin/docker", "/usr/local/bin/docker")
LANDLOCK_CREATE = 444


def require() -> None:
    """Skip the test if no such container can be created."""
    if os.geteuid() != 0 or shutil.which("bwrap") is None:
        pytest.skip("needs root and bubblewrap to imitate a container engine")


def run(
    command: Sequence[str],
    mounts: Mapping[Path, str],
    *,
    landlock: bool = True,
    environment: Mapping[str, str] | None = None,
    timeout: float = 240,
) -> subprocess.CompletedProcess[str]:
    """Run a command in a container.

    Args:
        command: argv inside. mounts: folders that it may write, and where they are inside.
        landlock: whether it is available inside. environment: of the command.
    """
    options = ["bwrap", "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--cap-drop", "ALL"]
    for capability in CAPABILITIES:
        options += ["--cap-add", f"CAP_{capability}"]
    options += [
        "--dev",
        "/dev",
        "--perms",
        "1777",
        "--tmpfs",
        "/dev/shm",
        "--proc",
        "/proc",
        "--perms",
        "1777",
        "--tmpfs",
        "/tmp",
    ]
    for parent in parent_folders([*readable_paths(), *mounts.values()]):
        options += ["--perms", "0755", "--dir", parent]
    for path in readable_paths():
        link = os.path.islink(path)
        options += ["--symlink", os.readlink(path), path] if link else ["--ro-bind", path, path]
    for path in HIDDEN:
        if os.path.exists(path):
            options += ["--ro-bind", "/dev/null", path]
    for source, target in mounts.items():
        options += ["--bind", str(source), target]
    own = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
    with tempfile.TemporaryFile() as filter_:
        if not landlock:
            _without_landlock(filter_)
            options += ["--seccomp", str(filter_.fileno())]
        return subprocess.run(
            [*options, "--chdir", "/", "--", *command],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**own, "OMP_NUM_THREADS": "1", **(environment or {})},
            pass_fds=() if landlock else (filter_.fileno(),),
        )


def _without_landlock(file) -> None:
    seccomp = pytest.importorskip("pyseccomp", reason="pyseccomp is not installed: install the extra `grader`")
    filter_ = seccomp.SyscallFilter(seccomp.ALLOW)
    filter_.add_rule(seccomp.ERRNO(errno.ENOSYS), LANDLOCK_CREATE)
    filter_.export_bpf(file)
    file.flush()
    file.seek(0)


def python(code: str, *arguments: str) -> list[str]:
    """argv of this Python."""
    return [sys.executable, "-c", code, *arguments]
