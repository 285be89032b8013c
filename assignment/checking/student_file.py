"""What a probe needs to know about the student's file; the agent provides it."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol


class StudentFile(Protocol):
    """The imported file, and its functions and classes under the names of the task sheet."""

    module: ModuleType

    def find(self, name: str) -> Callable[..., Any]:
        """Return what the file calls `name`; LookupError if the file does not define it."""
