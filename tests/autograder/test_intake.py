"""What is wrong with a file as a file is said in one line."""

from __future__ import annotations

import os
import time

import pytest

from assignment.manifest import load
from autograder.intake import IntakeError, read_submission

GOOD = b"def triplet_loss(a, b, margin):\n    return a\n"


def refused(path) -> str:
    with pytest.raises(IntakeError) as caught:
        read_submission(path, load())
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_good_file(tmp_path):
    path = tmp_path / "dml.py"
    path.write_bytes(GOOD)
    submission = read_submission(path, load(), owner="s-17")
    assert submission.source == GOOD.decode()
    assert (submission.name, submission.owner, len(submission.sha256)) == ("dml.py", "s-17", 64)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        "# žluťoučký\n".encode() + GOOD,
        "# coding: latin-1\n# caf\u00e9\n".encode("latin-1") + GOOD,
        b"\xef\xbb\xbf# coding: latin-1\n" + GOOD,
    ],
    ids=["byte-order mark", "CRLF", "UTF-8", "Latin-1", "both"],
)
def test_harmless_variants(tmp_path, data):
    path = tmp_path / "dml.py"
    path.write_bytes(data)
    compile(read_submission(path, load()).source, "dml.py", "exec")


def test_declared_encoding(tmp_path):
    path = tmp_path / "dml.py"
    path.write_bytes("# -*- coding: latin-1 -*-\nname = 'é'\n".encode("latin-1"))
    scope: dict = {}
    exec(compile(read_submission(path, load()).source, "dml.py", "exec"), scope)
    assert scope["name"] == "é"


def test_missing_folder_empty(tmp_path):
    assert "does not exist" in refused(tmp_path / "dml.py")
    assert "is a folder" in refused(tmp_path)
    (tmp_path / "empty.py").write_bytes(b" \n\n")
    assert "is empty" in refused(tmp_path / "empty.py")


def test_not_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    assert "not a regular file" in refused(tmp_path / "pipe.py")
    assert "not a regular file" in refused(tmp_path.__class__("/dev/zero"))


def test_too_large(tmp_path):
    path = tmp_path / "dml.py"
    with path.open("wb") as file:
        file.truncate(50 << 20)
    assert "MB" in refused(path)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"x = 1\ny = '\0'\n", "line 2: null byte"),
        (b"x = 1\ny = '\xff'\n", "line 2: byte 0xff is not utf-8"),
        ("x = 1\n".encode("utf-16"), "UTF-16"),
        (b"# coding: klingon\nx = 1\n", "klingon"),
        (b"#coding:rot13", "rot13"),  # a codec that Python reads no files in
        (b"# coding: undefined\nx = 1\n", "undefined"),
        (b"# coding: unicode-escape\nx = '\\ud800'\n", "unicode-escape"),
        (b"# coding: utf-7\nx = '+2AA-'\n", "utf-7"),  # half of a pair of surrogates
        (b"# coding: utf-7\nx = '+AAA-'\n", "null byte"),
        (b"# coding: punycode\na-" + b"b" * 400_000, "punycode"),  # a minute of decoding
    ],
)
def test_no_text(tmp_path, data, says):
    path = tmp_path / "dml.py"
    path.write_bytes(data)
    start = time.process_time()
    assert says in refused(path)
    assert time.process_time() - start < 1
