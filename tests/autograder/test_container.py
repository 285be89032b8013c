"""The Dockerfile matches the repository; this needs no container engine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "autograder"
TEXT = (FOLDER / "Dockerfile").read_text()


def instructions() -> list[tuple[str, str]]:
    """(name, arguments) of the instructions, continued lines joined and comments left out."""
    lines = "\n".join(line for line in TEXT.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def of(name: str) -> list[str]:
    return [arguments for instruction, arguments in instructions() if instruction == name]


def test_every_instruction_is_one():
    assert {name for name, _ in instructions()} <= {
        "ARG",
        "FROM",
        "ENV",
        "RUN",
        "WORKDIR",
        "COPY",
        "USER",
        "ENTRYPOINT",
        "CMD",
    }
    assert [name for name, _ in instructions()][:2] == ["ARG", "FROM"]


def test_what_it_copies_is_there_and_is_sent():
    sent = {line[1:] for line in (FOLDER / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = [source.rstrip("/") for arguments in of("COPY") for source in arguments.split()[:-1]]
    assert not [source for source in sources if not (ROOT / source).exists()]
    assert sent == set(sources)
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {source for source in sources if not re.search(rf"^{source}(/|$)", listed, re.MULTILINE)} == set()


def test_versions_come_from_the_constraints_alone():
    pip = [line for arguments in of("RUN") for line in re.findall(r"pip install [^;&]*", arguments)]
    assert len(pip) == 2
    assert all("--constraint constraints.txt" in line for line in pip)
    assert not re.search(r"\d+\.\d+\.\d+|://", TEXT)
    assert (ROOT / "constraints.txt").read_text().count("torch==") == 1
    minor = re.search(r"^ARG IMAGE=python:3\.(\d+)-slim-\w+$", TEXT, re.MULTILINE)
    assert int(minor[1]) >= 11, "constraints.txt pins versions for Python 3.11 and later"


def test_the_last_user_has_no_rights_and_the_grader_is_closed():
    assert of("USER")[-1] == "grader"
    assert any("useradd" in arguments and "--uid 1000" in arguments for arguments in of("RUN"))
    assert "chmod -R u=rwX,g=rX,o= /opt/course" in of("RUN")[-1]
    assert of("WORKDIR") == ["/opt/course"]


def test_lists_of_packages_do_not_stay_and_nothing_is_recommended():
    (apt,) = [arguments for arguments in of("RUN") if "apt-get" in arguments]
    assert "--no-install-recommends" in apt
    assert apt.endswith("rm -rf /var/lib/apt/lists/*")
    assert "libseccomp2" in apt
    assert "bubblewrap" in apt


def test_the_choice_of_a_variant_is_plain_sh(tmp_path):
    (choice,) = [arguments for arguments in of("RUN") if "VARIANT" in arguments]
    (tmp_path / "pip").write_text("#!/bin/sh\necho pip $*\n")
    (tmp_path / "pip").chmod(0o755)

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "TORCH_INDEX": "", **variables}
        return subprocess.run(["sh", "-c", choice], env=environment, capture_output=True, text=True)

    assert (run(VARIANT="cuda").returncode, run(VARIANT="cuda").stdout) == (0, "")
    assert "--index-url INDEX torch torchvision" in run(VARIANT="cpu", TORCH_INDEX="INDEX").stdout
    assert "TORCH_INDEX" in run(VARIANT="cpu").stderr
    assert run(VARIANT="cpu").returncode == run(VARIANT="tpu").returncode == 1


def test_the_entry_point_is_a_command():
    assert of("ENTRYPOINT") == ['["python", "-m", "autograder"]']
    done = subprocess.run([sys.executable, "-m", "autograder", "--help"], cwd=ROOT, capture_output=True)
    assert done.returncode == 0
