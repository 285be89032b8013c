"""From a graded class to the files that learning platforms read: one platform per file.

`results` reads what `batch` and `grade` wrote; `sheet` fills a table that a platform gave and leaves the rest alone.
"""

from __future__ import annotations


class ExportError(Exception):
    """What is given cannot be exported; one line says why and what to do."""


class OptionError(ExportError):
    """An option is missing or does not fit what is given; the line names it."""
