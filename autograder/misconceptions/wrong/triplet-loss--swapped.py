NAME = "d⁺ and d⁻ swapped"
ALSO = ["batch-triplet"]
SENTENCE = "The values are those of d⁻ − d⁺ + μ: this loss pulls negatives near and pushes positives away."


def triplet_loss(distances_pos: Tensor, distances_neg: Tensor, margin: float) -> Tensor:
    return (distances_neg - distances_pos + margin).clamp_min(0)
