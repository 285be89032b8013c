"""The sandbox with real processes: what a submission can reach, what it may use, what is left of it."""

from __future__ import annotations

import dataclasses
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from assignment.checking.student import GraderFault, Student, StudentError
from assignment.manifest import load
from autograder.sandbox import backends
from autograder.sandbox.inside.processes import descendants
from autograder.sandbox.wall import Session, Wall, WallError

SO_PASSRIGHTS = 83  # since Linux 6.16
HERE = Path(__file__).resolve()
WITNESS = HERE.parents[2] / "autograder" / "selftest" / "witness.py"
SHORT = dataclasses.replace(
    load(),
    limits=dataclasses.replace(
        load().limits,
        import_seconds=3.0,
        test_seconds=1.0,
        memory_mb=300,
        processes=16,
        file_mb=4,
        output_kb=16,
        answer_mb=4,
    ),
)
GOOD = "def triplet_loss(a, b, margin):\n    return (a - b + margin).clamp_min(0)\n"


def missing(isolation: str) -> str:
    """Why this back end is not available here, "" if it is."""
    try:
        backends.start(isolation)
    except backends.IsolationError as problem:
        return str(problem)
    return ""


def opened(isolation: str) -> Wall:
    if problem := missing(isolation):
        pytest.skip(problem)
    return Wall(isolation, SHORT)


@pytest.fixture(scope="module")
def wall():
    with opened("bubblewrap") as wall:
        wall.wait_ready()
        yield wall


def call(session: Session, seconds: float = 1.0):
    """Call `triplet_loss` on one triplet; its value."""
    session.begin_test(seconds)
    return Student(session.perform, 0).triplet_loss(np.ones(1, "f"), np.ones(1, "f"), 0.5).value


def test_a_function_that_was_not_scanned_for_loops_is_a_fault_of_the_grader(wall):
    with wall.session("def distances(a, b):\n    return [x - b for x in a]\n\n\n" + GOOD) as session:
        student = Student(session.perform, 0)
        assert student.loops("distances") == ["line 2: list comprehension"]
        with pytest.raises(GraderFault, match="`triplet_loss` was not scanned for loops; add it to `loop_free`"):
            student.loops("triplet_loss")


def kind_of_call(session: Session, seconds: float = 1.0) -> str:
    with pytest.raises(StudentError) as problem:
        call(session, seconds)
    return problem.value.kind


def printed(wall: Wall, code: str, seconds: float = 1.0) -> str:
    """What code prints during its import."""
    with wall.session(code) as session:
        assert session.import_problem is None, session.import_problem
    return session.endings[-1].output.strip()


def during_call(code: str) -> str:
    """A file that runs code in its first and only function."""
    lines = "\n".join(f"    {line}" for line in code.splitlines())
    return f"import os, time\ndef triplet_loss(a, b, margin):\n{lines}\n    return a\n"


def test_an_ordinary_file_answers(wall):
    with wall.session(GOOD) as session:
        assert call(session).tolist() == [0.5]
    assert session.endings[-1].signal == 9


def test_no_rights_no_network_nothing_to_write(wall):
    lines = printed(
        wall,
        """
import os, socket
print(os.getuid() != 0 or open("/proc/self/status").read().count("CapEff:\\t0000000000000000"))
print(os.getpid(), sorted(p for p in os.listdir("/proc") if p.isdigit()))
for path in ("/x", "/kit/x", "/usr/x", "/etc/x", "/dev/x", "/kit/inside/x"):
    try:
        open(path, "w")
        print("wrote", path)
    except OSError:
        pass
for family, address in ((socket.AF_INET, ("1.1.1.1", 53)), (socket.AF_VSOCK, (2, 1))):
    try:
        socket.socket(family).connect(address)
        print("reached", address)
    except OSError:
        pass
print(sorted(os.listdir("/kit")), os.listdir())
""",
    ).splitlines()
    assert lines == ["True", "1 ['1']", "['assignment', 'inside'] ['dml.py']"]


def test_the_filter_refuses_what_escapes_begin_with(wall):
    if not wall.start.seccomp:
        pytest.skip("libseccomp is missing")
    code = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
calls = {"unshare": (0x10000000,), "ptrace": (0, 0, 0, 0), "mount": (0, 0, 0, 0, 0), "memfd_create": (b"x", 0)}
results = [getattr(libc, name)(*calls[name]) for name in calls]
print([name for name, result in zip(calls, results) if result != -1], libc.shmget(1, 1, 512))
print(libc.syscall(435, 0, 0), ctypes.get_errno())
"""
    assert printed(wall, code).splitlines() == ["[] -1", "-1 38"]


def test_the_channel_gives_no_hold_on_the_fork_server(wall):
    if not wall.start.seccomp:
        pytest.skip("libseccomp is missing")
    code = """
import os, socket
channel = socket.socket(fileno=os.dup(3))
print(channel.family == socket.AF_UNIX)
try:
    print(channel.getsockopt(socket.SOL_SOCKET, 77, 4))  # SO_PEERPIDFD
except OSError:
    print("no handle")
try:
    socket.send_fds(channel, [b"x"], [os.open("/dev/null", os.O_RDONLY)])
except OSError:
    print("no descriptors")
"""
    refused = ["no descriptors"] if refuses_descriptors() else []
    assert printed(wall, code).splitlines() == ["True", "no handle", *refused]


def refuses_descriptors() -> bool:
    """Whether this kernel lets a socket refuse descriptors; older ones drop them when they are received."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            ours.setsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS, 0)
        except OSError:
            return False
        return True


def test_a_process_that_does_not_read_blocks_nobody(wall):
    request = {"op": "call", "name": "triplet_loss", "args": [1.0, 1.0, 0.5], "kwargs": {}, "seed": 0, "number": 1}
    with wall.session(during_call("if margin == 0.5:\n    time.sleep(60)")) as session:
        session._send(request)
        for _ in range(8):
            session._send({**request, "args": [np.ones(1 << 20)]})  # 64 MB: no pipe or socket holds that
        assert kind_of_call(session) == "timeout"
        session.begin_test(5.0)
        assert Student(session.perform, 0).triplet_loss(np.ones(1, "f"), np.ones(1, "f"), 2.0).value.tolist() == [1.0]


def test_the_memory_is_watched_while_the_grader_does_not_read(wall):
    request = {"op": "call", "name": "triplet_loss", "args": [1.0, 1.0, 0.5], "kwargs": {}, "seed": 0, "number": 1}
    fill = "    if os.fork() == 0:\n        x = bytearray(b'x') * (100 << 20)\n        time.sleep(60)\n"
    before = len(descendants(wall._process.pid))
    with wall.session(during_call(f"for _ in range(4):\n{fill}while True: os.write(3, bytes(1 << 16))")) as session:
        session._send(request)
        until = time.monotonic() + 10.0
        while len(descendants(wall._process.pid)) > before and time.monotonic() < until:
            time.sleep(0.1)
        assert len(descendants(wall._process.pid)) == before
        session.close()
    assert session.endings[-1].over_memory


def test_an_answer_just_before_the_end_counts(wall):
    header = b'{"tree":{"number":1,"response":{"value":7}},"arrays":[]}'
    frame = len(header).to_bytes(4, "big") + bytes(8) + header
    with wall.session(during_call(f"os.write(3, {frame!r})\nos._exit(0)")) as session:
        assert call(session) == 7
        assert kind_of_call(session) == "exit"


def test_private_bytes_stay_within_the_limit(wall):
    with wall.session(during_call("x = []\nwhile True: x.append(bytearray(1 << 24))")) as session:
        assert kind_of_call(session) in ("memory", "exception")
    many = "for _ in range(3): os.fork()\nx = []\nwhile True:\n    x.append(bytearray(1 << 23))\n    time.sleep(0.01)"
    with wall.session(during_call(many)) as session:
        assert kind_of_call(session, 5.0) == "memory"
    shared = "import mmap\nx = [mmap.mmap(-1, 1 << 27) for _ in range(2)]\nos.fork()\nos.fork()\n"
    with wall.session(during_call(shared + "[m.write(bytes(1 << 27)) for m in x]\ntime.sleep(9)")) as session:
        assert kind_of_call(session, 5.0) == "memory"


def test_processes_and_threads_are_counted(wall):
    code = """
import os, time
n = 0
try:
    while os.fork():
        n += 1
    time.sleep(60)
except BlockingIOError:
    print(n)
"""
    assert int(printed(wall, code)) < SHORT.limits.processes


def test_files_are_small_and_together_too(wall):
    code = """
for place in (".", "/dev/shm"):
    written = 0
    try:
        for n in range(20):
            with open(f"{place}/{n}", "wb") as file:
                for _ in range(2):
                    written += file.write(bytes(1 << 20))
    except OSError as error:
        print(written >> 20 <= 4)
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
"""
    assert printed(wall, code).splitlines() == ["True", "True"]


def test_output_is_counted_and_cut(wall):
    with wall.session(during_call("os.write(1, b'x' * 60_000)\nos.write(2, b'y' * 1_000_000)")) as session:
        call(session)
    ending = session.endings[-1]
    assert ending.output_bytes == 1_060_000
    assert len(ending.output) == SHORT.limits.output_kb << 10


def test_a_process_that_closes_its_output_costs_no_time(wall):
    with wall.session("import os\nos.closerange(0, 3)\n" + GOOD) as session:
        before = cpu_of(wall)
        assert call(session).tolist() == [0.5]
        time.sleep(0.5)
        assert cpu_of(wall) - before < 0.2


def cpu_of(wall: Wall) -> float:
    """CPU seconds that the fork server has used, as the kernel reports them."""
    for pid in descendants(wall._process.pid):
        if Path(f"/proc/{pid}/comm").read_text().startswith("python"):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    raise AssertionError("the fork server cannot be found")


@pytest.mark.parametrize(
    "code, kind",
    [
        ("while True: pass", "timeout"),
        ("time.sleep(60)", "timeout"),
        (
            "import signal\nsignal.pthread_sigmask(0, range(1, 65))\nos.kill(os.getpid(), 19)\nwhile True: pass",
            "timeout",
        ),
        ("os._exit(0)", "exit"),
        ("os._exit(99)", "exit"),
        ("import ctypes\nctypes.string_at(0)", "crash"),
        ("raise SystemExit", "exception"),
        ("raise type('X', (BaseException,), {})", "exception"),
        ("os.write(3, b'x' * 100)\ntime.sleep(60)", "garbage"),
        ("while True: os.write(3, bytes.fromhex('00000019') + bytes(8) + b'{\"tree\": 0, \"arrays\": []}')", "garbage"),
        ("os.closerange(3, 4)\ntime.sleep(60)", "crash"),
        ("return a.new_zeros(1 << 21)", "value"),
    ],
)
def test_one_bad_test_costs_no_other(wall, code, kind):
    source = "import os, time\nBAD = True\ndef triplet_loss(a, b, margin):\n" + "".join(
        f"    {line}\n" for line in ["if margin > 1: return a", *code.splitlines(), "return a"]
    )
    with wall.session(source) as session:
        assert kind_of_call(session) == kind
        session.begin_test(2.0)
        answer = Student(session.perform, 0).triplet_loss(np.ones(1, "f"), np.ones(1, "f"), 2.0)
        assert answer.value.tolist() == [1.0]


@pytest.mark.parametrize(
    "code, message, type_name, line",
    [
        ("x = 1\nraise ValueError('no')", "no", "ValueError", 2),
        ("raise SystemExit(3)", "3", "SystemExit", 1),
        ("import os\nos._exit(3)", "exit exit status 3", "", 0),
        ("import os\nos._exit(99)", "exit exit status 99", "", 0),
        ("import ctypes\nctypes.string_at(0)", "crash signal 11", "", 0),
        ("while True: pass", "timeout", "", 0),
        ("class E(Exception):\n    def __str__(self): return 1 / 0\nraise E", "", "E", 3),
        ("exec(compile('\\n' * 99999 + '1 / 0', __file__, 'exec'))", "division by zero", "ZeroDivisionError", 0),
    ],
)
def test_an_import_that_fails_is_reported_for_every_test(wall, code, message, type_name, line):
    with wall.session(code + "\n") as session:
        problem = session.import_problem
        assert problem is not None
        assert (problem.kind, problem.message, problem.type_name, problem.line) == ("import", message, type_name, line)
        assert kind_of_call(session) == "import"


def test_nothing_outlives_a_submission(wall):
    code = """
import os, signal, socket, time
s = socket.socket(socket.AF_UNIX)
s.bind("\\0left")
for place in (os.getcwd(), "/dev/shm"):
    open(place + "/left", "w").write("x")
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        while True:
            time.sleep(1)
"""
    printed(wall, code)
    with wall.session(WITNESS.read_text(encoding="utf-8")) as session:
        assert session.import_problem is None, session.import_problem.message


def test_each_process_starts_from_a_fresh_folder(wall):
    code = "import os\nprint(os.path.exists('seen'))\nopen('seen', 'w').close()\n" + during_call("os._exit(1)")
    with wall.session(code) as session:
        assert kind_of_call(session) == "exit"
        assert kind_of_call(session) == "exit"
    assert [ending.output.strip() for ending in session.endings] == ["False", "False"]


def test_a_response_without_a_request_is_garbage(wall):
    frame = 'bytes.fromhex(\'00000030\') + bytes(8) + b\'{"tree":{"number":2,"response":{}},"arrays":[]}\''
    code = during_call(f"data = {frame}\nos.write(3, bytes(3) + bytes([len(data) - 12]) + data[4:])")
    with wall.session(code) as session:
        assert kind_of_call(session) == "garbage"


def test_opening_and_closing_is_quick(wall):
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        wall.session(GOOD).close()
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.3  # 0.008 on an idle machine; other work on it must not fail the test


def test_a_request_is_quick(wall):
    with wall.session(GOOD) as session:
        call(session)
        seconds = []
        for _ in range(50):
            start = time.perf_counter()
            call(session)
            seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.02  # 0.001 on an idle machine


def test_bare_processes_and_a_fork_server_that_has_ended():
    with opened("process") as wall:
        with wall.session(GOOD) as session:
            assert call(session, 5.0).tolist() == [0.5]
        wall.session("import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\n").close()
        session = wall.session(GOOD)
        wall._process.kill()
        wall._process.wait()
        with pytest.raises(WallError, match="sandbox"):
            call(session)


def test_an_unknown_isolation_names_the_known_ones():
    with pytest.raises(backends.IsolationError, match="choose one of auto, bubblewrap, container, users, process"):
        backends.start("magic")


ROUND = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.autograder.test_wall import GOOD, SHORT, WITNESS, call
from autograder.sandbox.wall import Wall
with Wall(sys.argv[2], SHORT) as wall:
    with wall.session(GOOD) as session:
        assert call(session, 5.0).tolist() == [0.5]
    left = "import os, time\\nopen('left', 'w')\\nif os.fork() == 0:\\n    os.setsid()\\n    time.sleep(60)\\n"
    wall.session(left).close()
    with wall.session(WITNESS.read_text()) as session:
        assert session.import_problem is None, session.import_problem.message
    print(wall.start.name)
"""


def grade_in_new_process(isolation: str, command: tuple[str, ...] = (), python: str = sys.executable) -> str:
    """A file, a file that leaves things behind and the witness, in a grader of its own."""
    return subprocess.run(
        [*command, python, "-c", ROUND, str(HERE.parents[2]), isolation],
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
    ).stdout.strip()


@pytest.mark.slow
@pytest.mark.needs_container
def test_a_container():
    if problem := missing("container"):
        pytest.skip(problem)
    assert grade_in_new_process("container").startswith("container")


def test_a_user_without_rights_can_use_bubblewrap():
    if os.geteuid() != 0:
        pytest.skip("the other tests here run as an ordinary user already")
    command = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    if shutil.which(command[0]) is None:
        pytest.skip("setpriv is missing")
    code = "import sys, torch, assignment; print(sys.base_prefix)"
    reached = subprocess.run([*command, sys.executable, "-c", code], capture_output=True, text=True, cwd="/")
    if reached.stdout.strip() != sys.base_prefix:  # a Python in somebody's home folder
        pytest.skip("an ordinary user cannot run this Python")
    namespaces = subprocess.run([*command, "unshare", "--user", "true"], capture_output=True)
    if namespaces.returncode != 0:
        pytest.skip("ordinary users may not make namespaces here")
    assert grade_in_new_process("bubblewrap", command) == "bubblewrap"
