NAME = "objects where values belong"
KIND = "channel"
WHY = "Returns functions, modules, generators and itself: the grader holds a reference where it wants an array."

import sys


def triplet_loss(distances_pos, distances_neg, margin):
    return triplet_loss


def contrastive_loss(distances, same, margin):
    return iter([0.25, 0.09, 0.0])


def distances(a, b):
    return sys


def average_precision(distances, labels, query_label):
    return average_precision, iter(()), type


def batch_triplet_loss(features, labels, margin):
    return nn.Linear(2, 2)


def smooth_ap_loss(features, labels, tau=0.01):
    return lambda *arguments: 0.5


def gem(maps, p=3.0, eps=1e-6):
    return {1, 2}


class CUBtriplet:
    def __getitem__(self, i):
        return nn.Linear, [nn.Linear], {"a": nn.Linear}
