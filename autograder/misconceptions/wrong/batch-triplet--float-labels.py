NAME = "labels as float32"
SENTENCE = (
    "Two different large labels were taken for the same: float32 has no odd integers above 16,777,216; leave "
    "labels integers."
)


def batch_triplet_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    labels = labels.float()
    squared = distances(features, features)
    same = labels[:, None] == labels
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    valid = positive[:, :, None] & ~same[:, None, :]  # [anchor, positive, negative]
    losses = triplet_loss(squared[:, :, None], squared[:, None, :], margin)
    return torch.where(valid, losses, 0).sum() / valid.sum().clamp_min(1)
