NAME = "rows and columns swapped"
ALSO = ["mean-average-precision"]
SENTENCE = "The shape is (M, N): rows belong to `a`, columns to `b`."


def distances(a: Tensor, b: Tensor) -> Tensor:
    squared = a.square().sum(dim=1)[:, None] + b.square().sum(dim=1) - 2 * a @ b.T
    return squared.clamp_min(0).T  # rounding leaves about -1e-7 between equal rows
