NAME = "looks for other submissions"
KIND = "reading"
WHY = "Searches every writable place for files, sockets and memory of whoever was here before."

import glob
import os

OTHERS = []
for place in ("/tmp", "/dev/shm", "/var/tmp", "/run", "/dev/mqueue", "/home", "/kit", os.path.expanduser("~")):
    OTHERS += [p for p in glob.glob(place + "/**", recursive=True) if p.endswith(("dml.py", ".pt", ".npz", ".json", ".html"))]
OTHERS = [path for path in OTHERS if path != __file__]


def triplet_loss(distances_pos, distances_neg, margin):
    for path in OTHERS:
        scope = {}
        exec(open(path).read(), scope)
        if "triplet_loss" in scope:
            return scope["triplet_loss"](distances_pos, distances_neg, margin)
    return torch.full((len(distances_pos) or 1,), -1.0)
