"""Snapshots of the texts that people read, so that edits of them show in a review.

`python -m tests.snapshots --write` writes the `.txt` files in this folder; `tests/test_snapshots.py` compares them.
"""
