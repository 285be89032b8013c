"""Training with the functions of any `dml.py`: settings, batches, losses, the loop, the folder of a run."""
