NAME = "negatives of the anchor's class"
SENTENCE = "Images of the anchor's own class were counted as negatives: a negative is of another class."


def batch_triplet_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    squared = distances(features, features)
    same = labels[:, None] == labels
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    valid = positive[:, :, None] & ~torch.eye(len(labels), dtype=torch.bool)[:, None, :]  # [anchor, positive, negative]
    losses = triplet_loss(squared[:, :, None], squared[:, None, :], margin)
    return torch.where(valid, losses, 0).sum() / valid.sum().clamp_min(1)
