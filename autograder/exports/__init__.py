"""Export a graded class to the formats of learning platforms, one module per platform.

`results` reads the output of `batch` and `grade`; `sheet` fills cells of a platform's table and changes nothing else.
"""

from __future__ import annotations


class ExportError(Exception):
    """The input cannot be exported; the message is one line that says why and what to do."""


class OptionError(ExportError):
    """An option is missing or does not match the input; the message names it."""
