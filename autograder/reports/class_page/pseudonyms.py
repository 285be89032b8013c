"""Pseudonyms for a page that the whole class may read.

They are random and kept in a file in the instructor's folder: a pseudonym reveals nothing about its student, who keeps
it on later pages.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from pathlib import Path

from assignment.files import write_whole
from autograder.classroom.class_file import ClassFileError

FILE = "pseudonyms.json"
FIRST = (
    "agile amber azure bold brave bright brisk calm clever coral cosy crisp curious daring eager early fair fleet "
    "gentle golden grand happy hazel humble ivory jolly keen kind light lively loyal lucky mellow merry mild nimble "
    "noble olive patient polite proud quick quiet rapid ruby sage sharp silver smart snowy steady sunny swift tidy "
    "tranquil velvet vivid warm wise witty zesty"
).split()
SECOND = (
    "badger beaver bison bittern bluetit buzzard chamois condor cormorant crane cricket curlew deer dolphin dormouse "
    "eagle egret falcon finch fox gecko gannet gull hamster hare hawk heron hoopoe ibex ibis jay kestrel kingfisher "
    "kite lark linnet lynx magpie marten merlin mole moose newt nightjar nuthatch oriole osprey otter owl pelican "
    "petrel plover puffin quail rabbit raven robin salmon seal sparrow squirrel starling stork swallow swan swift "
    "tern thrush toucan trout turtle vole wagtail walrus warbler weasel wren yak"
).split()


def pseudonyms(folder: Path, keys: Iterable[str]) -> dict[str, str]:
    """The pseudonym of each student; new ones are added to the file in `folder`.

    Raises:
        ClassFileError: the file cannot be read. OSError: it cannot be written.
    """
    path = folder / FILE
    known = _read(path)
    taken = set(known.values())
    missing = [key for key in keys if key not in known]
    for key in missing:
        while (name := _draw()) in taken:
            pass
        known[key] = name
        taken.add(name)
    if missing:
        write_whole(path, json.dumps(known, indent=1, sort_keys=True) + "\n")
    return known


def _draw() -> str:
    return f"{secrets.choice(FIRST)} {secrets.choice(SECOND)} {secrets.randbelow(90) + 10}"


def _read(path: Path) -> dict[str, str]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise ClassFileError(f"{path} cannot be read ({problem.strerror}); check its permissions") from None
    except (ValueError, RecursionError):
        tree = None
    if not isinstance(tree, dict) or not all(isinstance(name, str) for name in tree.values()):
        raise ClassFileError(f"{path} is damaged; repair it, or remove it to have new pseudonyms drawn")
    return tree
