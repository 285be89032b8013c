NAME = "answers too much"
KIND = "channel"
WHY = "Returns gigabytes, and announces frames of exabytes."

import os
import struct


def distances(a, b):
    return torch.zeros(1 << 15, 1 << 13)


def triplet_loss(distances_pos, distances_neg, margin):
    os.write(3, struct.pack(">IQ", 2**32 - 1, 2**63) + bytes(1000))
    return torch.zeros(0)


def mean_average_precision(descriptors, labels, queries=None):
    return list(range(10**6))


def smooth_ap_loss(features, labels, tau=0.01):
    return "0" * (90 << 20)
