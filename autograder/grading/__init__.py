"""Grade one submission, record the grade, and repeat or explain it from the record."""
