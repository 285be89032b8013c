NAME = "reads /proc of everybody"
KIND = "reading"
WHY = "Reads command lines, environments, memory maps, memory and descriptors of every process in /proc."

import glob
import os

SEEN = []
for path in glob.glob("/proc/[0-9]*"):
    if int(path.split("/")[2]) == os.getpid():
        continue
    for entry in ("cmdline", "environ", "maps", "mem", "root", "cwd"):
        try:
            with open(f"{path}/{entry}", "rb") as file:
                text = file.read(1 << 16)
            if b"hidden_tests" in text or b"autograder" in text:
                SEEN.append((path, entry))
        except OSError:
            pass


def at_call(task, *arguments):
    if SEEN:
        raise RuntimeError(str(SEEN))
