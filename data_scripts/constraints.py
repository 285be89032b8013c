"""Print the installed versions as a constraints file: names and versions, no addresses.

Usage: python -m data_scripts.constraints > constraints.txt
"""

from __future__ import annotations

from importlib import metadata

HEADER = """\
# The exact versions that the tests passed with, written by `make constraints`. Versions alone, no addresses.
# On Python 3.10 the newest versions of some of them do not exist; there the newest that fit are installed.
"""
OWN = {"deep-metric-learning-course", "pip", "setuptools", "wheel"}


def lines() -> list[str]:
    """One `name==version` line per installed package, sorted by name; local version labels are left out."""
    found = {dist.metadata["Name"].lower(): dist.version.split("+")[0] for dist in metadata.distributions()}
    return [
        f'{name}=={version} ; python_version >= "3.11"' for name, version in sorted(found.items()) if name not in OWN
    ]


if __name__ == "__main__":
    print(HEADER + "\n".join(lines()))
