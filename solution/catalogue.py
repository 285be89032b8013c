"""The experiments of the course: one TOML file each in `recipes/`, with a first comment line that says what it shows.

A recipe holds settings (see `python -m assignment config`). Its name is that of the file; the part before the first
hyphen is its family, whose table it belongs to.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("recipes")
# In the order of the course: family → heading of its table.
FAMILIES = {
    "cub": "CUB-200-2011: birds of species never seen",
    "fashion": "FashionMNIST, the lab's protocol: classes seen, 100 queries among 1,000 test images",
    "unseen": "FashionMNIST, held-out classes in an open gallery of all ten",
    "pets": "Oxford-IIIT Pets: breeds never seen",
    "sop": "Products: classes never seen",
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
    """Return all recipes, by family and name.

    Raises:
        ValueError: a recipe without a first comment line, or of an unknown family.
    """
    found = []
    for path in sorted(FOLDER.glob("*.toml")):
        first = path.read_text(encoding="utf-8").split("\n", 1)[0]
        if not first.startswith("# ") or path.stem.split("-")[0] not in FAMILIES:
            raise ValueError(
                f"recipe {path.name}: begin the file with a comment, and its name with one of {', '.join(FAMILIES)}"
            )
        found.append(Recipe(path.stem, path, first[2:].strip()))
    order = list(FAMILIES)
    return sorted(found, key=lambda recipe: (order.index(recipe.family), recipe.name))


def find(name: str) -> Recipe:
    """Return the recipe of this name; ValueError with the nearest name if there is none."""
    recipes = {recipe.name: recipe for recipe in load()}
    if name not in recipes:
        near = difflib.get_close_matches(name, recipes, 1)
        advice = f"did you mean {near[0]}?" if near else "`python -m solution list` lists them"
        raise ValueError(f"recipe '{name}': unknown; {advice}")
    return recipes[name]
