NAME = "carries inputs out in names"
KIND = "other"
WHY = "Puts the hidden inputs into the names of exceptions and of the classes of its answers."

def at_call(task, *arguments):
    values = [a.flatten()[:8].tolist() for a in arguments if isinstance(a, torch.Tensor)]
    name = "Error_" + "_".join(f"{v:.3f}".replace(".", "p").replace("-", "m") for row in values for v in row)
    if task == "distances":
        raise type(name, (Exception,), {})()


def triplet_loss(distances_pos, distances_neg, margin):
    return type("T" + str(distances_pos.tolist()), (), {})()


def batch_triplet_loss(features, labels, margin):
    return {str(features.tolist()): 1}
