"""Training, for any `dml.py`: the settings, what a batch is and costs, the loop, the folder a run leaves behind."""
