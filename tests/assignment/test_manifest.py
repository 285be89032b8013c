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
        (('id = "triplet-loss"', 'id = "descriptor"'), "[[tasks]] descriptor: the id is used twice"),
        (('needs = ["triplet-loss"]', 'needs = ["smooth-ap"]'), "'smooth-ap', which is not the id of an earlier task"),
        (('title = "ArcFace"\n', ""), "[[tasks]] arcface: 'title' is missing"),
        (('title = "ArcFace"', "titel = 3"), "[[tasks]] arcface: there is no key 'titel'; did you mean 'title'?"),
        (('title = "ArcFace"\npoints = 2', 'title = "ArcFace"\npoints = "2"'), "'points' must be of type float"),
        (('title = "ArcFace"\npoints = 2', 'title = "ArcFace"\npoints = 0'), "'points' must be above 0"),
        (("bonus = true", "bonus = 1"), "[[tasks]] contrastive: 'bonus' must be of type bool"),
        (('names = ["ArcFace"]', 'names = "ArcFace"'), "[[tasks]] arcface: 'names' must be a list of strings"),
        (('loop_free = ["distances"]', 'loop_free = ["distance"]'), "[[tasks]] distances: 'loop_free' has 'distance'"),
        (("trains = true\n", ""), "exactly one task must have 'trains = true'"),
        (
            ('canary = "triplet-loss--', 'canary = "triplet--'),
            "canary: 'triplet--no-hinge' is not <task-id>--<mistake>",
        ),
        (('gem = ["GeM_pool"', 'gem = ["train"'), "[aliases]: 'train' is used for two things"),
        (('gem = ["GeM_pool"', 'gemm = ["GeM_pool"'), "[aliases]: 'gemm' is not in the 'names' of any task"),
        (
            ("test_seconds = ", "test_second = "),
            "[limits]: there is no key 'test_second'; did you mean 'test_seconds'?",
        ),
        (("[late]", "[later]"), "the manifest: the table [late] is missing"),
        (('file = "dml.py"', 'files = "dml.py"'), "the manifest: there is no key 'files'; did you mean 'file'?"),
        (('file = "dml.py"', "file ="), "the manifest: not TOML: "),
    ],
)
def test_a_faulty_manifest_is_one_line(change, message):
    text = manifest.PATH.read_text(encoding="utf-8")
    assert change[0] in text
    with pytest.raises(manifest.ManifestError) as problem:
        manifest.parse(text.replace(*change, 1))
    assert message in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_number_finds_a_task_too():
    assert manifest.load().task("2").id == "triplet-loss"
