"""The official layout of Oxford-IIIT Pet, in miniature."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from assignment import datasets
from assignment.datasets import DataMissing, pets


def make(root: Path, per_breed: int = 2) -> Path:
    (root / "images").mkdir(parents=True)
    (root / "annotations").mkdir()
    lines = ["#Image CLASS-ID SPECIES BREED ID"]
    for breed, label in pets.LABELS.items():
        for i in range(per_breed):
            Image.new("RGB", (20, 16), (label, 0, 0)).save(root / "images" / f"{breed}_{i + 1}.jpg")
            lines.append(f"{breed}_{i + 1} {label + 1} {1 if breed[0].isupper() else 2} 1")
    (root / "annotations" / "list.txt").write_text("\n".join(lines), encoding="utf-8")
    return root


def test_breeds_are_divided_and_disjoint(tmp_path):
    data = datasets.load("pets", make(tmp_path))
    parts = [set(split.labels.tolist()) for split in (data.train, data.val.queries, data.test.queries)]
    assert [len(part) for part in parts] == [20, 7, 10]
    assert len(set.union(*parts)) == 37
    names = {data.class_names[label] for label in parts[2]}
    assert {"american bulldog", "Egyptian Mau", "samoyed", "Siamese", "wheaten terrier"} <= names
    assert data.note == "pets: a part of the set: 74 of the 7,349 images"
    assert data.licence.endswith("CC BY-SA 4.0")


def test_cats_and_dogs_are_in_every_part():
    for breeds in pets.BREEDS.values():
        assert {breed[0].isupper() for breed in breeds} == {True, False}
        assert len(set(breeds)) == len(breeds)


def test_the_breed_ends_at_the_last_underscore():
    assert pets.breed_of("american_bulldog_12") == "american_bulldog"
    assert pets.breed_of("staffordshire_bull_terrier_1") == "staffordshire_bull_terrier"
    assert pets.breed_of("pug_104") == "pug"


def test_labels_are_the_official_ones_less_one(tmp_path):
    found = pets.listing(make(tmp_path))
    lines = (tmp_path / "annotations/list.txt").read_text("utf-8").splitlines()[1:]
    assert found.labels.tolist() == [int(line.split()[1]) - 1 for line in lines]
    assert list(pets.LABELS)[:4] == ["Abyssinian", "american_bulldog", "american_pit_bull_terrier", "basset_hound"]


def test_the_two_official_lists_replace_the_long_one(tmp_path):
    root = make(tmp_path)
    lines = (root / "annotations/list.txt").read_text("utf-8").splitlines()
    (root / "annotations/list.txt").unlink()
    with pytest.raises(DataMissing, match=r"trainval\.txt is not in"):
        datasets.load("pets", root)
    (root / "annotations/trainval.txt").write_text("\n".join(lines[1:40]), encoding="utf-8")
    (root / "annotations/test.txt").write_text("\n".join(lines[40:]), encoding="utf-8")
    assert len(pets.listing(root).labels) == 74


def test_an_unknown_breed_is_one_line(tmp_path):
    root = make(tmp_path)
    with open(root / "annotations/list.txt", "a", encoding="utf-8") as file:
        file.write("\nbulldog_1 1 1 1")
    with pytest.raises(DataMissing, match="line 76: 'bulldog_1' is not one of the 37 breeds"):
        datasets.load("pets", root)
