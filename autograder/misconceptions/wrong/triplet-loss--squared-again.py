NAME = "distances squared twice"
ALSO = ["batch-triplet"]
SENTENCE = "The values are those of squares: the distances that come in are squared already."


def triplet_loss(distances_pos: Tensor, distances_neg: Tensor, margin: float) -> Tensor:
    return (distances_pos.square() - distances_neg.square() + margin).clamp_min(0)
