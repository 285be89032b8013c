"""The recipes are settings that exist, a run leaves one file, and the tables say what the files say."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assignment.training import config, loop
from solution import __main__ as command
from solution import catalogue, tables

SET = ("data=sample", "protocol=held-out", "backbone=small_resnet", "epochs=1", "schedule=none", "threads=1")
ONE_EPOCH = [part for setting in SET for part in ("--set", setting)]


@pytest.fixture
def own_results(tmp_path, monkeypatch) -> Path:
    """Results go to a folder of the test's own, which begins empty."""
    monkeypatch.setattr(tables, "FOLDER", tmp_path / "results")
    return tmp_path


def tree(p1: float, n: int = 40) -> dict:
    shots = {"way": 5, "shot": 5, "accuracy": p1, "interval": 0.01}
    figures = dict.fromkeys(tables.KEPT, p1) | {"n_queries": n, "n_lone": 0, "few_shot": shots}
    return figures | {"accuracy": p1, "data": {"data": "pets", "whole": False, "note": "pets: 9 of | 10 images"}}


def made_up(seed: int, before: float, after: float, recipe: str = "pets-1-triplet", epochs: int = 2) -> tables.Row:
    moments = (("before", before), ("after", after))
    versions = {"torch": "2.9.0", "python": "3.12", "machine": "m", "device": "cpu"}
    return {
        "recipe": recipe,
        "backbone": "resnet18",
        "changed": {},
        "seed": seed,
        "epochs": epochs,
        "best_epoch": epochs,
        "seconds": 60.0,
        "cpu_seconds": 90.0,
        "figures": {f"{when} {part}": tree(p1) for when, p1 in moments for part in ("val", "test")},
        "versions": versions | {"date": f"2026-01-0{seed + 1}T00:00:00"},
    }


@pytest.mark.parametrize("recipe", catalogue.load(), ids=lambda recipe: recipe.name)
def test_a_recipe_is_settings_that_exist(recipe):
    assert config.to_toml(config.resolve(recipe.path, {}))
    assert len(recipe.about) > 10


def test_every_experiment_of_the_course_has_a_recipe():
    names = {recipe.name for recipe in catalogue.load()}
    cub = {
        "lab",
        "margin-0",
        "margin-0.8",
        "contrastive",
        "random-negatives",
        "reduction-64",
        "no-augmentation",
        "long",
    }
    assert {f"cub-{name}" for name in cub} <= names
    assert {f"sop-{name}" for name in ("plain", "cross-entropy", "arcface", "siamese", "triplet")} <= names
    assert len([name for name in names if name.startswith("pets-")]) == 6


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(ValueError, match="did you mean cub-lab"):
        catalogue.find("cub-lap")


def test_a_recipe_without_words_is_refused(tmp_path, monkeypatch):
    (tmp_path / "cub-x.toml").write_text('data = "cub"\n', encoding="utf-8")
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"cub-x\.toml"):
        catalogue.load()


def test_a_row_is_the_mean_over_the_seeds():
    rows = [made_up(0, 0.25, 0.5), made_up(1, 0.25, 0.5), made_up(2, 0.25, 0.5)]
    line = tables.table("pets", rows, [catalogue.find("pets-1-triplet")])[-1]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    both = "0.250 ± 0.000 → 0.500 ± 0.000"
    assert cells[:6] == ["pets-1-triplet", "resnet18", "9 of / 10 images", "3", "2, 2, 2", both]
    assert set(cells[6:14]) == {both} and cells[14:] == ["1.0", "1.5", "cpu", "2.9.0", "2026-01-03"]


def test_one_seed_has_the_interval_of_its_episodes():
    line = tables.table("pets", [made_up(0, 0.25, 0.5)], [catalogue.find("pets-1-triplet")])[-1]
    assert "0.250 ± 0.010 → 0.500 ± 0.010" in line and "| 0.250 → 0.500 |" in line


def test_frozen_rows_have_one_figure_and_missing_ones_say_so():
    recipes = [catalogue.find("cub-frozen"), catalogue.find("cub-lab")]
    lines = tables.table("cub", [made_up(0, 0.25, 0.25, "cub-frozen", epochs=0)], recipes)
    assert "→" not in lines[2] and "0.250" in lines[2]
    assert lines[3].startswith("| cub-lab | *not run* |")
    assert len({line.count("|") for line in lines}) == 1


def test_runs_with_other_settings_are_rows_of_their_own():
    other = copy.deepcopy(made_up(0, 0.25, 0.75))
    other["changed"] = {"epochs": 9}
    assert len(tables.groups([made_up(0, 0.25, 0.5), other], catalogue.find("pets-1-triplet"))) == 2


def test_a_row_of_a_recipe_that_has_changed_says_so():
    recipe = catalogue.find("pets-1-triplet")
    row = made_up(0, 0.25, 0.5)
    row["changed"] = {"lr": 0.5}
    row["settings"] = asdict(config.resolve(recipe.path, {"lr": "0.5", "backbone": "resnet18"}))
    assert "earlier recipe" not in tables.table("pets", [row], [recipe])[-1]
    row["settings"]["margin"] += 0.1
    assert "by an earlier recipe" in tables.table("pets", [row], [recipe])[-1]


def test_the_committed_page_is_what_the_files_say():
    assert (tables.FOLDER / "README.md").read_text(encoding="utf-8") == tables.page(tables.read())


def test_a_run_leaves_a_file_and_is_not_repeated(own_results, tmp_path):
    run = ["run", "fashion-cross-entropy", *ONE_EPOCH, "--out", str(tmp_path / "runs")]
    first = CliRunner().invoke(command.app, run)
    assert first.exit_code == 0, first.output
    (file,) = (own_results / "results" / "runs").glob("*.json")
    row = json.loads(file.read_text(encoding="utf-8"))
    assert (row["recipe"], row["backbone"], row["seed"], row["epochs"]) == (
        "fashion-cross-entropy",
        "small_resnet",
        0,
        1,
    )
    assert row["changed"] == {"data": "sample", "epochs": 1, "protocol": "held-out", "schedule": "none"}
    assert 0 < row["figures"]["after test"]["P@1"] <= 1
    again = CliRunner().invoke(command.app, run)
    assert again.exit_code == 0 and "already finished" in again.output
    changed = next((tmp_path / "runs").glob("*/seed0/config.toml"))
    changed.write_text(changed.read_text(encoding="utf-8").replace("scale = 16.0", "scale = 8.0"), encoding="utf-8")
    other = CliRunner().invoke(command.app, run)  # as if the recipe had been changed since
    assert other.exit_code == 2 and "was run with scale = 8.0, not 16.0" in other.stderr
    written = CliRunner().invoke(command.app, ["tables"])
    assert written.exit_code == 0, written.output
    page = (own_results / "results" / "README.md").read_text(encoding="utf-8")
    assert "small_resnet, data sample, epochs 1, protocol held-out, schedule none" in page
    assert (own_results / "results" / "curves-fashion.svg").is_file()


def test_a_trial_never_looks_at_the_test_classes(own_results, tmp_path, monkeypatch):
    asked: list[str] = []
    measured = loop.measured
    monkeypatch.setattr(
        loop, "measured", lambda net, data, part, how: asked.append(part) or measured(net, data, part, how)
    )
    for rate in ("0.001", "0.002"):
        trial = ["run", "fashion-cross-entropy", "--trial", *ONE_EPOCH, "--set", f"lr={rate}"]
        result = CliRunner().invoke(command.app, [*trial, "--out", str(tmp_path / "runs")])
        assert result.exit_code == 0, result.output
        assert "test" not in result.output.split("epoch   0")[1].lower().replace(str(tmp_path), "")
    assert set(asked) == {"val"} and not (own_results / "results" / "runs").exists()
    assert CliRunner().invoke(command.app, ["tables"]).exit_code == 0
    page = (own_results / "results" / "trials.md").read_text(encoding="utf-8")
    assert "| lr | seeds |" in page and "| 0.001 | 1 |" in page and "| 0.002 | 1 |" in page
    assert "fashion-cross-entropy | *not run*" in (own_results / "results" / "README.md").read_text(encoding="utf-8")


def test_the_committed_page_of_trials_is_what_the_files_say():
    trials, page = tables.read("trials"), tables.FOLDER / "trials.md"
    assert page.exists() == bool(trials)
    assert not trials or page.read_text(encoding="utf-8") == tables.trials_page(trials)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cub-lap"], "did you mean cub-lab"),
        (["cub-lab", "--set", "backbone"], "write name=value"),
        (["cub-lab", "--set", "lrr=1"], "did you mean `lr`"),
        (["cub-lab", "--set", "root=nowhere", "--set", "weights="], "nowhere"),
    ],
)
def test_a_mistake_is_one_line(own_results, tmp_path, arguments, words, capfd):
    result = CliRunner().invoke(command.app, ["run", *arguments, "--out", str(tmp_path / "runs")])
    assert result.exit_code == 2
    said = result.stderr.strip()
    assert words in said and "\n" not in said


def test_the_list_has_every_recipe():
    result = CliRunner().invoke(command.app, ["list"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) == len(catalogue.load())
