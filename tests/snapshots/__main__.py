"""`python -m tests.snapshots [--write]`: print the differences of the snapshots, or write them."""

from __future__ import annotations

import argparse

from tests.snapshots.texts import FOLDER, TEXTS, difference

parser = argparse.ArgumentParser(prog="python -m tests.snapshots", description=__doc__)
parser.add_argument("--write", action="store_true", help="write the snapshots")
options = parser.parse_args()
changed = False
for name, text in TEXTS.items():
    found = text()
    lines = difference(name, found)
    changed = changed or bool(lines)
    print(lines or f"{name}: no change\n", end="")
    if options.write:
        (FOLDER / f"{name}.txt").write_text(found, encoding="utf-8")
raise SystemExit(changed and not options.write)
