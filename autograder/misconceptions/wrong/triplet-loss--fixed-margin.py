NAME = "a fixed margin"
ALSO = ["batch-triplet"]
SENTENCE = "The values are those of a margin of 0.2, whatever margin is given: use the argument."


def triplet_loss(distances_pos: Tensor, distances_neg: Tensor, margin: float) -> Tensor:
    return (distances_pos - distances_neg + 0.2).clamp_min(0)
