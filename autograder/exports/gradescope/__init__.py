"""Gradescope: its autograder zip, the harness that runs inside of it, and results.json."""
