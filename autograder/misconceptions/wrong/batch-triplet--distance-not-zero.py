NAME = "the anchor recognised by a distance of 0"
SENTENCE = (
    "Positives were those at a distance other than 0: rounding defeats that for the image itself, and a copy of "
    "the image is a valid positive. Use the index."
)


def batch_triplet_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    squared = distances(features, features)
    same = labels[:, None] == labels
    positive = same & (squared != 0)
    valid = positive[:, :, None] & ~same[:, None, :]  # [anchor, positive, negative]
    losses = triplet_loss(squared[:, :, None], squared[:, None, :], margin)
    return torch.where(valid, losses, 0).sum() / valid.sum().clamp_min(1)
