"""Decode the bytes of a Python file, at home and in the grader alike."""

from __future__ import annotations

import codecs
import io
import re
import tokenize

NOT_FOR_FILES = ("punycode", "idna", "undefined", "unicode_escape", "raw_unicode_escape")  # Python's, of parts of texts


class SourceError(ValueError):
    """The bytes are not the text of a Python file; the message is one line.

    Attributes:
        line: where, counted from 1; 0 if unknown.
    """

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def decode(data: bytes, name: str) -> str:
    """Decode Python source by its byte-order mark or coding line, otherwise as UTF-8; line ends stay as they are.

    A coding line other than UTF-8's is replaced, because the text is written as UTF-8 later on.

    Args:
        name: of the file, for the message.

    Raises:
        SourceError: the bytes are not a text that Python reads.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SourceError(f"{name}: encoded as UTF-16, which Python does not read; save the file as UTF-8")
    if (position := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, position) + 1
        raise SourceError(f"{name}, line {line}: null byte; save the file as plain text in UTF-8", line)
    encoding = _encoding(data, name)
    try:
        text = data.decode(encoding)
        text.encode()
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        byte = data[problem.start]
        raise SourceError(
            f"{name}, line {line}: byte 0x{byte:02x} is not {problem.encoding}; save the file as UTF-8", line
        ) from None
    except (LookupError, UnicodeError):  # a codec such as rot13, or half of a surrogate pair
        raise SourceError(f"{name}: cannot be decoded as '{encoding}'; save the file as UTF-8") from None
    if "\0" in text:
        raise SourceError(f"{name}: null byte; save the file as plain text in UTF-8")
    if encoding not in ("utf-8", "utf-8-sig"):
        text = re.sub(r"coding[:=]\s*[-\w.]+", "encoded", text, count=1)
    return text.removeprefix("\ufeff")


def _encoding(data: bytes, name: str) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as problem:
        if not str(problem.msg).startswith("unknown encoding"):
            return "utf-8-sig"  # decoding tells which byte of the first two lines is at fault
        unknown = " ".join(str(problem.msg).split())[:120]
        raise SourceError(f"{name}: {unknown}; save the file as UTF-8") from None
    if codecs.lookup(encoding).name.replace("-", "_") in NOT_FOR_FILES:
        raise SourceError(f"{name}: cannot be decoded as '{encoding}'; save the file as UTF-8")
    return encoding
