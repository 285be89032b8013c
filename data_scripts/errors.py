"""Problems while data are fetched; each kind has its exit status."""

from __future__ import annotations


class Problem(Exception):
    """A one-line message for the user, and the exit status of the command."""

    status = 1


class Unavailable(Problem):
    """No network, no such archive or no such folder; the message says what to fetch and where to put it."""

    status = 3


class Damaged(Problem):
    """An archive or file is truncated or changed, or has contents of no data set (links, devices, outside paths)."""

    status = 4


class NoRoom(Problem):
    """The disk is full or not writable."""

    status = 5
