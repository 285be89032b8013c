"""The commands of `python -m autograder`: one file for each; `status.py` lists their exit statuses.

The modules import what takes seconds inside their functions, so that `--help` and wrong options answer at once.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # set before torch is imported: two graders share the cores
