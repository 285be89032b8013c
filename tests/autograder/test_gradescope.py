"""Gradescope's zip, run as Gradescope runs it: a container without namespaces, root, folders below /autograder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from assignment.manifest import load
from autograder.exports.gradescope import build as gradescope
from autograder.exports.gradescope import harness as inside
from autograder.intake import IntakeError
from autograder.release import ReleaseError
from autograder.sandbox.inside import landlock
from tests.autograder import plain_container

ROOT = Path(__file__).parents[2]
MANIFEST = load()
REFERENCE = (ROOT / "solution" / "dml.py").read_text()
METADATA = {
    "id": 1,
    "created_at": "2026-06-01T13:00:00.123456-07:00",
    "assignment": {"due_date": "2026-05-31T23:00:00.000000-07:00", "title": "Lab"},
    "users": [{"email": "ada@example.org", "id": 7, "name": "Ada <b>Example</b>"}],
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("zip") / "autograder.zip"
    assert "for instructors" in gradescope.build(target)
    return target


@pytest.fixture
def home(archive, tmp_path) -> Path:
    """/autograder as Gradescope makes it."""
    home = tmp_path / "autograder"
    for name in ("source", "submission", "results"):
        (home / name).mkdir(parents=True)
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(home / "source")
    (home / "run_autograder").write_bytes((home / "source" / "run_autograder").read_bytes())
    (home / "run_autograder").chmod(0o755)
    (home / "submission_metadata.json").write_text(json.dumps(METADATA))
    return home


def run_in_container(home: Path, **options) -> subprocess.CompletedProcess[str]:
    plain_container.require()
    environment = {"AUTOGRADER_VENV": sys.prefix, "AUTOGRADER_LEADERBOARD": "1"}
    return plain_container.run(
        ["/autograder/run_autograder"], {home: "/autograder"}, environment=environment, **options
    )


def results(home: Path) -> dict:
    return json.loads((home / "results" / "results.json").read_text())


def test_the_zip_holds_what_grades_and_no_more(archive):
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        modes = {entry.filename: entry.external_attr >> 16 for entry in opened.infolist()}
    assert {"setup.sh", "run_autograder", "constraints.txt", "requirements.txt", "grader/solution/dml.py"} <= set(names)
    assert modes["setup.sh"] == modes["run_autograder"] == 0o755
    assert not [name for name in names if re.search(r"selftest|__pycache__|/\.|tests/autograder|\.git", name)]
    again = archive.with_name("again.zip")
    gradescope.build(again)
    assert again.read_bytes() == archive.read_bytes()


@pytest.mark.slow
@pytest.mark.needs_root
@pytest.mark.needs_bubblewrap
@pytest.mark.parametrize("with_landlock", [True, False])
def test_a_submission_in_a_plain_container(home, with_landlock):
    if with_landlock and not landlock.version():
        pytest.skip("this kernel has no Landlock")
    wrong = REFERENCE.replace("(distances_pos - distances_neg + margin).clamp_min(0)", "distances_pos - distances_neg")
    (home / "submission" / "dml.py").write_text(f"{wrong}\nprint('PRINTED')\n")
    (home / "submission" / "notes.txt").write_text("mine")
    done = run_in_container(home, landlock=with_landlock)
    assert done.returncode == 0, done.stderr
    tree = results(home)
    assert tree["extra_data"]["isolation"] == ("users and landlock" if with_landlock else "users")
    assert tree["extra_data"]["filter_of_system_calls"] is True
    by_name = {test["name"]: test for test in tree["tests"]}
    assert by_name[MANIFEST.task("triplet-loss").title]["score"] == 0
    assert by_name[MANIFEST.task("descriptor").title]["score"] == MANIFEST.task("descriptor").points
    loss = MANIFEST.late["loss_per_day"]
    earned = tree["extra_data"]["points"] + tree["extra_data"]["bonus"]
    assert tree["score"] == pytest.approx(earned * (1 - loss))
    assert f"1 day late: {loss * 100:g} % are deducted" in tree["output"]
    assert "PRINTED" not in json.dumps(tree)
    assert tree["stdout_visibility"] == "hidden"
    assert oct((home / "source").stat().st_mode & 0o777) == "0o700"


@pytest.mark.slow
@pytest.mark.needs_root
@pytest.mark.needs_bubblewrap
def test_full_points_and_the_leaderboard(home):
    (home / "submission" / "lab").mkdir()
    (home / "submission" / "lab" / "dml.py").write_text(REFERENCE)
    (home / "submission_metadata.json").write_text("no JSON")
    done = run_in_container(home)
    assert done.returncode == 0, done.stderr
    tree = results(home)
    assert tree["score"] == MANIFEST.points + MANIFEST.bonus_points
    assert tree["leaderboard"][0]["name"].startswith("P@1")


def test_nothing_to_grade_says_so(home):
    (home / "results" / "results.json").write_text("old")
    for files, part in (
        ({}, "submit dml.py"),
        ({"a.py": "x=1", "b.py": "x=2"}, "several files"),
        ({"dml.py": ""}, "empty"),
    ):
        for name, text in files.items():
            (home / "submission" / name).write_text(text)
        assert inside.main(home) == 0
        tree = results(home)
        assert tree["score"] == 0
        assert part in tree["output"]
        assert str(home) not in tree["output"]


def test_a_grader_that_cannot_be_trusted_leaves_no_results(home, monkeypatch, capsys):
    (home / "submission" / "dml.py").write_text(REFERENCE)
    (home / "results" / "results.json").write_text("old")
    monkeypatch.setenv("AUTOGRADER_ISOLATION", "wishes")
    assert inside.main(home) == 4
    assert not (home / "results" / "results.json").exists()
    assert "unknown isolation" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change, days",
    [
        ({}, 1),
        ({"created_at": "2026-05-31T22:00:00-07:00"}, None),
        ({"created_at": None}, None),
        ({"created_at": "2026-06-03T23:30:00-07:00"}, 4),
        ({"users": [{"assignment": {"due_date": "2026-06-02T23:00:00-07:00"}}]}, None),  # an extension
        ({"assignment": {"due_date": None}, "users": "nobody"}, None),
        ({"assignment": ["?"], "users": [None]}, None),
    ],
)
def test_lateness_by_gradescopes_dates(change, days):
    late = inside.lateness({**METADATA, **change}, MANIFEST)
    assert (late.days if late else None) == days


def test_odd_hand_ins_are_a_verdict(tmp_path):
    (tmp_path / "submission").mkdir()
    (tmp_path / "scratch").mkdir()
    (tmp_path / "submission" / "dml.py").symlink_to("/etc/passwd")
    with pytest.raises(IntakeError):
        inside.submitted_file(tmp_path / "submission", tmp_path / "scratch", {}, MANIFEST)


def test_setup_installs_the_constraints(home, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    log = tmp_path / "log"
    (tools / "apt-get").write_text(f'#!/bin/sh\necho "apt-get $*" >> {log}\n')
    fake = f'#!/bin/sh\necho "python $*" >> {log}\n'
    copy = 'case "$*" in "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python";; esac\n'
    (tools / "python3").write_text(fake + copy)
    (tools / "rm").write_text("#!/bin/sh\nexit 0\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    venv = tmp_path / "venv"
    environment = {"PATH": f"{tools}:/usr/bin:/bin", "AUTOGRADER_HOME": str(home), "AUTOGRADER_VENV": str(venv)}
    done = subprocess.run(["sh", home / "source" / "setup.sh"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = log.read_text()
    assert "libseccomp2" in text
    assert f"--constraint {home}/source/constraints.txt --requirement {home}/source/requirements.txt" in text
    assert "--index-url" not in text
    assert (home / "source").stat().st_mode & 0o777 == 0o700
    done = subprocess.run(["sh", home / "source" / "setup.sh"], env={**environment, "TORCH_INDEX": "INDEX"})
    assert "--index-url INDEX torch torchvision" in log.read_text()


def test_requirements_are_those_of_the_project():
    text = gradescope.requirements((ROOT / "pyproject.toml").read_text())
    assert "torch>=2.4" in text.splitlines()
    assert any(line.startswith("pyseccomp") for line in text.splitlines())
    assert "hypothesis" not in text


def test_a_stale_template_or_a_bad_target_is_one_line(tmp_path, monkeypatch):
    with pytest.raises(ReleaseError, match="cannot be written"):
        gradescope.build(Path("/proc/nowhere/a.zip"))
    files = gradescope.collect(ROOT)
    monkeypatch.setattr(gradescope, "collect", lambda root: {**files, "grader/template/dml.py": b"old"})
    with pytest.raises(ReleaseError, match="out of date; run"):
        gradescope.build(tmp_path / "a.zip")
    monkeypatch.undo()
    (tmp_path / "autograder" / "container").mkdir(parents=True)
    with pytest.raises(ReleaseError, match="cannot be read"):
        gradescope.collect(tmp_path)


@pytest.mark.parametrize("name", ["setup.sh", "run_autograder"])
def test_scripts_are_plain_sh_without_addresses(name):
    path = ROOT / "autograder" / "exports" / "gradescope" / name
    text = path.read_text()
    assert text.startswith("#!/bin/sh\n")
    assert os.access(path, os.X_OK)
    assert "://" not in text
    assert "\r" not in text
    assert subprocess.run(["sh", "-n", path]).returncode == 0
