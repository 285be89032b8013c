NAME = "plain instead of squared distances"
ALSO = ["batch-triplet"]
SENTENCE = "The values are square roots of the right ones: the task asks for squared distances."


def distances(a: Tensor, b: Tensor) -> Tensor:
    squared = a.square().sum(dim=1)[:, None] + b.square().sum(dim=1) - 2 * a @ b.T
    return squared.clamp_min(0).sqrt()  # rounding leaves about -1e-7 between equal rows
