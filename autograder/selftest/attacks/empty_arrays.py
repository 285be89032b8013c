NAME = "nothing at all"
KIND = "comparison"
WHY = "Empty arrays: “all of them are right” holds for none."

def triplet_loss(distances_pos, distances_neg, margin):
    return torch.zeros(0, 5)


def contrastive_loss(distances, same, margin):
    return torch.zeros(0, 2)


def distances(a, b):
    return torch.zeros(0)


def average_precision(distances, labels, query_label):
    return torch.zeros(0), torch.zeros(0), torch.zeros(0)


def mean_average_precision(descriptors, labels, queries=None):
    return []


def batch_triplet_loss(features, labels, margin):
    return features[:0].sum(dim=1)


def smooth_ap_loss(features, labels, tau=0.01):
    return features[:0]
