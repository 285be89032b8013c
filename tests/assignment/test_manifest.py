"""The manifest: it parses, it sums, it refuses contradictions."""

from __future__ import annotations

import pytest

from assignment import manifest


def test_points():
    loaded = manifest.load()
    assert loaded.points == 20
    assert loaded.bonus_points > 0
    assert [task.number for task in loaded.tasks] == list(range(1, len(loaded.tasks) + 1))


def test_every_name_of_a_task_stands_in_the_reference():
    from solution import dml

    for task in manifest.load().tasks:
        for name in task.names:
            assert callable(getattr(dml, name)), f"{task.id}: {name}"


def test_unknown_task_names_the_known_ones():
    with pytest.raises(manifest.ManifestError, match="triplet-loss"):
        manifest.load().task("tripletloss")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('id = "triplet-loss"', 'id = "descriptor"'), "used twice"),
        (('needs = ["triplet-loss"]', 'needs = ["smooth-ap"]'), "no earlier task"),
    ],
)
def test_contradictions(change, message):
    text = manifest.PATH.read_text(encoding="utf-8")
    assert change[0] in text
    with pytest.raises(manifest.ManifestError, match=message):
        manifest.parse(text.replace(*change))
