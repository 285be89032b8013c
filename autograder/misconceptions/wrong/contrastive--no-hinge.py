NAME = "no hinge"
SENTENCE = (
    "Pairs of different classes that are farther apart than μ still cost (μ − d)²: cut μ − d off at zero before "
    "squaring."
)


def contrastive_loss(distances: Tensor, same: Tensor, margin: float) -> Tensor:
    return torch.where(same.bool(), distances.square(), (margin - distances).square())
