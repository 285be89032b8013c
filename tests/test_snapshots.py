"""Texts that people read are those of the snapshots; `python -m tests.snapshots --write` writes them again."""

from __future__ import annotations

import pytest

from tests.snapshots.texts import TEXTS, difference


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_those_of_the_snapshot(name):
    changes = difference(name, TEXTS[name]())
    assert not changes, f"{name} changed; if that is intended: python -m tests.snapshots --write\n{changes}"
