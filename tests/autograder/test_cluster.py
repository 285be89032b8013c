"""A batch on a Dask cluster: a scheduler and two workers, processes of this machine, some of them killed."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="Dask is not installed: install the extra `cluster`")

from assignment.manifest import load
from autograder.classroom import dask_task, dask_workers
from autograder.classroom.batch import Batch, GradingOptions, run
from autograder.classroom.dask_workers import Cluster, ClusterError, DaskPool
from autograder.classroom.journal import Journal
from autograder.classroom.workers import GraderFactory, WorkerError
from autograder.grading.fingerprint import of_assignment, of_grader
from autograder.intake.classes import read_class
from autograder.intake.lateness import rule

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.append(str(HERE))  # what a worker unpickles by name must have that name here, too

import batch_player  # noqa: E402


class Processes:
    """A scheduler and the workers that a test starts; all are killed at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.running = folder, []
        self.file = folder / "scheduler.json"
        self.address = ""

    def start(self) -> None:
        """Start the scheduler."""
        self._start("dask_scheduler", "--host", "127.0.0.1", "--port", 0, "--no-jupyter", "--scheduler-file", self.file)
        until(lambda: self.file.exists() and self.file.read_text().strip().endswith("}"), 60)
        self.address = json.loads(self.file.read_text())["address"]

    def worker(self, *options: object, path: str = f"{ROOT}{os.pathsep}{HERE}", **environment: str) -> subprocess.Popen:
        """Start a worker of one thread."""
        own = ("--host", "127.0.0.1", "--nthreads", 1, "--no-nanny", "--no-dashboard", "--memory-limit", 0)
        where = ("--local-directory", self.folder)
        return self._start("dask_worker", self.address, *own, *where, *options, PYTHONPATH=path, **environment)

    def _start(self, program: str, *options: object, **environment: str) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.{program}", *map(str, options)]
        with (self.folder / "log").open("ab") as log:
            environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
            process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
        self.running.append(process)
        return process

    def close(self) -> None:
        """End all of them."""
        for process in self.running:
            process.kill()
            process.wait()


def until(true, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


@pytest.fixture
def processes(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_workers, "WORKER_SECONDS", 60.0)  # this machine may be busy
    made = Processes(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.close()


def class_of(root: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "dml.py").write_text(text)
    return root


def cluster_at(address: str, grader: str = "", gpu: bool = False) -> Cluster:
    return Cluster(address, "process", grader or of_grader(), of_assignment(load()), gpu)


def played(cluster: Cluster, source: Path, out: Path, seconds: float = 0.02, late: float = 30.0, meanwhile=None):
    """A batch with graders that play (see batch_player) on a cluster; return its report and its dask_workers."""
    manifest = load()
    scratch = out.with_name(f"{out.name}-scratch")
    scratch.mkdir(exist_ok=True)
    order = GradingOptions(manifest, "assignment", "g", "played")
    graders = DaskPool(cluster, GraderFactory(batch_player.PlayGrader, (seconds,)), late)
    with Journal(out) as journal:
        handed = read_class(source, scratch, manifest, rule(manifest))
        batch = Batch(handed, order, journal, batch_player.publish)
        return run(batch, lambda: graders, meanwhile or (lambda: None)), graders


def played_here(source: Path, out: Path) -> None:
    command = [sys.executable, HERE / "batch_player.py", source, out, 1, "g"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env={**os.environ})
    assert done.returncode in (0, 1), done.stderr


def journal_of(out: Path) -> dict[str, dict]:
    lines = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()[1:]]
    assert len({line["key"] for line in lines}) == len(lines), "a grade stands in the journal twice"
    return {line["key"]: {key: line[key] for key in ("points", "seed", "submission")} for line in lines}


def rows_of(out: Path) -> dict[str, tuple]:
    rows = json.loads((out / "class.json").read_text())["students"]
    return {row["key"]: (row["state"], row["points"], row["sha256"], row["folder"]) for row in rows}


def lines_in(out: Path) -> int:
    path = out / "journal.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_a_worker_is_killed_midway_and_the_grades_are_those_of_a_local_batch(processes, tmp_path):
    source, out = class_of(tmp_path / "in", {f"s-{n}": f"x = {n}\n" for n in range(40)}), tmp_path / "out"
    first, _ = processes.worker(), processes.worker()

    def kill() -> None:
        until(lambda: lines_in(out) > 8)
        first.kill()

    with cluster_at(processes.address) as cluster:
        until(lambda: len(cluster.refresh()) == 2)
        killer = threading.Thread(target=kill)
        report, graders = played(cluster, source, out, 0.1, meanwhile=killer.start)
        killer.join()
        assert first.wait() == -signal.SIGKILL
        assert graders.lost == 1, "it was grading a file"
        assert len(cluster.usable) == 1
    assert (report.files, report.crashed) == (40, 0)
    played_here(source, tmp_path / "here")
    assert journal_of(out) == journal_of(tmp_path / "here")
    assert rows_of(out) == rows_of(tmp_path / "here")


@pytest.mark.slow
def test_a_file_that_kills_its_workers_ends_with_a_reason(processes, tmp_path):
    """Workers come back, as a nanny or a queue brings them; the file does not get them all."""
    texts = {f"s-{n}": f"x = {n}\n" for n in range(6)} | {"killer": "exit", "faller": "fall", "hanger": "hang"}
    source, out = class_of(tmp_path / "in", texts), tmp_path / "out"
    nanny = ("--nanny",)
    processes.worker(*nanny), processes.worker(*nanny)
    with cluster_at(processes.address) as cluster:
        report, graders = played(cluster, source, out, late=3.0)
    assert (report.files, report.crashed, graders.lost) == (6, 3, 3 * dask_workers.TRIES)
    states = {key: row[0] for key, row in rows_of(out).items()}
    assert {key for key, state in states.items() if state == "crashed"} == {"killer", "faller", "hanger"}
    problems = {p["who"]: p["message"] for p in json.loads((out / "class.json").read_text())["problems"]}
    assert "the worker was lost, 3 times" in problems["killer"]
    assert "no answer within 3 seconds, 3 times" in problems["hanger"]


@pytest.mark.slow
def test_a_newcomer_helps_and_a_broken_grader_stops_the_batch(processes, tmp_path):
    source, out = class_of(tmp_path / "in", {f"s-{n}": f"x = {n}\n" for n in range(20)}), tmp_path / "out"
    processes.worker()
    with cluster_at(processes.address) as cluster:
        processes.worker()
        played(cluster, source, out, 0.5)
        assert len(cluster.usable) == 2
        class_of(source, {"s-99": "fault"})
        with pytest.raises(WorkerError, match="RuntimeError: a broken test"):
            played(cluster, source, out)


@pytest.mark.slow
def test_all_workers_and_then_the_scheduler_are_gone(processes, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_workers, "RETURN_SECONDS", 2.0)
    source, out = class_of(tmp_path / "in", {f"s-{n}": f"x = {n}\n" for n in range(30)}), tmp_path / "out"
    for victim in (processes.worker(), processes.running[0]):

        def kill(victim=victim) -> None:
            before = lines_in(out)
            until(lambda: lines_in(out) > before + 2)
            victim.kill()

        with cluster_at(processes.address) as cluster:
            killer = threading.Thread(target=kill)
            with pytest.raises(ClusterError, match="the same command continues") as found:
                played(cluster, source, out, 0.2, meanwhile=killer.start)
            killer.join()
        assert "\n" not in str(found.value)
        processes.worker()
    assert len(journal_of(out)) >= 4


@pytest.mark.slow
def test_what_cannot_be_used_is_one_line(processes, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_workers, "WORKER_SECONDS", 1.0)
    with pytest.raises(ClusterError, match="has no workers"):
        cluster_at(processes.address).__enter__()
    monkeypatch.setattr(dask_workers, "WORKER_SECONDS", 60.0)  # this machine may be busy
    worker = processes.worker()
    with pytest.raises(ClusterError, match="grader, assignment or libraries differ from those here"):
        cluster_at(processes.address, grader="another").__enter__()
    with pytest.raises(ClusterError, match="no GPU; start workers"):
        cluster_at(processes.address, gpu=True).__enter__()
    worker.kill()
    processes.worker("--resources", "GPU=1", "--nthreads", 2)
    source = class_of(tmp_path / "in", {f"s-{n}": f"x = {n}\n" for n in range(4)})
    with cluster_at(processes.address, gpu=True) as cluster:
        assert played(cluster, source, tmp_path / "out")[0].files == 4


def test_no_scheduler_answers(monkeypatch):
    monkeypatch.setattr(dask_workers, "CONNECT_SECONDS", 1.0)
    for address in ("tcp://127.0.0.1:9", "nonsense://x", "tcp://127.0.0.1", ""):
        with pytest.raises(ClusterError, match="no scheduler answers"):
            cluster_at(address).__enter__()


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 100], ids=["silent", "web server"])
def test_somebody_else_answers(monkeypatch, said):
    monkeypatch.setattr(dask_workers, "CONNECT_SECONDS", 1.0)
    visitors = []

    def receive() -> None:
        with suppress(OSError):
            while True:
                visitors.append(listener.accept()[0])
                visitors[-1].sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=receive, daemon=True).start()
        with pytest.raises(ClusterError, match="no scheduler answers"):
            cluster_at(f"tcp://127.0.0.1:{listener.getsockname()[1]}").__enter__()
    assert visitors


@pytest.mark.slow
def test_a_worker_without_this_package_is_one_line(processes):
    bare = processes.worker("--preload", "import sys; sys.modules['autograder'] = None")
    with pytest.raises(ClusterError, match="install the same version there") as found:
        cluster_at(processes.address).__enter__()
    assert "\n" not in str(found.value)
    assert bare.poll() is None


def test_a_dask_worker_keeps_its_grader_and_refuses_other_hashes():
    hashes = dask_task.hashes()
    job = dask_task.Job("k", batch_player_submission("x = 1"), 1)
    request = dask_task.Request(GraderFactory(batch_player.PlayGrader, (0.0,)), *hashes)
    other = dask_task.Request(request.factory, "other", hashes[1])
    try:
        assert dask_task.grade(pickle.dumps((job, request)))[0] == dask_task.GRADED
        grader = dask_task._graders[request.factory]
        assert dask_task.grade(pickle.dumps((job, request)))[0] == dask_task.GRADED
        assert dask_task._graders == {request.factory: grader}
        assert dask_task.grade(pickle.dumps((job, other)))[0] == dask_task.BROKEN
    finally:
        dask_task._close()


def batch_player_submission(source: str):
    from autograder.grading.reference_files import submission_of

    return submission_of("dml.py", source)


@pytest.mark.needs_bubblewrap
@pytest.mark.slow
def test_the_real_command_on_two_workers_one_of_which_is_killed(processes, tmp_path):
    """Behind real walls: records equal to those of a local batch, but for times."""
    reference = (ROOT / "solution" / "dml.py").read_text()
    source = class_of(tmp_path / "in", {f"s-{n}": f"{reference}\n# {n}\n" for n in range(12)})
    first, _ = processes.worker(), processes.worker()
    command = [sys.executable, "-m", "autograder", "batch", source, "--task", "triplet-loss", "--no-canary", "--out"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    remote = subprocess.Popen(
        list(map(str, [*command, tmp_path / "out", "--dask", processes.address])),
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until(lambda: lines_in(tmp_path / "out") > 2 or remote.poll() is not None, 600)  # libraries come in first
    first.kill()
    output, errors = remote.communicate(timeout=600)
    assert (remote.returncode, errors) == (0, ""), errors
    assert "12 graded now" in output
    here = list(map(str, [*command, tmp_path / "here", "--workers", 1]))
    assert subprocess.run(here, cwd=ROOT, env=environment, capture_output=True).returncode == 0
    assert journal_of(tmp_path / "out") == journal_of(tmp_path / "here")
    for number in range(12):
        own, other = (
            json.loads((tmp_path / name / "students" / f"s-{number}" / "record.json").read_text())
            for name in ("out", "here")
        )
        assert own.pop("measured") and other.pop("measured")
        assert own == other
