"""SIGTERM, as a service manager or a queue sends it, ends a command like Ctrl-C: with all that has to be cleaned up."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """This process was asked to end."""


@contextmanager
def sigterm_like_ctrl_c() -> Iterator[None]:
    """Have SIGTERM raise Terminated, once: a second one must not cut the cleaning up short."""

    def stop(number: int, frame: object) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
