NAME = "row by row instead of all pairs"
ALSO = ["hard-negatives", "mean-average-precision", "batch-triplet"]
SENTENCE = (
    "Row i of `a` met only row i of `b`: all pairs are asked for, (N, M) numbers; give one of the two a new dimension."
)


def distances(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum(dim=1)
