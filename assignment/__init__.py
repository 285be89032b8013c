"""What a student receives: data sets, training, evaluation, plots, and checks for `dml.py`."""
