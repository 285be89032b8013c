"""Weights of torchvision's networks, from a server on this machine."""

from __future__ import annotations

import hashlib
import io

import pytest
import torch

from assignment import backbones
from data_scripts import weights


@pytest.fixture(scope="module")
def content() -> bytes:
    out = io.BytesIO()
    torch.save(backbones.build("squeezenet1_1").state_dict(), out)
    return out.getvalue()


@pytest.fixture
def file(content, server, monkeypatch) -> str:
    name = f"squeezenet1_1-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    server.files[f"/{name}"] = content
    monkeypatch.setattr(weights, "weights_url", lambda _: f"{server.address}/{name}")
    return name


def test_weights_are_fetched_checked_and_loaded(file, content, command, tmp_path):
    status, out = command("weights", "squeezenet1_1", "--verify")
    assert status == 0 and "1,235,496 parameters" in out, out
    assert (tmp_path / "data" / "weights" / file).read_bytes() == content
    assert command("weights", "squeezenet1_1")[0] == 0


def test_a_local_file_will_do(file, content, command, server, tmp_path):
    (tmp_path / file).write_bytes(content)
    for root, given in (("a", tmp_path), ("b", tmp_path / file)):
        assert command("weights", "squeezenet1_1", "--from", given, "--root", root)[0] == 0
        assert (tmp_path / root / "weights" / file).read_bytes() == content
    assert server.asked == []
    status, out = command("weights", "squeezenet1_1", "--from", tmp_path, "--root", file)  # a file, no folder
    assert status == 5 and "cannot be written" in out


def test_changed_weights_are_one_line_and_not_kept(file, command, server, tmp_path):
    server.files[f"/{file}"] += b"x"
    status, out = command("weights", "squeezenet1_1")
    assert status == 4 and "incomplete or changed (SHA-256" in out
    assert not (tmp_path / "data" / "weights" / file).exists()
    (tmp_path / file).write_bytes(b"x")
    assert command("weights", "squeezenet1_1", "--from", tmp_path)[0] == 4


def test_absent_weights_say_what_to_fetch(file, command, server, tmp_path):
    server.files.clear()
    for arguments in ((), ("--from", tmp_path / "nowhere")):
        status, out = command("weights", "squeezenet1_1", *arguments)
        assert status == 3 and f"--from FOLDER_WITH {file}" in out


def test_unknown_networks_name_the_choices(command):
    status, out = command("weights", "vgg")
    assert status == 2 and "resnet18" in out


def test_the_registry_knows_torchvisions_addresses():
    from data_scripts import registry

    for name in registry.WEIGHTS:
        assert name in backbones.BACKBONES
        url = registry.weights_url(name)
        assert url.rpartition("/")[2].startswith(f"{name}-") and url.endswith(".pth")
