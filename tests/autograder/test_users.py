"""The back end `users` in a plain container without namespaces: what a submission can reach there."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from autograder.sandbox import backends, seccomp, users
from autograder.sandbox.inside import landlock
from tests.autograder import plain_container

ROOT = Path(__file__).parents[2]
INSIDE = "/course/source"
PROBE = """
import json, os, socket
found = {}
def attempt(name, action):
    try:
        found[name] = action() or True
    except OSError as problem:
        found[name] = False
def fork_away():
    if os.fork() == 0:
        os.setsid()
        import time
        time.sleep(60)
for place in ("own", "/tmp/left", "/dev/shm/left", "/course/left", "/course/source/left"):
    attempt("write " + place, lambda: open(place, "w").write("x"))
attempt("list shared memory", lambda: os.listdir("/dev/shm"))
attempt("list secrets", lambda: os.listdir("/course/source/autograder"))
attempt("read reference", lambda: open("/course/source/solution/dml.py").read(10))
attempt("read others", lambda: open("/course/hand-ins/other.py").read())
attempt("environment", lambda: open("/proc/1/environ").read(1))
attempt("kill", lambda: os.kill(1, 0))
for family in (socket.AF_INET, socket.AF_UNIX, socket.AF_NETLINK):
    attempt(f"socket {family}", lambda: socket.socket(family).close())
os.makedirs("a/b/c")
open("a/b/c/x", "w")
for folder in ("a/b", "a"):
    os.chmod(folder, 0)
fork_away()
status = open("/proc/self/status").read()
found["rights"] = [line.split()[1] for line in status.splitlines() if line.startswith(("CapEff", "CapBnd"))]
print(json.dumps(found))
"""
SESSION = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from tests.autograder.test_wall import GOOD, SHORT, WITNESS, call, during_call, kind_of_call
from autograder.sandbox.wall import Wall
from autograder.sandbox.backends import IsolationError
try:
    wall = Wall("auto", SHORT)
except IsolationError as problem:
    print(json.dumps({"refused": str(problem)}))
    raise SystemExit
with wall:
    facts = {"name": wall.start.name, "uid": wall.start.uid, "seccomp": wall.start.seccomp}
    with wall.session(GOOD) as session:
        facts["value"] = call(session, 5.0).tolist()
    session = wall.session(sys.argv[2])
    session.close()
    facts["import"] = str(session.import_problem)
    facts["probe"] = session.endings[-1].output
    places = [place for place in ("/tmp", "/dev/shm", "/course/open") if os.path.isdir(place)]
    files = [entry for place in places for entry in os.scandir(place)]
    facts["left"] = [entry.path for entry in files if entry.stat().st_uid == wall.start.uid]
    facts["processes"] = [p for p in os.listdir("/proc") if p.isdigit() and os.stat(f"/proc/{p}").st_uid]
    with wall.session(WITNESS.read_text()) as session:
        facts["witness"] = session.import_problem and session.import_problem.message
    with wall.session("x = []\\n" + during_call("while True: x.append(bytearray(1 << 24))")) as session:
        facts["memory"] = kind_of_call(session, 20.0)
facts["kits"] = [name for name in os.listdir("/tmp") if name.startswith(("dml-kit", "dml-"))]
print(json.dumps(facts))
"""


@pytest.fixture
def course(tmp_path):
    """A folder with the grader as root alone may read it, another hand-in, and a folder that is open to all."""
    plain_container.require()
    source = tmp_path / "course" / "source"
    for name in ("assignment", "autograder", "solution", "template", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "course" / "hand-ins").mkdir()
    (tmp_path / "course" / "hand-ins" / "other.py").write_text("secret")
    (tmp_path / "course" / "open").mkdir()
    (tmp_path / "course" / "open").chmod(0o777)
    source.chmod(0o700)
    return tmp_path / "course"


def session_in(course: Path, probe: str = PROBE, **options) -> dict:
    done = plain_container.run(plain_container.python(SESSION, INSIDE, probe), {course: "/course"}, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(facts: dict, name: str) -> dict:
    assert (facts["name"], facts["value"], facts["import"]) == (name, [0.5], "None")
    assert (facts["left"], facts["processes"], facts["kits"]) == ([], [], [])
    assert facts["memory"] in ("memory", "exception")
    found = json.loads(facts["probe"])
    assert found.pop("rights") == ["0" * 16] * 2
    assert found.pop("write own")
    return {key for key, value in found.items() if value}


def test_with_landlock_only_its_own_folder_is_accessible(course):
    if not landlock.version():
        pytest.skip("this kernel has no Landlock")
    facts = session_in(course)
    assert check(facts, "users and landlock") == {"write /dev/shm/left"}  # deleted with its user's other files
    assert facts["witness"] is None


@pytest.mark.slow
@pytest.mark.needs_root
@pytest.mark.needs_bubblewrap
def test_without_landlock_it_reads_what_everybody_may_read_and_leaves_nothing(course):
    probe = PROBE.replace('"/dev/shm/left"', '"/course/open/left"')
    facts = session_in(course, probe, landlock=False)
    assert check(facts, "users") == {"write /tmp/left", "write /course/open/left", "read others", "list shared memory"}


@pytest.mark.slow
@pytest.mark.needs_root
@pytest.mark.needs_bubblewrap
def test_without_landlock_an_open_grader_is_refused(course):
    (course / "source").chmod(0o755)
    facts = session_in(course, landlock=False)
    assert "chmod 700 /course/source" in facts["refused"]


@pytest.mark.slow
@pytest.mark.needs_root
@pytest.mark.needs_bubblewrap
def test_an_attack_of_the_selftest_in_a_plain_container(course):
    if not landlock.version():
        pytest.skip("this kernel has no Landlock")
    options = "selftest --isolation users --kind attack --only read_files --workers 1"
    script = f"cd {INSIDE} && exec {sys.executable} -m autograder {options}"
    done = plain_container.run(["/bin/sh", "-c", script], {course: "/course"})
    assert done.returncode == 0, done.stdout + done.stderr


def test_which_folders_are_open_to_all(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "closed" / "open").mkdir(mode=0o755)
    assert not users.open_to_all(tmp_path / "closed" / "open")
    assert users.open_to_all(Path("/usr/bin"))


def test_only_root_can_change_users(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(backends.IsolationError, match="needs root"):
        users.users()


def test_without_the_filter_it_is_refused(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(seccomp, "compiled", lambda sockets=True: b"")
    with pytest.raises(backends.IsolationError, match="libseccomp"):
        users.users()


def test_a_grader_inside_of_pythons_folders_is_refused(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(seccomp, "compiled", lambda sockets=True: b"x")
    monkeypatch.setattr(users, "covered_paths", lambda: ["/usr/lib/autograder"])
    with pytest.raises(backends.IsolationError, match="/usr/lib/autograder is in a folder"):
        users.users()


def test_auto_names_everything_that_is_missing(monkeypatch):
    def fails(text):
        def start():
            raise backends.IsolationError(text)

        return start

    monkeypatch.setattr(backends, "bubblewrap", fails("no bubblewrap"))
    monkeypatch.setattr(users, "users", fails("no users"))
    monkeypatch.setattr(backends, "engine", lambda: None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(backends.IsolationError, match=r"no bubblewrap, or install docker or podman .*; no users"):
        backends.start("auto")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(backends.IsolationError, match="no bubblewrap, or install docker or podman") as problem:
        backends.start("auto")
    assert "no users" not in str(problem.value)
