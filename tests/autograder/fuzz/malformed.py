"""Files that are nearly right, and files that never were: samples, strategies that damage them, words for it."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tarfile
import zipfile
import zlib
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

ROOT = Path(__file__).parents[3]
LARGE = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1)
WORDS: dict[str, list[str]] = {
    "py": [
        "def ", "class ", "lambda: ", "(", ")", "[" * 60, "{", "'''", '"""', "\\\n", "\n", "    ", "\t", "#",
        "# coding: ",
        "# -*- coding: utf-7 -*-\n", "# coding: rot13\n", "# coding: punycode\n", "# coding: unicode_escape\n",
        "\\ud800", "+AAA-+2AA-", "#coding=idna\n", "é", "\ufeff",
        "\0", "\x0c", "\r",
        "async ", "await ", "yield ", "import ", "from __future__ import ", "distances", "1e9999", "0x", "10**10**10",
        "'%s' % ", "f'{", "}'", ":=", "match x:\n case ", "return ", "-" * 40, "not " * 40, "1_", "\u2028",
        "\U0001f600",
        "f(" * 120, "x." * 200, "a if b else " * 50, "9" * 5000,
    ],
    "ipynb": [
        '"cells"', '"nbformat": 4', '"nbformat": 1e999', '"source"', '"cell_type": "code"', "[", "]", "{", "}", ",",
        ":", "null",
        "true", "1e400", "-0", '"\\ud800"', '"\\u0000"', "[" * 500, '"metadata": {"tags": [{}]}', "NaN",
        '"%%bash\\n"',
        '"def distances(a, b):\\n"', '"%%writefile dml.py\\n"', '"!"', "\ufeff", "9" * 5000, '"(\\n"',
    ],
    "roster": [
        "id", "email", "username", "name", "SIS User ID", "Points Possible", ",", ";", "\t", '"', '""', "\n", "\r",
        "\r\n", "\0",
        "a@b.c", "Participant ", "=cmd", "é", "ſ", "\ufeff", " ", "x" * 200, "İ", "\u202e", "1", "A" * 140_000,
    ],
    "sheet": [
        "Identifier", "Grade", "Maximum Grade", "Student", "ID", "Section", "Points Possible", "(read only)",
        "Lab (12)",
        ",", ";", "\t", '"', '""', "\n", "\r\n", "\r", "20", "20,0", "nan", "inf", "-1", "0", "1e400", "ada", "bob",
        "Full name",
        "Email address", "Feedback comments", "Grade can be changed", "No", "\ufeff", "=1", "é", "x" * 300,
    ],
    "metadata": [
        "submission_1:", "\n", "  :submitters:\n", "  - :name: ", "    :email: ", ":sid: ", "&a ", "*a",
        "!!python/object:os.system ",
        "!ruby/object:X ", "<<: ", "? ", "- ", "[", "{", "|", ">", "'", '"', "%YAML 9", "---\n", "\t", "1e9",
        "2026-05-31 12:00:00 -0700",
        ":created_at: ", "0001-01-01T00:00:00Z", "9999-12-31 23:59:59 +0000", "null", "~", "é", "\0", "[" * 300,
        "\ud7ff", "0o9", "60:60:60",
    ],
}  # fmt: skip
NAMES = (
    "dml.py", "DML.PY", "dml.ipynb", "s-1/dml.py", "s-2/dml (1).py", "../dml.py", "/etc/dml.py", "C:\\dml.py",
    "a\\b\\dml.py",
    "dml.py/", "./dml.py", "x/../dml.py", "dml.zip", "dml.tar.gz", "__MACOSX/dml.py", "é/dml.py", "a\nb/dml.py",
    "\x1b[31m.py",
    "x" * 300 + ".py", "d/" * 40 + "dml.py", "", ".", "CON.py", "timestamp.txt", "submission_metadata.yml",
    "dml.py\0.txt", ".git/dml.py",
)  # fmt: skip
CONTENTS = (
    b"",
    b"x = 1\n",
    b"\0",
    b"\xff\xfe",
    b"def distances(a, b):\n    return a\n",
    b"a" * 5000,
    b"PK\5\6" + b"\0" * 18,
)


@cache
def samples(door: str) -> list[bytes]:
    """Sound files for a door: what damage starts from."""
    made: dict[str, list[bytes]] = {
        "py": [(ROOT / "template" / "dml.py").read_bytes()[:6000], b"# coding: latin-1\nx = '\xe9'\n",
               b"\xef\xbb\xbfx = 1\n"],
        "ipynb": [_notebook()],
        "zip": [_zip(), _zip(zipfile.ZIP_STORED), _zip(zipfile.ZIP_BZIP2)],
        "tar": [_tar("w"), _tar("w:gz"), _tar("w:xz"), _tar("w:bz2"), _tar("w", tarfile.PAX_FORMAT)],
        "roster": [b"id,name,email\nada,Ada Example,ada@x.y\nbob,Bob,bob@x.y\n",
                   b"Student;ID;SIS Login ID\nA, B;1;ab\n"],
        "sheet": [
            b"Identifier,Full name,Email address,Grade,Maximum Grade,Feedback comments\n"
            b"Participant 1,Ada,ada@x.y,,20.00,\nada,Ada,a@x.y,3,20.00,\"a\"\"b\"\n",
            b"Student,ID,SIS Login ID,Section,Lab (12)\n    Points Possible,,,,20\n"
            b"\"Example, Ada\",1,ada,S,\nBob,2,bob,S,5\n",
        ],
        "metadata": [
            b"---\nsubmission_1:\n  :submitters:\n  - :name: Ada\n    :sid: '1'\n    :email: a@x.y\n"
            b"  :created_at: 2026-05-31 12:00:00.000000000 Z\n  :score: 1.0\nsubmission_2:\n  :submitters: []\n",
        ],
    }  # fmt: skip
    if door == "pt":
        return [_checkpoint(), pickle.dumps({"model": {}}), *_pickles()]
    if door == "safetensors":
        return [_safetensors()]
    return made["ipynb" if door == "ipynb-apart" else door]


def files(door: str) -> st.SearchStrategy[bytes]:
    """Any files for a door: damaged ones, ones of the right words in the wrong order, archives with odd members."""
    kind = "ipynb" if door == "ipynb-apart" else door
    ways = [damaged(samples(kind)), damaged(samples(kind)), st.binary(max_size=300)]
    if kind in WORDS:
        words = st.lists(st.sampled_from(WORDS[kind]) | st.text(max_size=6), max_size=40)
        ways.append(words.map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass")))
    if kind == "ipynb":
        ways += [_trees().map(lambda tree: json.dumps(tree).encode())] * 2
    if kind == "zip":
        ways += [
            _members().map(zip_of),
            st.builds(_patched_zip, _members(), st.binary(max_size=8), st.integers(0, 2**16)),
        ]
    if kind == "tar":
        ways += [st.builds(tar_of, _members(), st.sampled_from(("w", "w:gz", "w:xz", "w:bz2")), st.integers(0, 255))]
    return st.one_of(ways)


def damaged(sound: list[bytes]) -> st.SearchStrategy[bytes]:
    """A sound file with up to six wounds: bytes overwritten, cut out, put in, doubled; large numbers; cut short."""
    number = st.builds(
        lambda value, size: (value % 256**size).to_bytes(size, "little"),
        st.sampled_from(LARGE),
        st.sampled_from((1, 2, 4, 8)),
    )
    piece = st.binary(max_size=12) | number
    wound = st.tuples(st.sampled_from("ocidt"), st.integers(0, 2**16), st.integers(1, 200), piece)
    return st.builds(_wounded, st.sampled_from(sound), st.lists(wound, min_size=1, max_size=6))


def _wounded(data: bytes, wounds: list[tuple[str, int, int, bytes]]) -> bytes:
    for kind, place, length, piece in wounds:
        at = place % (len(data) + 1)
        if kind == "o":
            data = data[:at] + piece + data[at + len(piece) :]
        elif kind == "c":
            data = data[:at] + data[at + length :]
        elif kind == "i":
            data = data[:at] + piece + data[at:]
        elif kind == "d":
            data = data[: at + length] + data[at : at + length] * 3 + data[at + length :]
        else:
            data = data[:at]
    return data


def _trees() -> st.SearchStrategy:
    """Trees with the words of notebooks in them, mostly at the wrong place."""
    keys = st.sampled_from(
        "cells source cell_type metadata tags nbgrader grade_id nbformat kernelspec language".split()
    )
    leaves = st.sampled_from(
        ["code", "python", "R", 4, 3, None, True, 1.5, "def distances(a, b):\n    return a", "%%bash\nls", "x = ("]
    )
    trees = st.recursive(
        leaves | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
    )
    cell = st.fixed_dictionaries({"cell_type": st.just("code"), "source": trees, "metadata": trees})
    whole = st.fixed_dictionaries(
        {"nbformat": st.just(4), "metadata": trees, "cells": st.lists(cell | trees, max_size=4) | trees}
    )
    return whole | trees


def _members() -> st.SearchStrategy[list[tuple[str, bytes]]]:
    name = st.sampled_from(NAMES) | st.text(max_size=12)
    return st.lists(st.tuples(name, st.sampled_from(CONTENTS) | st.binary(max_size=40)), max_size=6)


def zip_of(members: list[tuple[str, bytes]]) -> bytes:
    """A zip of these files, in the order given; a zip of one of them inside if its name says so."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, data) in enumerate(members):
            info = zipfile.ZipInfo("placeholder")
            info.filename = name.encode("utf-8", "replace").decode()
            info.compress_type = (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_LZMA)[number % 3]
            info.external_attr = (0o100644, 0o120777, 0o060644, 0o040755)[len(data) % 4] << 16
            archive.writestr(info, data)
    return out.getvalue()


def _patched_zip(members: list[tuple[str, bytes]], piece: bytes, place: int) -> bytes:
    """A zip whose table of contents has other numbers than its files."""
    data = bytearray(zip_of(members))
    start = data.find(b"PK\1\2")
    if start >= 0:
        at = start + place % (len(data) - start)
        data[at : at + len(piece)] = piece
    return bytes(data)


def tar_of(members: list[tuple[str, bytes]], mode: str, kind: int) -> bytes:
    """A tar of these files, one of them of another type; sizes are what they are."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for number, (name, data) in enumerate(members):
            info = tarfile.TarInfo(name.encode("utf-8", "replace").decode() or "x")
            info.size = len(data)
            if number == kind % 7:
                info.type = bytes([b"0123456xgLKS7"[kind % 13]])
                info.linkname = "/etc/passwd"
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _notebook() -> bytes:
    sources = ("import torch\n", "%matplotlib inline\n!ls\n", "def distances(a, b):\n    return a - b\n", "x = (")
    cells = [
        {"cell_type": "code", "source": text.splitlines(True), "metadata": {"tags": ["distances"]}, "outputs": []}
        for text in sources
    ]
    tree = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {"language": "python"}}, "cells": cells}
    return json.dumps(tree, indent=1).encode()


def _zip(method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("s-1/dml.py", b"def distances(a, b):\n    return a\n" * 20)
        archive.writestr("s-1/notes.txt", b"hello")
        archive.writestr("s-2/dml.ipynb", _notebook())
    return out.getvalue()


def _tar(mode: str, form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=form) as archive:  # type: ignore[call-overload]
        for name, data in (("s-1/dml.py", b"x = 1\n"), (f"s-1/{'long' * 40}.py", b"y"), ("s-2/dml.ipynb", _notebook())):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _checkpoint() -> bytes:
    import torch

    from assignment.training.config import Config

    out = io.BytesIO()
    state = {"model": {"a.weight": torch.ones(2, 3), "n": torch.tensor(3)}, "epoch": 2, "monitor": 0.5, "format": 1}
    torch.save({**state, "config": dict(vars(Config()))}, out)
    return out.getvalue()


def _pickles() -> list[bytes]:
    """Zips of torch's kind whose pickle asks for other things than tensors."""
    made = []
    for program in (
        b"cos\nsystem\n(S'true'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"ctorch._utils\n_rebuild_tensor_v2\n(NI9999999\n(I-1\nt(I1\ntI00\nNtR.",
        b"cnumpy\nndarray\n(I999999999\ntR.",
        b"\x80\x02}" + b"(" * 2000 + b".",
        b"\x80\x02" + b"]q\x00h\x00a" * 200 + b".",
        b"\x80\x02\x8a\xff" + b"\xff" * 255 + b".",
        b"\x80\x02\x8d" + struct.pack("<Q", 2**40) + b"x.",
    ):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("best/data.pkl", program)
            archive.writestr("best/version", b"3\n")
            archive.writestr("best/byteorder", b"little")
        made.append(out.getvalue())
    return made


def _safetensors() -> bytes:
    header = {
        "__metadata__": {"config": "{}", "epoch": "1"},
        "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
    }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * 16


def number_of(data: bytes) -> int:
    """A short name for a file that found a fault."""
    return zlib.crc32(data)
