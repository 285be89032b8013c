NAME = "subclasses of numbers"
KIND = "comparison"
WHY = "Returns float, int and str subclasses whose comparisons and conversions lie."

class Any(float):
    __eq__ = __le__ = __ge__ = __lt__ = __gt__ = lambda self, other: True
    __sub__ = __rsub__ = __abs__ = __neg__ = lambda self, *other: Any(0)
    __hash__ = float.__hash__
    __float__ = __repr__ = __str__ = __format__ = lambda self, *other: "0.4583333"


class Text(str):
    __eq__ = lambda self, other: True
    __hash__ = str.__hash__


class Whole(int):
    __index__ = __int__ = lambda self: 7


def mean_average_precision(descriptors, labels, queries=None):
    return Any(0)


def batch_triplet_loss(features, labels, margin):
    return Text("0.625")


def smooth_ap_loss(features, labels, tau=0.01):
    return Whole(0)
