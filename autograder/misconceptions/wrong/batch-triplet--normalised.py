NAME = "features normalised"
SENTENCE = "The values are those of features of length one: this loss takes the features as they come."


def batch_triplet_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    features = F.normalize(features)
    squared = distances(features, features)
    same = labels[:, None] == labels
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    valid = positive[:, :, None] & ~same[:, None, :]  # [anchor, positive, negative]
    losses = triplet_loss(squared[:, :, None], squared[:, None, :], margin)
    return torch.where(valid, losses, 0).sum() / valid.sum().clamp_min(1)
