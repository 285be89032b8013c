"""Handle SIGTERM, which service managers and queues send, like Ctrl-C, so that a command cleans up."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """The process received SIGTERM."""


@contextmanager
def sigterm_like_ctrl_c() -> Iterator[None]:
    """Raise Terminated at the first SIGTERM; further ones are ignored, so that the clean-up is not interrupted."""

    def stop(number: int, frame: object) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
