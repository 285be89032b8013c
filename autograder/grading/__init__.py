"""One submission: its grade, the record of the grade, and what can be done again from the record."""
