NAME = "arrays that broadcast"
KIND = "comparison"
WHY = "Shapes (1,), (n, 1) and stride 0: a comparison that broadcasts would find a match."

import numpy as np


def triplet_loss(distances_pos, distances_neg, margin):
    return torch.tensor([[0.0], [0.3], [0.1]])


def distances(a, b):
    return torch.tensor(25.0).expand(2, 1, 1)


def average_precision(distances, labels, query_label):
    return torch.tensor([5 / 6, 0.5]), torch.tensor([1.0]), torch.tensor([1.0])


def mean_average_precision(descriptors, labels, queries=None):
    return np.broadcast_to(np.float64(11 / 24), (1,))


def batch_triplet_loss(features, labels, margin):
    return torch.tensor([0.625, 0.625])


def smooth_ap_loss(features, labels, tau=0.01):
    return torch.tensor([[0.5]])
