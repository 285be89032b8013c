NAME = "the product only once"
ALSO = ["batch-triplet"]
SENTENCE = "The values are those of ‖a‖² + ‖b‖² − a·b: expand (a − b)² once more, the product comes twice."


def distances(a: Tensor, b: Tensor) -> Tensor:
    squared = a.square().sum(dim=1)[:, None] + b.square().sum(dim=1) - a @ b.T
    return squared.clamp_min(0)  # rounding leaves about -1e-7 between equal rows
