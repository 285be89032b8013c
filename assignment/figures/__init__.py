"""Pictures of what a model has learnt: grids, curves, maps of descriptors, Grad-CAM, and one page for a run.

The functions take arrays, labels and images; `make` alone reads a run folder.
"""

from assignment.figures.folder import Run, read_run
from assignment.figures.run import make

__all__ = ["Run", "make", "read_run"]
