NAME = "writes outside its folder"
KIND = "files"
WHY = "Writes to relative, absolute and encoded paths outside its folder, and changes its own file and modes."

import os

WRITTEN = []
for path in ("../evil", "../../etc/evil", "/evil", "/etc/evil", "/kit/evil", "/kit/assignment/evil.py", "/usr/evil", "/dev/evil",
             "/proc/self/root/evil", "/proc/sys/kernel/hostname", "/sys/evil", "/proc/self/oom_score_adj/../../evil"):
    try:
        with open(path, "w") as file:
            file.write("1")
        WRITTEN.append(path)
    except OSError:
        pass
for path in ("/", "/kit", "/kit/assignment", "/usr", "/etc"):
    try:
        os.chmod(path, 0o777)
        WRITTEN.append(path)
    except OSError:
        pass


def at_call(task, *arguments):
    if WRITTEN:
        raise RuntimeError(str(WRITTEN))
