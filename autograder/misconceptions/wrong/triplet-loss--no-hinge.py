NAME = "no hinge"
ALSO = ["batch-triplet"]
SENTENCE = (
    "Negative losses come back: a triplet that already satisfies the margin should cost 0, so cut the sum d⁺ − "
    "d⁻ + μ off at zero."
)


def triplet_loss(distances_pos: Tensor, distances_neg: Tensor, margin: float) -> Tensor:
    return distances_pos - distances_neg + margin
