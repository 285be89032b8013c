"""Words and lines that every report needs: one printable line of any text, counts, points."""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL)


def one_line(text: object, limit: int = 300) -> str:
    r"""Return `text` as one printable line of at most `limit` characters.

    Terminal escapes, control characters and invisible characters are removed; white space becomes single spaces.

    >>> one_line("two\n lines \x1b[31mred\x1b[0m")
    'two lines red'
    """
    kept = ESCAPES.sub("", str(text)[: 4 * limit])
    kept = "".join(
        c if unicodedata.category(c)[0] not in "CZ" else " " if c.isspace() or c == "\0" else "" for c in kept
    )
    kept = " ".join(kept.split())
    return kept if len(kept) <= limit else kept[: limit - 1] + ELLIPSIS


def code_line(text: str, limit: int = 120) -> str:
    r"""Return a line of source without its indentation, otherwise like `one_line`; inner spaces stay.

    >>> code_line("\tx  =  1")
    'x  =  1'
    """
    text = ESCAPES.sub("", text[: 4 * limit].expandtabs(4)).strip()
    kept = "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else "" for c in text)
    return kept if len(kept) <= limit else kept[: limit - 1] + ELLIPSIS


def points(value: float) -> str:
    """Return points without needless digits.

    >>> points(2.0), points(0.5), points(13.254)
    ('2', '0.5', '13.25')
    """
    return f"{round(value, 2):g}"


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number and what it counts; `many` is the plural where that is not `one` with an "s".

    >>> counted(1, "student"), counted(2, "student"), counted(3, "query", "queries")
    ('1 student', '2 students', '3 queries')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
