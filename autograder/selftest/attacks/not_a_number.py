NAME = "NaN for everything"
KIND = "comparison"
WHY = "NaN compares false with everything: a careless check of “not larger than” lets it through."

NAN = float("nan")


def triplet_loss(distances_pos, distances_neg, margin):
    return torch.full_like(distances_pos, NAN) if len(distances_pos) else torch.tensor([NAN])


def contrastive_loss(distances, same, margin):
    return torch.full_like(distances, NAN) if len(distances) else torch.tensor([NAN])


def gem(maps, p=3.0, eps=1e-6):
    return torch.full(maps.shape[:2], NAN)


def distances(a, b):
    return torch.full((len(a), len(b)), NAN) if len(a) else torch.full((1, 1), NAN)


def batch_triplet_loss(features, labels, margin):
    return (features * NAN).sum()


def smooth_ap_loss(features, labels, tau=0.01):
    return (features * NAN).sum()
