"""What a test needs beside Python, one marker each: where it is missing, the test is skipped with the reason."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.autograder.browser import CHROMIUM

NEEDS = {  # marker: (is it here?, reason for the skip); the other markers' tests find out for themselves
    "needs_browser": (CHROMIUM is not None, "chromium is not installed"),
    "needs_bubblewrap": (shutil.which("bwrap") is not None, "bubblewrap is not installed"),
    "needs_root": (os.geteuid() == 0, "only root may mount file systems and change users"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker, (here, reason) in NEEDS.items():
            if not here and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))
