NAME = "strange kinds of numbers"
KIND = "comparison"
WHY = "Booleans, complex numbers, objects, texts, dates, structured and quantised arrays."

import numpy as np


def triplet_loss(distances_pos, distances_neg, margin):
    return np.array([True] * len(distances_pos), dtype=object)


def distances(a, b):
    return torch.ones(len(a), len(b), dtype=torch.complex64)


def average_precision(distances, labels, query_label):
    return np.array("0.8333"), np.zeros(len(labels), dtype="M8[s]"), np.zeros(len(labels), dtype=[("x", "f4")])


def mean_average_precision(descriptors, labels, queries=None):
    return 0.4583j


def batch_triplet_loss(features, labels, margin):
    return torch.quantize_per_tensor(torch.tensor([0.625]), 0.1, 0, torch.qint8)


def smooth_ap_loss(features, labels, tau=0.01):
    return 10**4000
