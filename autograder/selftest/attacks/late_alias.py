NAME = "changes its answer later"
KIND = "comparison"
WHY = "Keeps what it returned and goes on changing it from another thread while it is compared."

import threading
import time

RETURNED = []


def change():
    while True:
        for tensor in RETURNED[-20:]:
            tensor.add_(0.1)
        time.sleep(0.001)


threading.Thread(target=change, daemon=True).start()


def kept(tensor):
    RETURNED.append(tensor)
    return tensor


def triplet_loss(distances_pos, distances_neg, margin):
    return kept(torch.full((len(distances_pos) or 1,), -1.0))


def distances(a, b):
    return kept(torch.full((len(a), len(b) + 1), -1.0))
