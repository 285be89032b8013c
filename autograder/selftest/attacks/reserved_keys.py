NAME = "uses the reserved keys"
KIND = "channel"
WHY = "Returns dictionaries that look like references to arrays and objects."

def triplet_loss(distances_pos, distances_neg, margin):
    return {"$array": 0}


def distances(a, b):
    return {"$object": 0, "type_name": "Tensor"}


def average_precision(distances, labels, query_label):
    return {"$object": -1}, {"$object": True}, {"$array": 1e9}


def mean_average_precision(descriptors, labels, queries=None):
    return {"error": None, "value": 11 / 24, "$object": 10**20}


class GDextractor:
    def forward(self, x, eps=1e-6):
        return {"$object": 0, "type_name": "<script>alert(1)</script>"}
