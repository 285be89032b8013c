"""What many tests share and takes time to make: a wall, records of whole files, a trained checkpoint."""

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


@pytest.fixture(scope="session")
def full():
    """The record of the reference."""
    from autograder.grading.reference_files import reference
    from tests.autograder.made_up_grades import real_record

    return real_record(reference())


@pytest.fixture(scope="session")
def empty():
    """The record of the template."""
    from autograder.grading.reference_files import template
    from tests.autograder.made_up_grades import real_record

    return real_record(template())


@pytest.fixture(scope="session")
def partial():
    """The record of the reference with several of the usual mistakes."""
    from tests.autograder.made_up_grades import partial_source, real_record

    return real_record(partial_source())


@pytest.fixture(scope="session")
def trained():
    """A checkpoint that was trained for seconds."""
    from tests.autograder import checkpoints_at_hand

    return checkpoints_at_hand.trained()


@pytest.fixture(scope="session")
def untrained():
    """The checkpoint that a run begins with."""
    from tests.autograder import checkpoints_at_hand

    return checkpoints_at_hand.untrained()
