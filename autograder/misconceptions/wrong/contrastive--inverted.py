NAME = "same and different swapped"
SENTENCE = "The values are those of the opposite label: `same` is 1 where the two images show one class."


def contrastive_loss(distances: Tensor, same: Tensor, margin: float) -> Tensor:
    return torch.where(same.bool(), (margin - distances).clamp_min(0).square(), distances.square())
