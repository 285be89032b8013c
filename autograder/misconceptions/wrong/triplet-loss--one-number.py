NAME = "the mean instead of one loss per triplet"
ALSO = ["batch-triplet"]
SENTENCE = (
    "One number comes back, the mean of the right losses. The task asks for one loss per triplet, shape (M,); "
    "the mean is taken later."
)


def triplet_loss(distances_pos: Tensor, distances_neg: Tensor, margin: float) -> Tensor:
    return (distances_pos - distances_neg + margin).clamp_min(0).mean()
