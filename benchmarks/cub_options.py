"""Options of the benchmarks that train on CUB-200-2011."""

from __future__ import annotations

import argparse


def parser_for(about: str | None) -> argparse.ArgumentParser:
    """Return a parser for the data set's folder, the backbone and its weights; `about` is the module's docstring."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True, help="folder of CUB-200-2011, whole or a part")
    parser.add_argument("--backbone", default="squeezenet1_1")
    parser.add_argument("--weights", default="", help="file with the backbone's state_dict")
    return parser
