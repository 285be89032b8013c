NAME = "tries every open descriptor"
KIND = "reading"
WHY = "Reads from, seeks in and climbs out of every descriptor that it has inherited."

import os

LOOT = []
for descriptor in range(256):
    if descriptor == 3:
        continue
    try:
        os.lseek(descriptor, 0, 0)
        LOOT.append((descriptor, os.read(descriptor, 100)))
    except OSError:
        pass
    for path in ("..", "../..", "."):
        try:
            LOOT.append((descriptor, os.listdir(os.open(path, os.O_RDONLY, dir_fd=descriptor))))
        except OSError:
            pass


def at_call(task, *arguments):
    if [entry for entry in LOOT if entry[1]]:
        raise RuntimeError(str(LOOT))
