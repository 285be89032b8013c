NAME = "mean over the triplets that cost something"
SENTENCE = (
    "The mean was taken over the triplets with a loss above 0: here all valid triplets count, also the easy ones."
)


def batch_triplet_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    squared = distances(features, features)
    same = labels[:, None] == labels
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    valid = positive[:, :, None] & ~same[:, None, :]  # [anchor, positive, negative]
    losses = triplet_loss(squared[:, :, None], squared[:, None, :], margin)
    return torch.where(valid, losses, 0).sum() / (valid & (losses > 0)).sum().clamp_min(1)
