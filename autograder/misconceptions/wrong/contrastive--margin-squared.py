NAME = "margin against the squared distance"
SENTENCE = (
    "Pairs of different classes cost max(0, μ − d²): here the margin is a length, the hinge is taken of μ − d "
    "and then squared."
)


def contrastive_loss(distances: Tensor, same: Tensor, margin: float) -> Tensor:
    return torch.where(same.bool(), distances.square(), (margin - distances.square()).clamp_min(0))
