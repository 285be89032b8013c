NAME = "lies about its class"
KIND = "comparison"
WHY = "Returns objects whose __class__ says Tensor, ndarray or float."

import numpy as np


class Liar:
    def __init__(self, pretend):
        object.__setattr__(self, "pretend", pretend)

    __class__ = property(lambda self: object.__getattribute__(self, "pretend"))
    __getattr__ = lambda self, name: self
    __call__ = lambda self, *arguments, **options: self
    __eq__ = lambda self, other: True
    __hash__ = object.__hash__


def triplet_loss(distances_pos, distances_neg, margin):
    return Liar(torch.Tensor)


def distances(a, b):
    return Liar(np.ndarray)


def mean_average_precision(descriptors, labels, queries=None):
    return Liar(float)


def smooth_ap_loss(features, labels, tau=0.01):
    return Liar(dict)


def batch_triplet_loss(features, labels, margin):
    return Liar(list)
