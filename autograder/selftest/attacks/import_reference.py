NAME = "imports the reference"
KIND = "reading"
WHY = "Imports solution.dml and the hidden tests under every root it can think of."

import glob
import importlib
import sys

STOLEN = {}
for root in ["", "..", "/", "/kit", "/work", *glob.glob("/[hkorw]*/*"), "/proc/1/cwd", "/proc/1/root"]:
    sys.path.insert(0, root)
    for name in ("solution.dml", "autograder.hidden_tests.oracles", "autograder.grading.reference_files"):
        try:
            STOLEN.update(vars(importlib.import_module(name)))
        except BaseException:
            pass
    sys.path.pop(0)


def distances(a, b):
    return STOLEN["distances"](a, b)


def triplet_loss(distances_pos, distances_neg, margin):
    return STOLEN["triplet_loss"](distances_pos, distances_neg, margin)
