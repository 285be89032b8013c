"""Archives that are anything but honest: caps hold, names lead nowhere, and what is wrong is one line."""

from __future__ import annotations

import io
import lzma
import os
import resource
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.intake.archives import MB, STUDENT, ArchiveError, Caps, Member, unpack

SMALL = Caps(files=20, unpacked=4 * MB, packed=2 * MB, ratio=150)


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def opened(archive: Path, caps: Caps = STUDENT) -> dict[str, Member]:
    target = archive.parent / "unpacked"
    target.mkdir()
    return {member.name: member for member in unpack(archive, target, caps)}


def refused(archive: Path, caps: Caps = SMALL) -> str:
    with pytest.raises(ArchiveError) as caught:
        opened(archive, caps)
    message = str(caught.value)
    assert "\n" not in message
    return message


def verdict(archive: Path) -> tuple[list[Member], str]:
    """The members of an archive, or the line that says why there are none."""
    try:
        return list(unpack(archive, archive.parent / "unpacked", SMALL)), ""
    except ArchiveError as problem:
        return [], str(problem)


def content(member: Member) -> bytes:
    assert member.path is not None
    return member.path.read_bytes()


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tgz", "tar.bz2", "tar.xz", "zip"])
def test_every_kind_gives_the_same(tmp_path, ending):
    members = {"work/dml.py": b"x = 1\n" * 5000, "work/note.docx": b"?", "__MACOSX/work/._dml.py": b"resource"}
    path = tmp_path / f"s.{ending}"
    modes = {"tar": "w", "tar.gz": "w:gz", "tgz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}
    zipped(path, members) if ending == "zip" else tarred(path, members, modes[ending])
    found = opened(path)
    assert set(found) == {"work/dml.py", "work/note.docx"}
    assert content(found["work/dml.py"]) == b"x = 1\n" * 5000
    assert found["work/note.docx"].path is None


@pytest.mark.parametrize("name", ["../dml.py", "a/../../dml.py", "/etc/dml.py", "..\\dml.py", "C:\\dml.py", "a" * 2000])
def test_names_lead_nowhere(tmp_path, name):
    for make, ending in ((zipped, "zip"), (tarred, "tar.gz")):
        folder = tmp_path / ending
        folder.mkdir()
        assert "outside" in refused(make(folder / f"s.{ending}", {name: b"x = 1"}))
        assert list((folder / "unpacked").iterdir()) == []


def test_links_and_devices_are_not_made(tmp_path):
    path = tmp_path / "s.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (("dml.py", tarfile.SYMTYPE), ("hard.py", tarfile.LNKTYPE), ("dev.py", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    found = opened(path)
    assert {member.problem for member in found.values()} == {"is a link or a device"}
    assert list((tmp_path / "unpacked").iterdir()) == []


def test_a_link_in_a_zip_is_not_made(tmp_path):
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("dml.py")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert opened(path)["dml.py"].problem == "is a link or a device"


@pytest.mark.parametrize("ending", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_bombs_stop_at_the_cap(tmp_path, ending):
    members = {f"bomb{number}.py": bytes(MB) for number in range(9)}
    path = tmp_path / f"s.{ending}"
    zipped(path, members) if ending == "zip" else tarred(path, members, f"w:{ending[4:]}")
    assert path.stat().st_size < 20_000
    assert "unpacks to" in refused(path)
    assert sum(file.stat().st_size for file in (tmp_path / "unpacked").iterdir()) <= SMALL.unpacked


def test_a_ratio_is_a_bomb_below_the_cap_too(tmp_path):
    path = zipped(tmp_path / "s.zip", {f"bomb{number}.py": bytes(MB) for number in range(12)})
    assert "hundreds of times" in refused(path, STUDENT)


def test_one_large_file_is_left_out_and_the_rest_is_not(tmp_path):
    found = opened(zipped(tmp_path / "s.zip", {"big.py": os.urandom(3 * MB), "dml.py": b"x = 1"}))
    assert (found["big.py"].path, found["big.py"].problem) == (None, "has more than 2 MB")
    assert content(found["dml.py"]) == b"x = 1"


def test_too_many_files(tmp_path):
    members = {f"{number}.txt": b"" for number in range(30)}
    assert "more than 20 files" in refused(tarred(tmp_path / "s.tar", members, "w"))
    (tmp_path / "z").mkdir()
    assert "more than 20 files" in refused(zipped(tmp_path / "z" / "s.zip", members))


def test_a_huge_table_of_contents_is_not_read(tmp_path):
    path = zipped(tmp_path / "s.zip", {"dml.py": b"x = 1"})
    data = bytearray(path.read_bytes())
    end = data.rfind(b"PK\5\6")
    data[end + 12 : end + 16] = struct.pack("<L", 500_000_000)
    path.write_bytes(data)
    assert "more than 20 files" in refused(path)


def test_two_files_of_one_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("dml.py", "honest = 1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("dml.py", "honest = 0")
    assert "twice" in refused(tmp_path / "s.zip")


def test_an_xz_that_asks_for_gigabytes(tmp_path):
    path = tmp_path / "s.tar.xz"
    plain = tarred(tmp_path / "s.tar", {"dml.py": b"x = 1"}, "w").read_bytes()
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29}]
    try:
        path.write_bytes(lzma.compress(plain, filters=filters))
    except MemoryError:
        pytest.skip("this machine is too small to make such a file")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "damaged" in refused(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_lzma_in_a_zip_and_passwords_say_what_to_do(tmp_path):
    found = opened(zipped(tmp_path / "s.zip", {"dml.py": b"x = 1"}, zipfile.ZIP_LZMA))
    assert "ordinary zip" in found["dml.py"].problem
    (tmp_path / "p").mkdir()
    path = zipped(tmp_path / "p" / "s.zip", {"dml.py": b"x = 1"})
    data = bytearray(path.read_bytes())
    for sign, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.find(sign) + offset] |= 1
    path.write_bytes(data)
    assert "password" in opened(path)["dml.py"].problem


@pytest.mark.parametrize("ending", ["rar", "7z", "tar.zst", "gz"])
def test_other_kinds_say_what_to_hand_in(tmp_path, ending):
    path = tmp_path / f"s.{ending}"
    path.write_bytes(b"anything")
    assert ".zip" in refused(path)


def test_an_archive_in_an_archive_is_not_opened_here(tmp_path):
    inner = zipped(tmp_path / "inner.zip", {"dml.py": b"x = 1"}).read_bytes()
    found = opened(zipped(tmp_path / "s.zip", {"inner.zip": inner}))
    assert set(found) == {"inner.zip"}


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Božena/dml.py".encode(), "Božena/dml.py"),
        ("Zoë/dml.py".encode("cp437"), "Zoë/dml.py"),
        (b"a/dml.py", "a/dml.py"),
    ],
)
def test_names_in_a_zip_that_does_not_say_their_encoding(tmp_path, raw, name):
    """`zip -r` with LANG=C writes UTF-8 without the flag for it; old Windows writes its code page."""
    placeholder = "x" * len(raw)
    path = zipped(tmp_path / "s.zip", {placeholder: b"x = 1"})
    path.write_bytes(path.read_bytes().replace(placeholder.encode(), raw))
    assert content(opened(path)[name]) == b"x = 1"


def test_a_repository_in_an_archive_is_a_sign_and_its_files_are_not_unpacked(tmp_path):
    members = {"ada/.git/config": b"", "ada/.git/hooks/a.py": b"", "ada/dml.py": b"x = 1"}
    for make, ending in ((zipped, "zip"), (tarred, "tar.gz")):
        (tmp_path / ending).mkdir()
        found = opened(make(tmp_path / ending / f"s.{ending}", members))
        assert [(member.name, member.clone) for member in found.values()] == [("ada", True), ("ada/dml.py", False)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), ending=st.sampled_from(["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]))
def test_damaged_bytes_give_a_verdict(tmp_path_factory, data, ending):
    """Whatever bytes are changed, cut or added: members, or one line; nothing lies outside the folder."""
    folder = tmp_path_factory.mktemp("damaged")
    path = folder / f"s.{ending}"
    members = {"dml.py": b"x = 1\n" * 40, "b/dml.py": b"y = 2\n"}
    zipped(path, members) if ending == "zip" else tarred(path, members, f"w:{ending[4:]}")
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(raw) - 1))
        kind = data.draw(st.sampled_from(["change", "cut", "add"]))
        if kind == "change":
            raw[place] = data.draw(st.integers(0, 255))
        elif kind == "cut" and len(raw) > 1:
            del raw[place : place + data.draw(st.integers(1, 40))]
            raw = raw or bytearray(b"\0")
        else:
            raw[place:place] = data.draw(st.binary(max_size=20))
    path.write_bytes(raw)
    (folder / "unpacked").mkdir()
    found, told = verdict(path)
    assert "\n" not in told
    assert all(member.path is None or member.path.parent == folder / "unpacked" for member in found)
    assert {entry.name for entry in folder.iterdir()} == {path.name, "unpacked"}


@settings(max_examples=150, deadline=None)
@given(raw=st.binary(max_size=400), ending=st.sampled_from(["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]))
def test_any_bytes_give_a_verdict(tmp_path_factory, raw, ending):
    folder = tmp_path_factory.mktemp("any")
    path = folder / f"s.{ending}"
    magic = {"zip": b"PK\5\6", "tar": b"", "tar.gz": b"\x1f\x8b\x08", "tar.bz2": b"BZh9", "tar.xz": b"\xfd7zXZ\0"}
    path.write_bytes(magic[ending] + raw)
    (folder / "unpacked").mkdir()
    _, told = verdict(path)
    assert "\n" not in told
