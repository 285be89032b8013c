"""The back ends: bubblewrap, a container, users within a container (`users`), or a bare process.

Each of them describes how to start a process that runs `inside.fork_server` and exchanges packets with the grader over
its standard input and output.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from enum import Enum
from pathlib import Path

from autograder.sandbox import seccomp, users
from autograder.sandbox.isolation import (
    KIT,
    REPOSITORY,
    IsolationError,
    Start,
    covered_paths,
    environment,
    kit_mounts,
    parent_folders,
    python_command,
    readable_paths,
)

EMPTY_IMAGE = "dml-autograder-empty"


class Isolation(str, Enum):
    """The isolation of submissions, under the names that the command line takes."""

    auto = "auto"
    bubblewrap = "bubblewrap"
    container = "container"
    users = "users"
    process = "process"


def start(isolation: str) -> Start:
    """Return how to start the back end of this name (see `Isolation`).

    "auto" is bubblewrap; a container engine if bubblewrap is missing or cannot create namespaces; "users" for root if
    neither is available. It is never "process". Raises IsolationError.
    """
    try:
        chosen = Isolation(isolation)
    except ValueError:
        raise IsolationError(f"unknown isolation '{isolation}'; choose one of {', '.join(Isolation)}") from None
    return {
        Isolation.auto: automatic,
        Isolation.bubblewrap: bubblewrap,
        Isolation.container: container,
        Isolation.users: users.users,
        Isolation.process: process,
    }[chosen]()


def automatic() -> Start:
    """The strongest isolation available here; IsolationError with all reasons if there is none."""
    try:
        return bubblewrap()
    except IsolationError as first:
        problem = str(first)
    if engine() is None:
        problem += ", or install docker or podman for --isolation container"
    else:
        try:
            return container()
        except IsolationError as second:
            problem += f"; {second}"
    if os.geteuid() != 0:
        raise IsolationError(problem)
    try:
        return users.users()
    except IsolationError as third:
        raise IsolationError(f"{problem}; {third}") from None


def bubblewrap() -> Start:
    """Bubblewrap, from the system's packages."""
    program = shutil.which("bwrap")
    if program is None:
        raise IsolationError("bubblewrap is missing: install the system's package (apt-get install bubblewrap)")
    root = os.geteuid() == 0
    command = [program, "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-net", "--unshare-ipc"]
    command += ["--unshare-uts", "--hostname", "sandbox"]
    if not root:  # for real root a submission becomes an unprivileged user instead
        command += ["--unshare-user", "--uid", "0", "--gid", "0"]
    command += ["--cap-drop", "ALL"]
    for capability in ("SYS_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL", "SYS_PTRACE"):
        command += ["--cap-add", f"CAP_{capability}"]
    folder = scratch()
    command += ["--dev", "/dev", "--proc", "/proc", "--perms", "0755", "--tmpfs", "/tmp"]
    command += ["--perms", "0755", "--dir", folder] if folder != "/tmp" else []
    for parent in parent_folders([*readable_paths(), *(target for _, target in kit_mounts())]):
        command += ["--perms", "0755", "--dir", parent]  # bubblewrap itself would create them for the owner alone
    for path in readable_paths():
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        else:
            command += ["--ro-bind", path, path]
    for path in covered_paths():
        command += ["--tmpfs", path, "--remount-ro", path]
    for source, target in kit_mounts():
        command += ["--ro-bind", source, target]
    command += ["--remount-ro", "/tmp"] if folder != "/tmp" else []
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", "--"]
    _require_namespaces(command)
    return Start(
        name="bubblewrap",
        command=command + python_command([KIT], namespaces=True),
        environment=environment(folder),
        uid=unprivileged_uid() if root else 0,
        seccomp=bool(seccomp.compiled()),
        folder=folder,
    )


def scratch() -> str:
    """The writable folder of a submission: /tmp, unless Python or its packages are below it and would be hidden."""
    return "/scratch" if any(Path(path).is_relative_to("/tmp") for path in readable_paths()) else "/tmp"


def _require_namespaces(command: list[str]) -> None:
    unshare = shutil.which("unshare", path="/usr/bin:/bin")  # each submission gets namespaces nested in these
    nested = [unshare, "--mount", "--pid", "--ipc", "--fork"] if unshare else []
    trial = subprocess.run(
        [*command, *nested, "/usr/bin/true"], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if trial.returncode != 0:
        reason = trial.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise IsolationError(f"bubblewrap: cannot create a sandbox here ({reason[0]}); allow user namespaces")


def unprivileged_uid() -> int:
    """A user id without an account, one per grader process: the process limits of two graders must not add up."""
    return 200_000 + os.getpid() % 100_000


def engine() -> str | None:
    """Path of the container engine, podman before docker; None if none is installed."""
    return shutil.which("podman") or shutil.which("docker")


def container() -> Start:
    """A container from an empty image, with the same read-only mounts as bubblewrap's sandbox."""
    program = engine()
    if program is None:
        raise IsolationError("container: no container engine found; install docker or podman")
    image = _empty_image(program)
    name = f"dml-autograder-{os.getpid()}"
    command = ["--rm", "--interactive", "--name", name, "--network", "none", "--read-only"]
    command += ["--user", "0:0", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "512"]
    if Path(program).name == "podman":
        command.append("--read-only-tmpfs=false")  # no writable /run and /var/tmp
    for kind, most in (("nofile", 1024), ("nproc", 4096)):  # inside a container engines request too much
        most = min(most, resource.getrlimit(getattr(resource, f"RLIMIT_{kind.upper()}"))[1] % 2**63)
        command += ["--ulimit", f"{kind}={most}:{most}"]
    for capability in ("SETUID", "SETGID", "SETPCAP", "KILL"):
        command += ["--cap-add", capability]
    command += ["--tmpfs", "/tmp:rw,mode=1777,size=256m", "--workdir", "/tmp", "--hostname", "sandbox"]
    for path in readable_paths():
        command += ["--volume", f"{os.path.realpath(path)}:{path}:ro"]
    for path in covered_paths():
        command += ["--tmpfs", f"{path}:ro,size=4k"]
    for source, target in kit_mounts():
        command += ["--volume", f"{source}:{target}:ro"]
    for key, value in environment().items():
        command += ["--env", f"{key}={value}"]
    return Start(
        name=f"container ({Path(program).name})",
        command=[*_run_with(program, [*command, image]), *python_command([KIT])],
        environment=dict(os.environ),
        uid=unprivileged_uid() % 60_000 + 1_000,
        seccomp=bool(seccomp.compiled()),
        cleanup=[[program, "rm", "--force", name]],
    )


def _run_with(program: str, options: list[str]) -> list[str]:
    """The engine's command for a container with these options, with the first runtime that works here."""
    runc = shutil.which("runc") if Path(program).name == "podman" else None
    reason = ""
    runtimes = ([], ["--runtime", runc]) if runc else ([],)  # crun, podman's default, needs unmixed cgroups
    for runtime in runtimes:
        command = [program, *runtime, "run", *options]
        trial = subprocess.run([*command, "/usr/bin/true"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if trial.returncode == 0:
            return command
        reason = reason or (trial.stderr.strip().splitlines()[-1:] or ["no reason given"])[0]
    raise IsolationError(f"{Path(program).name}: cannot run a container here ({reason})")


def _empty_image(program: str) -> str:
    known = subprocess.run([program, "image", "inspect", EMPTY_IMAGE], capture_output=True)
    if known.returncode == 0:
        return EMPTY_IMAGE
    archive = bytes(10_240)  # an empty tar file
    made = subprocess.run([program, "import", "-", EMPTY_IMAGE], input=archive, capture_output=True, text=False)
    if made.returncode != 0:
        reason = made.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        raise IsolationError(f"{Path(program).name}: cannot be used ({reason[0]})")
    return EMPTY_IMAGE


def process() -> Start:
    """A bare process with limits only: no protection against code that you do not trust."""
    inside = Path(__file__).parent
    return Start(
        name="process",
        command=python_command([str(inside), str(REPOSITORY)]),
        environment=environment(),
        uid=0,
        seccomp=False,
        folder=None,
    )
