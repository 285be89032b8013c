NAME = "distances squared twice"
SENTENCE = "The values are those of d² in the place of d: the distances are squared once, by the loss itself."


def contrastive_loss(distances: Tensor, same: Tensor, margin: float) -> Tensor:
    distances = distances.square()
    return torch.where(same.bool(), distances.square(), (margin - distances).clamp_min(0).square())
