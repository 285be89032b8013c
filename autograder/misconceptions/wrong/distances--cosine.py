NAME = "cosine distances"
ALSO = ["mean-average-precision", "batch-triplet"]
SENTENCE = (
    "The values are 1 − cos of the angle between the rows: the task asks for squared Euclidean distances, also "
    "of rows that are not of length one."
)


def distances(a: Tensor, b: Tensor) -> Tensor:
    return (1 - F.normalize(a) @ F.normalize(b).T).clamp_min(0)
