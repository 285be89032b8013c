NAME = "a factor of one half"
SENTENCE = "All values are half of what they should be: the paper writes ½, this task does not."


def contrastive_loss(distances: Tensor, same: Tensor, margin: float) -> Tensor:
    return 0.5 * torch.where(same.bool(), distances.square(), (margin - distances).clamp_min(0).square())
