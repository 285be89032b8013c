NAME = "an exception whose text never ends"
KIND = "denial"
WHY = "The text of its exception loops for ever; so does its hash, its name and its signature."

class Forever(Exception):
    def __str__(self):
        while True:
            pass

    __repr__ = __hash__ = __str__


class Signature:
    @property
    def __signature__(self):
        while True:
            pass

    def __call__(self, *arguments):
        return torch.tensor(0.0)


smooth_ap_loss = Signature()


def triplet_loss(distances_pos, distances_neg, margin):
    raise Forever
