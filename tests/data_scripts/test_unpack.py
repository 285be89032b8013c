"""Archives that want more than to be unpacked."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from data_scripts.errors import Damaged
from data_scripts.unpack import unpack

from .conftest import tarred, zipped


def tar_of(**entry) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        member = tarfile.TarInfo(entry.pop("name", "a"))
        for name, value in entry.items():
            setattr(member, name, value)
        tar.addfile(member)
    return out.getvalue()


def zip_link() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    return out.getvalue()


GOOD = {"set/list.txt": b"1 a", "set/images/a.jpg": b"\xff" * 1000}


@pytest.mark.parametrize(("pack", "name"), [(tarred, "a.tgz"), (zipped, "a.zip"), (tarred, "a.without-ending")])
def test_files_are_unpacked(tmp_path, pack, name):
    (tmp_path / name).write_bytes(pack(GOOD))
    unpack(tmp_path / name, tmp_path / "out", 10_000, 10)
    assert {
        str(p.relative_to(tmp_path / "out")): p.read_bytes() for p in (tmp_path / "out").rglob("*.*") if p.is_file()
    } == GOOD


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tarred({"../evil": b"x"}), "is a path outside"),
        (tarred({"a/../../evil": b"x"}), "is a path outside"),
        (tarred({"/tmp/evil": b"x"}), "is a path outside"),
        (zipped({"../evil": b"x"}), "is a path outside"),
        (zipped({"a\\..\\..\\evil": b"x"}), "is a path outside"),
        (zipped({"C:/evil": b"x"}), "is a path outside"),
        (tarred({"a" * 300: b"x"}), "is a path outside"),
        (tar_of(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "is a link or a device"),
        (tar_of(type=tarfile.SYMTYPE, linkname="b"), "is a link or a device"),
        (tar_of(type=tarfile.LNKTYPE, linkname="b"), "is a link or a device"),
        (tar_of(type=tarfile.CHRTYPE, devmajor=1, devminor=3), "is a link or a device"),
        (tar_of(type=tarfile.FIFOTYPE), "is a link or a device"),
        (zip_link(), "is a link or a device"),
        (tarred({str(i): b"" for i in range(11)}), "more than 10 files"),
        (tarred({"zeros": bytes(10_001)}), "unpacks to more than 10,000 bytes"),
        (zipped({"zeros": bytes(9_000), "more": bytes(1_001)}), "unpacks to more than 10,000 bytes"),
        (tarred(GOOD)[:-40], "incomplete or damaged"),
        (zipped(GOOD)[:-40], "incomplete or damaged"),
        (b"", "incomplete or damaged"),
        (b"<html>", "incomplete or damaged"),
        (tarred({"\x1b[31mred\n/../x": b""}), r"x1b\[31mred"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_no_data_set_does_is_refused(tmp_path, content, words):
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "archive").write_bytes(content)
    with pytest.raises(Damaged, match=words) as caught:
        unpack(tmp_path / "box" / "archive", tmp_path / "box" / "out", 10_000, 10)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["box"]
    assert {path.name for path in (tmp_path / "box").iterdir()} <= {"archive", "out"}


def test_a_zip_whose_size_is_a_lie_is_stopped(tmp_path):
    honest = zipped({"zeros": bytes(50_000)})
    lying = honest.replace((50_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lying != honest
    (tmp_path / "a.zip").write_bytes(lying)
    with pytest.raises(Damaged):
        unpack(tmp_path / "a.zip", tmp_path / "out", 10_000, 10)
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*")) <= 10_000


def test_nothing_is_executable_or_of_another_owner(tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        entry = tarfile.TarInfo("run")
        entry.mode = 0o6777
        tar.addfile(entry)
    (tmp_path / "a.tgz").write_bytes(out.getvalue())
    unpack(tmp_path / "a.tgz", tmp_path / "out", 10, 10)
    assert (tmp_path / "out" / "run").stat().st_mode & 0o7111 == 0
