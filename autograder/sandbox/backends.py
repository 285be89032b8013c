"""How the warm process is started: in bubblewrap, in a container, as users within a container (`users`), or bare.

Every back end gives the same thing: a command whose process runs `inside.warm` and speaks packets on stdin and stdout.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import assignment
import autograder

KIT = "/kit"
REPOSITORY = Path(autograder.__file__).parent.parent
SECRET = tuple(REPOSITORY / name for name in ("autograder", "solution", "tests", "template", "notebooks", ".git"))
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives")
EMPTY_IMAGE = "dml-autograder-empty"


class IsolationError(RuntimeError):
    """The asked-for isolation cannot be had here; the message says what to install or choose."""


@dataclass(frozen=True)
class Start:
    """How to start a warm process.

    Attributes:
        name: of the back end, as the record states it.
        command: argv. environment: the process's whole environment.
        strategy: "namespaces" (a mount and process namespace per submission), "users" (a user of its own) or "none".
        uid: the user a submission becomes; 0 to stay the same.
        seccomp: whether submissions get the filter of system calls.
        descriptors: whether descriptors can be passed to it; a container engine stands between and passes bytes only.
        folder: writable folder of a submission; None if the grader must make one per session.
        sockets: whether a submission may make sockets; there is a network where nothing stands around its process.
        readable, writable: all that Landlock leaves to a submission beside its folder; none without Landlock.
        places: shared folders in which a submission may leave files; its user's are deleted there when it is done.
        undo: commands to run when the wall comes down.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    strategy: str
    uid: int
    seccomp: bool
    descriptors: bool = True
    folder: str | None = "/tmp"
    sockets: bool = True
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    undo: list[list[str]] = field(default_factory=list)


def start(isolation: str) -> Start:
    """Return how to start the back end `isolation`: "bubblewrap", "container", "users", "process" or "auto".

    "auto" is bubblewrap, or a container engine where bubblewrap is missing or may not make namespaces, or, for root,
    "users" where there is neither. It is never "process". Raises IsolationError.
    """
    from autograder.sandbox.users import users

    if isolation == "auto":
        try:
            return bubblewrap()
        except IsolationError as problem:
            return _instead(str(problem), users)
    known = {"bubblewrap": bubblewrap, "container": container, "process": process, "users": users}
    if isolation not in known:
        raise IsolationError(f"unknown isolation '{isolation}'; choose one of auto, {', '.join(known)}")
    return known[isolation]()


def _instead(problem: str, users: Callable[[], Start]) -> Start:
    """The strongest isolation that there is without bubblewrap; IsolationError, with all reasons, if there is none."""
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
        return users()
    except IsolationError as third:
        raise IsolationError(f"{problem}; {third}") from None


def environment(threads: int = 1) -> dict[str, str]:
    """The environment of the warm process: nothing of the grader's own."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "CUDA_VISIBLE_DEVICES": "",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": "/tmp",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TORCHINDUCTOR_CACHE_DIR": "/tmp",
    }


def python_command(search_path: list[str], strategy: str) -> list[str]:
    """argv that runs the warm process with this search path in front, and nothing of user or current folder in it."""
    code = f"import sys; sys.path[:0] = {search_path!r}; from inside.warm import main; main()"
    return [sys.executable, "-I", "-c", code, strategy]


def readable_paths() -> list[str]:
    """Folders of the system, of Python and its packages that the sandbox may read, at their own places."""
    packages = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), sysconfig.get_path("stdlib")]
    candidates = [*SYSTEM, sys.base_prefix, sys.prefix, *packages, str(Path(sys.executable).resolve().parent.parent)]
    chosen: list[str] = []
    for path in candidates:
        covered = any(Path(path).is_relative_to(other) for other in chosen)
        if os.path.lexists(path) and not covered:
            chosen.append(path)
    return chosen


def kit_mounts() -> list[tuple[str, str]]:
    """(source, target) of what the sandbox gets of this repository: the students' package and `inside`, no more."""
    inside = Path(__file__).parent / "inside"
    return [(str(Path(assignment.__file__).parent), f"{KIT}/assignment"), (str(inside), f"{KIT}/inside")]


def covered_paths() -> list[str]:
    """Folders with secrets that lie inside a readable one (an installed copy, a repository in /usr): to be covered."""
    readable = readable_paths()
    return [str(path) for path in SECRET if path.exists() and any(path.is_relative_to(p) for p in readable)]


def bubblewrap() -> Start:
    """Bubblewrap, from the system's packages."""
    from autograder.sandbox import seccomp

    program = shutil.which("bwrap")
    if program is None:
        raise IsolationError("bubblewrap is missing: install the system's package (apt-get install bubblewrap)")
    root = os.geteuid() == 0
    command = [program, "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-net", "--unshare-ipc"]
    command += ["--unshare-uts", "--hostname", "sandbox"]
    if not root:  # real root maps no users: a submission becomes a user without rights instead
        command += ["--unshare-user", "--uid", "0", "--gid", "0"]
    command += ["--cap-drop", "ALL"]
    for capability in ("SYS_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL", "SYS_PTRACE"):
        command += ["--cap-add", f"CAP_{capability}"]
    folder = scratch()
    command += ["--dev", "/dev", "--proc", "/proc", "--perms", "0755", "--tmpfs", "/tmp"]
    command += ["--perms", "0755", "--dir", folder] if folder != "/tmp" else []
    for parent in _parents([*readable_paths(), *(target for _, target in kit_mounts())]):
        command += ["--perms", "0755", "--dir", parent]  # left to itself, bubblewrap makes them for the owner alone
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
        command=command + python_command([KIT], "namespaces"),
        environment={key: folder if value == "/tmp" else value for key, value in environment().items()},
        strategy="namespaces",
        uid=unprivileged_uid() if root else 0,
        seccomp=bool(seccomp.compiled()),
        folder=folder,
    )


def _parents(paths: list[str]) -> list[str]:
    """All folders above these paths, but for the root, the shallow ones first."""
    return sorted({str(parent) for path in paths for parent in Path(path).parents} - {"/"})


def scratch() -> str:
    """The writable folder of a submission: /tmp, unless Python or its packages lie below and would be hidden."""
    return "/scratch" if any(Path(path).is_relative_to("/tmp") for path in readable_paths()) else "/tmp"


def _require_namespaces(command: list[str]) -> None:
    unshare = shutil.which("unshare", path="/usr/bin:/bin")  # a submission gets namespaces of its own within these
    nested = [unshare, "--mount", "--pid", "--ipc", "--fork"] if unshare else []
    trial = subprocess.run(
        [*command, *nested, "/usr/bin/true"], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if trial.returncode != 0:
        reason = trial.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise IsolationError(f"bubblewrap cannot make a sandbox here ({reason[0]}): allow user namespaces")


def unprivileged_uid() -> int:
    """A user id that belongs to nobody, one per grader process, so that process limits of two graders do not add up."""
    return 200_000 + os.getpid() % 100_000


def engine() -> str | None:
    """Path of the container engine, podman before docker; None if there is none."""
    return shutil.which("podman") or shutil.which("docker")


def container() -> Start:
    """A container from an empty image, with the same read-only mounts as bubblewrap's sandbox."""
    from autograder.sandbox import seccomp

    program = engine()
    if program is None:
        raise IsolationError("no container engine found: install docker or podman")
    image = _empty_image(program)
    name = f"dml-autograder-{os.getpid()}"
    command = ["--rm", "--interactive", "--name", name, "--network", "none", "--read-only"]
    command += ["--user", "0:0", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "512"]
    if Path(program).name == "podman":
        command.append("--read-only-tmpfs=false")  # no writable /run and /var/tmp
    for kind, most in (("nofile", 1024), ("nproc", 4096)):  # engines ask for more than they may have in a container
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
        command=[*_run_with(program, [*command, image]), *python_command([KIT], "users")],
        environment=dict(os.environ),
        strategy="users",
        uid=unprivileged_uid() % 60_000 + 1_000,
        seccomp=bool(seccomp.compiled()),
        descriptors=False,
        undo=[[program, "rm", "--force", name]],
    )


def _run_with(program: str, options: list[str]) -> list[str]:
    """The engine's command for a container with these options, with the first runtime that can make one here."""
    runc = shutil.which("runc") if Path(program).name == "podman" else None
    reason = ""
    for runtime in ([], ["--runtime", runc]) if runc else ([],):  # crun, podman's choice, knows no mixed cgroups
        command = [program, *runtime, "run", *options]
        trial = subprocess.run([*command, "/usr/bin/true"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if trial.returncode == 0:
            return command
        reason = reason or (trial.stderr.strip().splitlines()[-1:] or ["no reason given"])[0]
    raise IsolationError(f"{Path(program).name} cannot run a container here: {reason}")


def _empty_image(program: str) -> str:
    known = subprocess.run([program, "image", "inspect", EMPTY_IMAGE], capture_output=True)
    if known.returncode == 0:
        return EMPTY_IMAGE
    archive = bytes(10_240)  # an empty tar file
    made = subprocess.run([program, "import", "-", EMPTY_IMAGE], input=archive, capture_output=True, text=False)
    if made.returncode != 0:
        reason = made.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        raise IsolationError(f"{Path(program).name} cannot be used: {reason[0]}")
    return EMPTY_IMAGE


def process() -> Start:
    """A bare process with limits only: no wall against foreign code."""
    inside = Path(__file__).parent
    return Start(
        name="process",
        command=python_command([str(inside), str(REPOSITORY)], "none"),
        environment=environment(),
        strategy="none",
        uid=0,
        seccomp=False,
        folder=None,
    )
