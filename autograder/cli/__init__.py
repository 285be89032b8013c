"""The commands of `python -m autograder`: one file for each; `status.py` lists their exit statuses.

The modules import slow libraries inside their functions, so that `--help` and wrong options answer at once.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: the workers share the cores
