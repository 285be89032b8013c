NAME = "margin with the wrong sign"
ALSO = ["batch-triplet"]
SENTENCE = "The values are those of d⁺ − d⁻ − μ: the margin is added."


def triplet_loss(distances_pos: Tensor, distances_neg: Tensor, margin: float) -> Tensor:
    return (distances_pos - distances_neg - margin).clamp_min(0)
