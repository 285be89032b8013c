"""The experiments of the course: one TOML file each in `recipes/`, whose first comment line describes it.

A recipe consists of settings (see `python -m assignment config`). The file's name is the recipe's name; the part before
the first hyphen is its family, which has one table.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("recipes")
# Families in the order of the course, with the titles of their tables.
FAMILIES = {
    "cub": "CUB-200-2011: unseen bird species",
    "fashion": "FashionMNIST, the lab's protocol: seen classes, 100 queries among 1,000 test images",
    "unseen": "FashionMNIST: held-out classes, gallery of all ten classes",
    "pets": "Oxford-IIIT Pet: unseen breeds",
    "sop": "Products: unseen classes",
}


@dataclass(frozen=True)
class Recipe:
    """One experiment. `about`: its first comment line."""

    name: str
    path: Path
    about: str

    @property
    def family(self) -> str:
        """The family whose table it belongs to."""
        return self.name.split("-")[0]


def load() -> list[Recipe]:
    """Return all recipes, ordered by family and name.

    Raises:
        ValueError: a recipe has no description or no known family.
    """
    found = []
    for path in sorted(FOLDER.glob("*.toml")):
        first = path.read_text(encoding="utf-8").split("\n", 1)[0]
        if not first.startswith("# ") or path.stem.split("-")[0] not in FAMILIES:
            raise ValueError(
                f"recipe {path.name}: needs a first line '# description' and a name that begins with a family"
            )
        found.append(Recipe(path.stem, path, first[2:].strip()))
    order = list(FAMILIES)
    return sorted(found, key=lambda recipe: (order.index(recipe.family), recipe.name))


def find(name: str) -> Recipe:
    """Return the recipe of this name; ValueError names the nearest one if there is none."""
    recipes = {recipe.name: recipe for recipe in load()}
    if name not in recipes:
        near = difflib.get_close_matches(name, recipes, 1)
        advice = f"did you mean {near[0]}?" if near else "`python -m solution list` lists them"
        raise ValueError(f"unknown recipe '{name}'; {advice}")
    return recipes[name]
