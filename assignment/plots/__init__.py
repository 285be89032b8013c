"""Plots of what a model has learnt: retrieval grids, curves, embeddings, Grad-CAM, and a page with all of them.

The functions take arrays, labels and images; only `make` reads a run folder.
"""

from assignment.plots.folder import Run, read_run
from assignment.plots.making import make

__all__ = ["Run", "make", "read_run"]
