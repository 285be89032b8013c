"""What can go wrong while data are fetched; every kind has its exit status."""

from __future__ import annotations


class Problem(Exception):
    """A message for the user, one line, and the exit status of the command."""

    status = 1


class Unavailable(Problem):
    """There is no network, no such archive, no such folder; the message says what to fetch and where to put it."""

    status = 3


class Damaged(Problem):
    """An archive or a file is cut short, changed, or would do what no data set does."""

    status = 4


class NoRoom(Problem):
    """The disk is full or must not be written to."""

    status = 5
