"""The tables of RECORD.md, written from the dataclasses of the record between two marks."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin, get_type_hints

from typing_extensions import Doc

from autograder.grading.record import Number, Record, Tree

MANUAL = "autograder/reports/RECORD.md"
BEGIN = "<!-- entries: made from autograder/grading/record.py by `python -m autograder release`; edits are lost -->"
END = "<!-- end of entries -->"
NAMES = {str: "text", int: "int", bool: "bool", Tree: "object", Number: "number", dict[str, Number]: "object"}


class RecordManualError(ValueError):
    """The marks of the table are missing."""


def rows(kind: type, path: str = "") -> Iterator[str]:
    """Yield the rows of the table for one dataclass and those that it holds."""
    hints = get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        hint, doc = get_args(hints[field.name])[:2]
        hint, optional = _without_none(hint)
        many = get_origin(hint) is tuple
        inner = get_args(hint)[0] if many else hint
        name = f"{path}{field.name}"
        own = dataclasses.is_dataclass(inner) and inner.__module__ == kind.__module__
        what = "object" if dataclasses.is_dataclass(inner) else NAMES.get(inner, "value")
        text = (f"list of {what}s" if many else what) + (" or null" if optional else "")
        yield f"| `{name}` | {text} | {_doc(doc)} |"
        if own:
            yield from rows(inner, f"{name}[]." if many else f"{name}.")


def with_rows(text: str) -> str:
    """Return the manual with fresh rows; RecordManualError where the marks are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RecordManualError(f"{MANUAL} needs the lines '{BEGIN}' and '{END}'")
    table = "\n".join(["| entry | type | meaning |", "|---|---|---|", *rows(Record)])
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def _without_none(hint: Any) -> tuple[Any, bool]:
    parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else ()
    rest = [part for part in parts if part is not types.NoneType]
    if len(rest) == len(parts):
        return hint, False
    return (rest[0] if len(rest) == 1 else Union[tuple(rest)]), True


def _doc(doc: Doc) -> str:
    return doc.documentation
