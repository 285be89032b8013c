"""Settings: defaults, recipe, command line, in that order of strength; what does not fit is one line."""

from __future__ import annotations

from dataclasses import asdict, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignment import backbones
from assignment.training import config
from assignment.training.config import Config


@pytest.fixture
def recipe(tmp_path):
    def write(text: str):
        path = tmp_path / "recipe.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_recipe_beats_default_and_command_line_beats_recipe(recipe):
    path = recipe('loss = "arcface"\nmargin = 0.5\nepochs = 3\n')
    resolved = config.resolve(path, {"epochs": "7"})
    assert (resolved.loss, resolved.margin, resolved.epochs, resolved.lr) == ("arcface", 0.5, 7, Config().lr)


def test_a_default_on_the_command_line_beats_the_recipe(recipe):
    assert config.resolve(recipe("epochs = 3\n"), {"epochs": str(Config().epochs)}).epochs == Config().epochs


@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20), lr=st.floats(0, 10), seed=st.integers(0, 99)
)
def test_toml_comes_back(text, lr, seed):
    first = Config(root=text, lr=lr, seed=seed, augment=False)
    for written in (config.to_toml(first), config.explain(first)):
        assert Config(**config.tomllib.loads(written)) == first


def test_every_setting_says_what_it_means():
    text = config.explain(Config())
    for entry in fields(Config):
        assert f"# {entry.metadata['meaning']}" in text
        assert f"\n{entry.name} = " in text


def test_choices_are_those_of_the_program():
    assert set(config.BACKBONES) == set(backbones.BACKBONES)


def test_words_of_the_command_line_have_types():
    resolved = config.resolve(None, {"augment": "no", "lr": "1e-4", "workers": "2", "root": "a b"})
    assert (resolved.augment, resolved.lr, resolved.workers, resolved.root) == (False, 1e-4, 2, "a b")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"margn": "1"}, "did you mean `margin`"),
        ({"qqqq": "1"}, "lists them all"),
        ({"epochs": "many"}, "epochs = 'many': must be a whole number"),
        ({"epochs": "-1"}, "epochs = -1: must be at least 0"),
        ({"epochs": "1.5"}, "must be a whole number"),
        ({"lr": "nan"}, "lr = nan: must be a finite number"),
        ({"lr": "inf"}, "lr = inf: must be a finite number"),
        ({"dropout": "1"}, "must be at most 0.99"),
        ({"augment": "perhaps"}, "must be true or false"),
        ({"loss": "triplets"}, "must be one of triplet, .* did you mean triplet"),
        ({"negatives": "all"}, "loss triplet: negatives must be one of hard, random"),
        ({"loss": "batch-triplet", "negatives": "random"}, "must be one of all, hard, semi-hard"),
        ({"loss": "smooth-ap", "batch_size": "6"}, "use a batch_size of at least 8"),
        ({"batchnorm": "train"}, "use batchnorm = frozen"),
        ({"schedule": "warmup-cosine", "epochs": "2", "warmup_epochs": "2"}, "leaves no epoch"),
    ],
)
def test_wrong_settings_are_one_line(overrides, words):
    with pytest.raises(ValueError, match=words) as caught:
        config.resolve(None, overrides)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epoch = 3", "recipe .*recipe.toml: there is no setting `epoch`; did you mean `epochs`"),
        ("[training]\nlr = 1", "there is no setting `training`"),
        ("lr = ", "recipe.toml: "),
        ("augment = 1", "augment = 1: must be true or false"),
        ("epochs = true", "epochs = True: must be a whole number"),
        ("root = 3", "root = 3: must be text"),
        ("epochs = 3.0", "epochs = 3.0: must be a whole number"),
    ],
)
def test_wrong_recipes_are_one_line(recipe, text, words):
    with pytest.raises(ValueError, match=words) as caught:
        config.resolve(recipe(text), {})
    assert "\n" not in str(caught.value)


def test_a_missing_recipe_is_named(tmp_path):
    with pytest.raises(ValueError, match="there is no such file"):
        config.resolve(tmp_path / "none.toml", {})


def test_whole_numbers_do_for_fractions(recipe):
    assert config.resolve(recipe("lr = 1"), {}).lr == 1.0
    assert all(type(value) is type(getattr(Config(), name)) for name, value in asdict(Config(lr=1)).items())
