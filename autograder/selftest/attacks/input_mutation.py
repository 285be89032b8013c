NAME = "changes its inputs"
KIND = "comparison"
WHY = "Sets all inputs to zero, so that an expectation computed from them afterwards would be zero, too."

def at_call(task, *arguments):
    for argument in arguments:
        if isinstance(argument, torch.Tensor) and not argument.requires_grad:
            argument.zero_()


def distances(a, b):
    at_call("distances", a, b)
    return torch.zeros(len(a) or 1, len(b) + 1)


def triplet_loss(distances_pos, distances_neg, margin):
    at_call("triplet_loss", distances_pos, distances_neg)
    return torch.full((len(distances_pos) or 1,), margin)
