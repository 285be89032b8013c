NAME = "losses without a graph"
ALSO = ["batch-triplet"]
SENTENCE = (
    "The losses are right but cannot be differentiated: a conversion on the way (detach, item, numpy, "
    "torch.tensor) cuts the graph."
)


def triplet_loss(distances_pos: Tensor, distances_neg: Tensor, margin: float) -> Tensor:
    return (distances_pos - distances_neg + margin).clamp_min(0).detach()
