NAME = "nothing squared"
SENTENCE = (
    "The values are d and max(0, μ − d) without their squares: in this task the distances are plain ones and "
    "the loss squares them."
)


def contrastive_loss(distances: Tensor, same: Tensor, margin: float) -> Tensor:
    return torch.where(same.bool(), distances, (margin - distances).clamp_min(0))
