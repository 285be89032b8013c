NAME = "fills the disk"
KIND = "denial"
WHY = "Writes large files, sparse files and hundreds of thousands of small ones."

import os


def at_call(task, *arguments):
    for place in ("/tmp", "/dev/shm"):
        try:
            for n in range(30_000):
                with open(f"{place}/{task}-{n}", "wb") as file:
                    file.write(bytes(1 << 20))
        except OSError:
            pass
        try:
            with open(f"{place}/sparse", "wb") as file:
                os.truncate(file.fileno(), 1 << 50)
        except OSError:
            pass
