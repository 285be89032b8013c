"""Fetching the sets from a server on this machine: whole, cut off, changed, absent, and from what a user has."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

from assignment import datasets
from data_scripts import download, registry, sets

from .conftest import cub_files, fashion_files, official_archives

NAMES = ["cub", "pets", "sop", "fashion-mnist"]


def lines(out: str) -> list[str]:
    return [line for line in out.splitlines() if line.strip()]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_download_unpack_verify(name, published, command, server, tmp_path):
    published(name)
    status, out = command(name, "--verify")
    source = registry.SOURCES[name]
    assert status == 0, out
    assert lines(out)[0] == source.official.licence
    assert "classes, " in lines(out)[-1] and "a part of the set" in lines(out)[-1]
    assert [path.name for path in (tmp_path / "data").iterdir()] == [source.official.folder]  # nothing else is left
    if name == "cub":
        assert tree(tmp_path / "data/CUB_200_2011") == {
            file.removeprefix("CUB_200_2011/"): content for file, content in cub_files().items() if "/" in file
        }
        assert len(datasets.load("cub").train) == 4
    asked = len(server.asked)
    status, out = command(name)
    assert status == 0 and "exists already; nothing was changed" in out
    assert len(server.asked) == asked


def test_a_download_goes_on_where_it_stopped(published, command, server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PIECE", 100)
    (whole,) = published("cub")
    server.cut = 1000
    status, out = command("cub")
    assert status == 3 and "CUB_200_2011.tgz: not available" in out
    part = tmp_path / "data" / "CUB_200_2011.tgz.part"
    assert part.read_bytes() == whole[:1000]
    server.cut = None
    assert command("cub")[0] == 0
    assert [wanted for _, wanted in server.asked] == [None, "bytes=1000-"]
    assert not part.exists()


@pytest.mark.parametrize("rest", ["no ranges", "too much"])
def test_a_rest_that_cannot_be_used_is_fetched_anew(rest, published, command, server, tmp_path):
    (whole,) = published("cub")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "CUB_200_2011.tgz.part").write_bytes(whole[:500] if rest == "no ranges" else b"x" * 99_999)
    server.ranges = rest != "no ranges"
    assert command("cub")[0] == 0


def test_a_changed_archive_is_refused_and_leaves_nothing(published, command, server, tmp_path):
    published("cub")
    server.files["/CUB_200_2011.tgz"] = official_archives("sop")[0]
    status, out = command("cub")
    assert status == 4 and "does not have the checksum md5" in out
    assert len(lines(out)) == 2  # the licence and one line
    assert list((tmp_path / "data").iterdir()) == []


def test_without_a_network_it_says_what_to_fetch(published, command, server):
    published("pets")
    server.files.clear()
    status, out = command("pets")
    assert status == 3 and len(lines(out)) == 2
    assert f"download {server.address}/images.tar.gz?download=1" in out
    assert "python -m data_scripts pets --from FOLDER_WITH images.tar.gz and annotations.tar.gz" in out


def test_nobody_listens(published, command, monkeypatch):
    published("sop")
    archive = registry.Archive("http://127.0.0.1:9/Stanford_Online_Products.zip", "0" * 32)
    source = registry.Source(registry.SOP, (archive,), ("Ebay_train.txt",))
    monkeypatch.setitem(registry.SOURCES, "sop", source)
    status, out = command("sop")
    assert status == 3 and "not available" in out and "refused" in out and len(lines(out)) == 2


def write_archives(name: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for archive, content in zip(registry.SOURCES[name].archives, official_archives(name), strict=True):
        (folder / archive.name).write_bytes(content)


@pytest.mark.parametrize("name", NAMES)
def test_local_archives_are_used_and_stay(name, published, command, server, tmp_path):
    published(name)
    write_archives(name, tmp_path / "disk")
    before = tree(tmp_path / "disk")
    status, out = command(name, "--from", tmp_path / "disk", "--verify", "--root", tmp_path / "other")
    assert status == 0, out
    assert (tmp_path / "other" / registry.SOURCES[name].official.folder).is_dir()
    assert tree(tmp_path / "disk") == before
    assert server.asked == []


@pytest.mark.parametrize(("name", "file"), [("cub", "CUB_200_2011.tgz"), ("pets", "images.tar.gz")])
def test_one_archive_by_its_name(name, file, published, command, tmp_path):
    published(name)
    write_archives(name, tmp_path / "disk")
    assert command(name, "--from", tmp_path / "disk" / file)[0] == 0


def test_an_archive_put_below_the_root_is_found(published, command, server, tmp_path):
    published("cub")
    write_archives("cub", tmp_path / "data")
    assert command("cub")[0] == 0
    assert server.asked == []


@pytest.mark.parametrize("place", ["disk", "data"])
def test_a_half_downloaded_archive_is_one_line_and_stays(place, published, command, tmp_path):
    published("cub")
    write_archives("cub", tmp_path / place)
    path = tmp_path / place / "CUB_200_2011.tgz"
    path.write_bytes(path.read_bytes()[:-50])
    status, out = command("cub", *(["--from", path] if place == "disk" else []))
    assert status == 4 and len(lines(out)) == 2
    assert "CUB_200_2011.tgz: incomplete or changed (md5" in out
    assert path.is_file() and not (tmp_path / "data" / "CUB_200_2011").exists()


@pytest.mark.parametrize("above", [False, True])
def test_an_unpacked_folder_is_copied(above, published, command, server, tmp_path):
    published("cub")
    command("cub", "--root", tmp_path / "first")
    given = tmp_path / "first" if above else tmp_path / "first" / "CUB_200_2011"
    status, out = command("cub", "--from", given)
    assert status == 0 and "copied from" in out
    assert tree(tmp_path / "data" / "CUB_200_2011") == tree(tmp_path / "first" / "CUB_200_2011")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_there_is_one_line(name, published, command, tmp_path):
    published(name)
    (tmp_path / "empty").mkdir()
    for given in ("nowhere", "empty"):
        status, out = command(name, "--from", tmp_path / given)
        assert status == 3 and len(lines(out)) == 2, out
        assert "python -m data_scripts" in out


def test_a_folder_in_the_way_is_not_touched(published, command, tmp_path):
    published("cub")
    (tmp_path / "data" / "CUB_200_2011").mkdir(parents=True)
    (tmp_path / "data" / "CUB_200_2011" / "notes.txt").write_text("mine", encoding="utf-8")
    status, out = command("cub")
    assert status == 4 and "does not contain images.txt; move it away" in out
    assert tree(tmp_path / "data") == {"CUB_200_2011/notes.txt": b"mine"}


def test_the_systems_fashion_mnist_is_taken_however_it_was_compressed(published, command, server, tmp_path):
    published("fashion-mnist")
    system = tmp_path / "share" / "datasets" / "fashion-mnist"
    system.mkdir(parents=True)
    for name, content in fashion_files().items():
        (system / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=1, mtime=7))
    status, out = command("fashion-mnist", "--verify")
    assert status == 0 and f"copied from {system}" in out and "30 + 20 images" in out
    assert server.asked == []
    (system / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"other"))
    shutil.rmtree(tmp_path / "data")
    status, out = command("fashion-mnist")
    assert status == 4 and "differs from the official file" in out
    assert not (tmp_path / "data" / "fashion-mnist").exists()


def test_half_of_fashion_mnist_is_kept_for_the_next_try(published, command, server, tmp_path):
    published("fashion-mnist")
    path = "/t10k-labels-idx1-ubyte.gz"
    last = server.files.pop(path)
    assert command("fashion-mnist")[0] == 3
    assert not (tmp_path / "data" / "fashion-mnist").exists()
    server.files[path] = last
    asked = len(server.asked)
    assert command("fashion-mnist")[0] == 0
    assert len(server.asked) == asked + 1


def test_a_full_disk_is_one_line_and_nothing_half_done(published, command, monkeypatch, tmp_path):
    published("cub")

    def full(*_: object) -> None:
        raise OSError(download.errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sets, "unpack", full)
    status, out = command("cub")
    assert status == 5 and "cannot be written (No space left on device); free some space" in out
    assert len(lines(out)) == 2
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["CUB_200_2011.tgz"]  # kept for the next try


def test_too_little_room_for_the_archive_is_seen_at_once(published, command, monkeypatch):
    published("cub")
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10}))
    status, out = command("cub")
    assert status == 5 and "free some space or choose another --root" in out


def test_a_root_that_cannot_be_made(published, command, tmp_path):
    published("cub")
    (tmp_path / "data").write_bytes(b"")
    status, out = command("cub")
    assert status == 5 and len(lines(out)) == 2


def test_verify_counts_and_names_damaged_images(published, command, tmp_path):
    published("cub")
    command("cub")
    image = next((tmp_path / "data" / "CUB_200_2011" / "images").rglob("*.jpg"))
    image.write_bytes(image.read_bytes()[:300])
    status, out = command("cub", "--verify")
    assert status == 4 and "1 of 8 images are damaged" in out and image.name in out


def test_help_loads_no_torch_and_tells_the_exit_status():
    import subprocess
    import sys

    script = "import sys, runpy; sys.argv = ['data_scripts', '--help']\n"
    script += "try: runpy.run_module('data_scripts', run_name='__main__')\nfinally: print('torch' in sys.modules)"
    repository = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repository, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "Exit status: 0 done" in " ".join(done.stdout.split())
    assert done.stdout.strip().endswith("False")
