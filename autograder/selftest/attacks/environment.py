NAME = "reads the environment"
KIND = "reading"
WHY = "Looks for secrets in the environment, the command line and the auxiliary vector."

import os
import sys

LEAK = {key: value for key, value in os.environ.items() if any(w in key.lower() for w in ("token", "key", "secret", "grad"))}
with open("/proc/self/environ", "rb") as file:
    RAW = file.read()


def at_call(task, *arguments):
    if LEAK or b"autograder" in RAW or any("autograder" in word for word in sys.orig_argv):
        raise RuntimeError(f"{LEAK} {RAW} {sys.orig_argv}")
