NAME = "square roots of zero"
SENTENCE = (
    "The value is right but the gradient is NaN: a square root has an infinite slope at 0, and every image is "
    "at distance 0 from itself."
)


def batch_triplet_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    squared = (features[:, None] - features).square().sum(dim=2).sqrt().square()
    same = labels[:, None] == labels
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    valid = positive[:, :, None] & ~same[:, None, :]  # [anchor, positive, negative]
    losses = triplet_loss(squared[:, :, None], squared[:, None, :], margin)
    return torch.where(valid, losses, 0).sum() / valid.sum().clamp_min(1)
