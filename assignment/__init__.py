"""What a student receives: data, retrieval, training and the checks for one's own `dml.py`."""
