"""One wall for all tests that grade: its libraries are imported once."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from assignment.manifest import load


@pytest.fixture(scope="session")
def short_manifest():
    """The manifest with limits that a test can wait for."""
    manifest = load()
    limits = dataclasses.replace(manifest.limits, test_seconds=1.5, submission_seconds=6.0, import_seconds=3.0)
    return dataclasses.replace(manifest, limits=limits)


@pytest.fixture(scope="session")
def wall(short_manifest):
    """A wall of bubblewrap."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed: there is no wall to test")
    from autograder.sandbox.wall import Wall

    with Wall("bubblewrap", short_manifest) as made:
        yield made
