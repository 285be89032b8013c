NAME = "carries inputs out in shapes"
KIND = "other"
WHY = "Returns arrays without elements whose shape spells the hidden input."

def distances(a, b):
    return torch.zeros(0, 1, *[int(abs(v) * 1000) for v in a.flatten()[:6].tolist()])


def triplet_loss(distances_pos, distances_neg, margin):
    return torch.zeros(0, 1, *[int(abs(v) * 1000) for v in distances_pos[:6].tolist()])
