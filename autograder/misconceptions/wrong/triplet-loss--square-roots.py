NAME = "plain instead of squared distances"
ALSO = ["batch-triplet"]
SENTENCE = (
    "The values are those of square roots: the distances that come in are squared and stay so, as does the margin."
)


def triplet_loss(distances_pos: Tensor, distances_neg: Tensor, margin: float) -> Tensor:
    return (distances_pos.sqrt() - distances_neg.sqrt() + margin).clamp_min(0)
