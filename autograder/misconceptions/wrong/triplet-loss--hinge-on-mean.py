NAME = "hinge on the mean"
ALSO = ["batch-triplet"]
SENTENCE = (
    "One number comes back, the hinge of the mean. Each triplet has its own hinge: otherwise an easy triplet "
    "cancels a hard one."
)


def triplet_loss(distances_pos: Tensor, distances_neg: Tensor, margin: float) -> Tensor:
    return (distances_pos - distances_neg + margin).mean().clamp_min(0)
